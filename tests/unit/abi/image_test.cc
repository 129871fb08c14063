#include "dataplane/abi/image.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/headers.h"
#include "tests/support/image_builder.h"

namespace carpool::abi {
namespace {

using test::build_image;
using test::element_of;
using test::header_of;
using test::ImageContent;
using Image = std::vector<std::byte>;

constexpr Ipv4Address kVirtual = Ipv4Address::of(192, 0, 2, 10);
constexpr Ipv4Address kLocal = Ipv4Address::of(10, 0, 0, 10);

ImageContent::Service service(std::string_view name, std::vector<std::uint16_t> picks) {
  ImageContent::Service service;
  service.fields.name = Name(name);
  service.fields.protocol = kProtocolTcp;
  service.picks = std::move(picks);
  return service;
}

ImageServer server(std::string_view name, std::uint16_t of_service) {
  ImageServer server;
  server.name = Name(name);
  server.address = Ipv4Address::of(10, 0, 0, 11);
  server.port = be16(80);
  server.local = kLocal;
  server.service = of_service;
  return server;
}

// One group, a virtual and a local address, services at indices 0 and 2 (1 was deleted), three
// servers.
ImageContent small_content() {
  ImageContent content;
  content.generation = 17;
  content.groups = {{.name = Name("public"), .mac = MacAddress::virtual_router(53), .vhid = 53}};
  content.addresses = {{.address = kVirtual, .port = 0, .group = 0, .roles = kRoleVirtual},
                       {.address = kLocal, .port = 1, .group = 0, .roles = kRoleLocal}};
  content.services = {service("web", {0, 2, 0}), {}, service("mysql", {})};
  content.service_keys = {
      {.address = kVirtual, .port = be16(80), .protocol = kProtocolTcp, .service = 0},
      {.address = kVirtual, .port = be16(3306), .protocol = kProtocolTcp, .service = 2}};
  content.servers = {server("web1", 0), server("db1", 2), server("web2", 0)};
  content.next_hops = {{.destination = {}, .source = {}, .port = 1, .resolved = 1}};
  return content;
}

TEST(ImageValidate, AcceptsAnImage) {
  const Image image = build_image(small_content());
  EXPECT_EQ(validate(image), ImageFault::none);
  const ImageView view(image.data());
  EXPECT_TRUE(view);
  EXPECT_EQ(view.header().generation, 17u);
  EXPECT_EQ(view.groups()[0].name.view(), "public");
  EXPECT_EQ(view.services()[2].name.view(), "mysql");
  EXPECT_EQ(view.servers()[2].name.view(), "web2");
  EXPECT_EQ(view.next_hops()[0].port, 1);
  EXPECT_TRUE(std::ranges::equal(view.picks(view.services()[0]), std::vector{0, 2, 0}));
  EXPECT_TRUE(view.picks(view.services()[2]).empty());
}

TEST(ImageValidate, AcceptsAnEmptyImage) {
  const Image image = build_image({});
  EXPECT_EQ(validate(image), ImageFault::none);
  const ImageView view(image.data());
  EXPECT_EQ(view.find_address(kVirtual), nullptr);
  EXPECT_EQ(view.find_service(kVirtual, be16(80), kProtocolTcp), -1);
}

TEST(ImageValidate, AcceptsAnImageInALargerSlot) {
  Image slot = build_image(small_content());
  slot.resize(slot.size() + 5000);
  EXPECT_EQ(validate(slot), ImageFault::none);
}

// One break each, and what it must be called.
TEST(ImageValidate, NamesWhatIsWrong) {
  struct Case {
    const char* what;
    ImageFault fault;
    std::function<void(Image&, ImageHeader&)> break_it;
  };
  using H = ImageHeader;
  const std::vector<Case> cases = {
      {"shorter than a header", ImageFault::too_small,
       [](Image& image, H&) { image.resize(sizeof(ImageHeader) - 1); }},
      {"nothing at all", ImageFault::too_small, [](Image& image, H&) { image.clear(); }},
      {"magic", ImageFault::wrong_magic, [](Image&, H& header) { header.magic ^= 1; }},
      {"version", ImageFault::wrong_version, [](Image&, H& header) { header.version += 1; }},
      {"size beyond the slot", ImageFault::wrong_size, [](Image&, H& header) { header.size += 1; }},
      {"size below a header", ImageFault::wrong_size, [](Image&, H& header) { header.size = 8; }},
      {"size cuts a table", ImageFault::table_outside,
       [](Image&, H& header) { header.size = header.next_hops.offset + 8; }},
      {"offset outside", ImageFault::table_outside,
       [](Image&, H& header) { header.servers.offset = 0xfffffff8; }},
      {"offset at the very end", ImageFault::table_outside,
       [](Image&, H& header) { header.groups.offset = header.size; }},
      {"count outside", ImageFault::table_outside,
       [](Image&, H& header) { header.services.count = kMaxServices; }},
      {"picks outside", ImageFault::table_outside,
       [](Image& image, H& header) {
         element_of<ImageService>(image, header.services).picks.offset = header.size - 4;
       }},
      {"misaligned service", ImageFault::table_misaligned,
       [](Image&, H& header) { header.services.offset += 2; }},
      {"misaligned picks", ImageFault::table_misaligned,
       [](Image& image, H& header) {
         element_of<ImageService>(image, header.services).picks.offset += 1;
       }},
      {"groups beyond the limit", ImageFault::table_too_large,
       [](Image&, H& header) { header.groups.count = kMaxGroups + 1; }},
      {"servers beyond the limit", ImageFault::table_too_large,
       [](Image&, H& header) { header.servers.count = kMaxServers + 1; }},
      {"picks beyond the limit", ImageFault::table_too_large,
       [](Image& image, H& header) {
         element_of<ImageService>(image, header.services).picks.count = 0xffffffff;
       }},
      {"address table not a power of two", ImageFault::not_a_hash_table,
       [](Image&, H& header) { header.addresses.count -= 1; }},
      {"address table full", ImageFault::not_a_hash_table,
       [](Image& image, H& header) {
         for (std::uint32_t i = 0; i < header.addresses.count; ++i)
           element_of<ImageAddress>(image, header.addresses, i).roles = kRoleVirtual;
       }},
      {"service keys not a power of two", ImageFault::not_a_hash_table,
       [](Image&, H& header) { header.service_keys.count -= 1; }},
      {"service keys full", ImageFault::not_a_hash_table,
       [](Image& image, H& header) {
         for (std::uint32_t i = 0; i < header.service_keys.count; ++i)
           element_of<ImageServiceKey>(image, header.service_keys, i).protocol = kProtocolTcp;
       }},
  };
  for (const auto& [what, fault, break_it] : cases) {
    Image image = build_image(small_content());
    break_it(image, header_of(image));
    EXPECT_EQ(name(validate(image)), name(fault)) << what;
  }
}

TEST(ImageValidate, FollowsEveryReference) {
  struct Case {
    const char* what;
    std::function<void(ImageContent&)> break_it;
  };
  const std::vector<Case> cases = {
      {"address of a missing group", [](auto& content) { content.addresses[0].group = 1; }},
      {"address on an impossible port",
       [](auto& content) { content.addresses[1].port = kMaxPorts; }},
      {"key of a missing service", [](auto& content) { content.service_keys[0].service = 3; }},
      {"key of a deleted service", [](auto& content) { content.service_keys[0].service = 1; }},
      {"service of a missing group", [](auto& content) { content.services[0].fields.group = 1; }},
      {"server with a missing next hop", [](auto& content) { content.servers[0].next_hop = 1; }},
      {"server of a missing service", [](auto& content) { content.servers[0].service = 3; }},
      {"server of a deleted service", [](auto& content) { content.servers[0].service = 1; }},
      {"next hop on an impossible port",
       [](auto& content) { content.next_hops[0].port = kMaxPorts; }},
      {"pick of a missing server", [](auto& content) { content.services[0].picks[1] = 3; }},
      {"pick of a deleted server", [](auto& content) { content.servers[2].name = Name(); }},
  };
  for (const auto& [what, break_it] : cases) {
    ImageContent content = small_content();
    break_it(content);
    EXPECT_EQ(name(validate(build_image(content))), name(ImageFault::reference_outside)) << what;
  }
}

TEST(ImageValidate, KnowsEveryWayToBalance) {
  ImageContent content = small_content();
  content.services[0].fields.balance = Balance::first;
  EXPECT_EQ(validate(build_image(content)), ImageFault::none);
  content.services[0].fields.balance = static_cast<Balance>(5);
  EXPECT_EQ(validate(build_image(content)), ImageFault::unknown_balance);
}

TEST(ImageValidate, KnowsEveryWayToForward) {
  ImageContent content = small_content();
  content.services[0].fields.forward = static_cast<Forward>(5);
  EXPECT_EQ(validate(build_image(content)), ImageFault::unknown_forward);
}

// Indices that are not in use may hold anything but are never followed.
TEST(ImageValidate, IgnoresWhatIsNotInUse) {
  ImageContent content = small_content();
  content.servers.push_back(server("", 99));
  content.servers.back().next_hop = 99;
  EXPECT_EQ(validate(build_image(content)), ImageFault::none);
}

TEST(ImageFaults, HaveNames) {
  std::set<std::string_view> names;
  for (std::uint32_t fault = 0; fault < static_cast<std::uint32_t>(ImageFault::count); ++fault) {
    EXPECT_FALSE(name(static_cast<ImageFault>(fault)).empty());
    EXPECT_TRUE(names.insert(name(static_cast<ImageFault>(fault))).second);
  }
  EXPECT_EQ(name(ImageFault::count), "unknown");
}

// What a worker does with an image that passed, at least: everything here stays inside.
void use(const Image& image) {
  const ImageView view(image.data());
  std::uint64_t seen = 0;
  for (const auto& address : view.addresses()) {
    const auto* found = view.find_address(address.address);
    if (found != nullptr) seen += view.groups()[found->group].vhid;
  }
  (void)view.find_address(Ipv4Address::of(1, 2, 3, 4));
  for (int port = 0; port < 100; ++port) {
    const int index = view.find_service(kVirtual, be16(static_cast<std::uint16_t>(port)), 6);
    if (index >= 0) seen += view.groups()[view.services()[index].group].vhid;
  }
  for (const auto& service : view.services()) {
    for (const std::uint16_t pick : view.picks(service)) {
      const ImageServer& picked = view.servers()[pick];
      seen += view.next_hops()[picked.next_hop].port + view.services()[picked.service].protocol;
    }
  }
  EXPECT_NE(seen, ~UINT64_C(0));
}

// No image that validate lets pass leads outside of its bytes; a sanitizer watches.
TEST(ImageValidate, WhateverPassesIsSafeToUse) {
  const Image good = build_image(small_content());
  int passed = 0;
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Image image = good;
    image[bit / 8] ^= std::byte(1 << bit % 8);
    if (validate(image) != ImageFault::none) continue;
    ++passed;
    use(image);
  }
  EXPECT_GT(passed, 0);

