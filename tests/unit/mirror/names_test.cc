#include "controlplane/mirror/names.h"

#include <array>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/mirror/records.h"
#include "tests/unit/mirror/talk.h"

namespace carpool::mirror {
namespace {

using test::names_of;
using testing::ElementsAre;
using testing::IsEmpty;

NamesItem learned(const Names& before, const Names& now, std::size_t at) {
  static std::vector<ItemBytes> items;  // what the item points into
  items = encode_changes(before, now);
  return std::get<NamesItem>(decode_item(items.at(at)).value());
}

TEST(Names, OnlyChangesAreTold) {
  const Names before = names_of({"web", "api"}, {"web/a"});
  const Names now = names_of({"web", "shop", "new"}, {});
  EXPECT_THAT(encode_changes(before, before), IsEmpty());
  EXPECT_THAT(learned(before, now, 0).entries,
              ElementsAre(NamesItem::Entry{1, "shop"}, NamesItem::Entry{2, "new"}));
  EXPECT_THAT(learned(before, now, 1).entries, ElementsAre(NamesItem::Entry{0, ""}));
}

struct Translation : testing::Test {
  NameTranslation translation;
  std::string unknown;

  void peer_has(const Names& names) {
    for (const ItemBytes& item : encode_changes({}, names))
      translation.learn(std::get<NamesItem>(decode_item(item).value()));
  }
  // "service.server", or nothing.
  std::string translate(std::uint16_t service, std::uint16_t server) {
    abi::MirrorRecord record = test::record(1);
    record.service = service;
    record.server = server;
    unknown.clear();
    if (!translation.translate(record, unknown)) return "";
    return std::to_string(record.service) + "." + std::to_string(record.server);
  }
};

TEST_F(Translation, ByNameBothWays) {
  translation.set_local(names_of({"api", "web"}, {"api/x", "web/x", "web/y"}));
  peer_has(names_of({"web", "", "api"}, {"web/y", "api/x"}));
  EXPECT_EQ(translate(0, 0), "1.2");
  EXPECT_EQ(translate(2, 1), "0.0");
}

TEST_F(Translation, AnIndexThatChangesItsMeaning) {
  translation.set_local(names_of({"web"}, {"web/x", "web/y"}));
  peer_has(names_of({"web"}, {"web/x"}));
  EXPECT_EQ(translate(0, 0), "0.0");
  peer_has(names_of({"web"}, {"web/y"}));
  EXPECT_EQ(translate(0, 0), "0.1");
  translation.set_local(names_of({"", "web"}, {"web/y"}));
  EXPECT_EQ(translate(0, 0), "1.0");
}

TEST_F(Translation, WhatIsUnknownIsSaidOnceAndBounded) {
  translation.set_local(names_of({"web"}, {"web/x"}));
  std::vector<std::string> many;
  for (int at = 0; at < 100; ++at)
    many.push_back("s" + std::to_string(at));
  peer_has(names_of(many, {"web/x"}));
  EXPECT_EQ(translate(7, 0), "");
  EXPECT_EQ(unknown, "service 's7'");
  EXPECT_EQ(translate(7, 0), "");
  EXPECT_EQ(unknown, "");
  for (std::uint16_t at = 0; at < 100; ++at)
    EXPECT_EQ(translate(at, 0), "");
  EXPECT_EQ(translation.unknown().size(), NameTranslation::kMaxUnknown);
  EXPECT_EQ(translate(100, 0), "") << "an index without a name";
  EXPECT_EQ(unknown, "");
}

TEST_F(Translation, NoIndexIsTooLargeToBeAskedFor) {
  translation.set_local(names_of({"web"}, {"web/x"}));
  translation.learn({NameTable::services, {{65535, "web"}}});
  EXPECT_EQ(translate(65535, 0), "") << "there are not so many services";
}

// ---- From the forwarding image ------------------------------------------------------------------

struct TinyImage {
  alignas(8) std::array<std::byte, sizeof(abi::ImageHeader) + 3 * sizeof(abi::ImageService) +
                                       3 * sizeof(abi::ImageServer)> bytes{};
  abi::ImageView view() const { return abi::ImageView(bytes.data()); }
};

TEST(NamesOfAnImage, SayWhichServerOfWhichService) {
  abi::ImageHeader header;
  std::array<abi::ImageService, 3> services{};
  std::array<abi::ImageServer, 3> servers{};
  services[0].name = Name("web");
  services[2].name = Name("web@inside");
  servers[0].name = Name("a");
  servers[2].name = Name("b");
  servers[2].service = 2;
  header.services = {sizeof header, 3};
  header.servers = {static_cast<std::uint32_t>(sizeof header + sizeof services), 3};
  TinyImage image;
  std::memcpy(image.bytes.data(), &header, sizeof header);
  std::memcpy(image.bytes.data() + header.services.offset, services.data(), sizeof services);
  std::memcpy(image.bytes.data() + header.servers.offset, servers.data(), sizeof servers);

  const Names names = mirror::names_of(image.view());
  EXPECT_THAT(names.services, ElementsAre("web", "", "web@inside"));
  EXPECT_THAT(names.servers, ElementsAre("web/a", "", "web@inside/b"));
}

}  // namespace
}  // namespace carpool::mirror