  std::mt19937 random(23);
  for (int round = 0; round < 100'000; ++round) {
    Image image = good;
    for (int change = 0; change < 3; ++change) {
      // The header and the small tables at the end are where it matters; names are most of the
      // rest.
      const std::size_t at =
          random() % 2 == 0 ? random() % sizeof(ImageHeader) : random() % image.size();
      image[at] = std::byte(random() % 3 == 0 ? 0xff : random());
    }
    image.resize(random() % 4 == 0 ? random() % image.size() : image.size());
    image.shrink_to_fit();
    if (validate(image) == ImageFault::none) use(image);
  }
}

TEST(ImageLookup, FindsWhatIsThereAndNothingElse) {
  const Image image = build_image(small_content());
  const ImageView view(image.data());
  ASSERT_NE(view.find_address(kVirtual), nullptr);
  EXPECT_EQ(view.find_address(kVirtual)->roles, kRoleVirtual);
  ASSERT_NE(view.find_address(kLocal), nullptr);
  EXPECT_EQ(view.find_address(kLocal)->port, 1);
  EXPECT_EQ(view.find_address(Ipv4Address::of(192, 0, 2, 11)), nullptr);

  EXPECT_EQ(view.find_service(kVirtual, be16(80), kProtocolTcp), 0);
  EXPECT_EQ(view.find_service(kVirtual, be16(3306), kProtocolTcp), 2);
  EXPECT_EQ(view.find_service(kVirtual, be16(80), kProtocolUdp), -1);
  EXPECT_EQ(view.find_service(kVirtual, be16(81), kProtocolTcp), -1);
  EXPECT_EQ(view.find_service(kLocal, be16(80), kProtocolTcp), -1);
}

TEST(ImageLookup, FindsEveryEntryOfAFullSizedImage) {
  ImageContent content;
  content.groups.resize(1);
  content.services = {service("all", {})};
  std::mt19937 random(5);
  std::set<std::uint32_t> used;
  while (used.size() < kMaxAddresses)
    used.insert(static_cast<std::uint32_t>(random()));
  for (const std::uint32_t value : used) {
    content.addresses.push_back({.address = {be32(value)}, .roles = kRoleVirtual});
    for (std::uint16_t port = 8000; port < 8016; ++port)
      content.service_keys.push_back(
          {.address = {be32(value)}, .port = be16(port), .protocol = kProtocolTcp});
  }
  const Image image = build_image(content);
  ASSERT_EQ(validate(image), ImageFault::none);
  const ImageView view(image.data());
  for (const std::uint32_t value : used) {
    ASSERT_NE(view.find_address({be32(value)}), nullptr);
    ASSERT_EQ(view.find_address({be32(value)})->address.value.host(), value);
    ASSERT_EQ(view.find_service({be32(value)}, be16(8007), kProtocolTcp), 0);
    ASSERT_EQ(view.find_service({be32(value)}, be16(8016), kProtocolTcp), -1);
  }
}

// Virtual addresses mostly are neighbours and ports mostly a few or a range: neither may pile up in
// a corner of the table, where every packet would pay for it.
template <class Place>
std::size_t longest_run(std::size_t entries, Place place_of) {
  const auto places = static_cast<std::uint32_t>(std::bit_ceil(entries * 2));
  std::vector<bool> taken(places);
  std::size_t longest = 0;
  for (std::size_t entry = 0; entry < entries; ++entry) {
    std::uint32_t at = place_of(entry, places);
    std::size_t run = 1;
    for (; taken[at]; ++run)
      at = (at + 1) & (places - 1);
    taken[at] = true;
    longest = std::max(longest, run);
  }
  return longest;
}

Ipv4Address neighbour(std::size_t offset) {
  return {be32(0x0a000001 + static_cast<std::uint32_t>(offset))};
}

TEST(ImageLookup, NeighboursSpreadOverTheTable) {
  EXPECT_LE(
      longest_run(254, [](auto i, auto places) { return address_place(neighbour(i), places); }),
      16u);
  EXPECT_LE(
      longest_run(1000, [](auto i, auto places) { return address_place(neighbour(i), places); }),
      24u);
  EXPECT_LE(longest_run(254,
                        [](auto i, auto places) {
                          return service_place(neighbour(i), be16(443), kProtocolTcp, places);
                        }),
            16u);
  EXPECT_LE(longest_run(10'000,
                        [](auto i, auto places) {
                          return service_place(neighbour(0),
                                               be16(static_cast<std::uint16_t>(20'000 + i)),
                                               kProtocolTcp, places);
                        }),
            40u);
  EXPECT_LE(longest_run(2000,
                        [](auto i, auto places) {
                          return service_place(neighbour(i / 8),
                                               be16(static_cast<std::uint16_t>(8000 + i % 8)),
                                               kProtocolTcp, places);
                        }),
            32u);
}

}  // namespace
}  // namespace carpool::abi
