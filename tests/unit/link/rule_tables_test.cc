#include "controlplane/link/rule_tables.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/link/appliance.h"

namespace carpool::link {
namespace {

using config::AclField;
using config::ValueRange;
using config::ValueRanges;
using testing::ElementsAre;

// A list in an image of its own.
std::vector<std::byte> image_of(const ValueRanges& ranges) {
  ImageDraft draft;
  draft.lists.push_back(make_list(ranges));
  return flatten(draft);
}

bool contains(const ValueRanges& ranges, std::uint32_t value) {
  return std::ranges::any_of(ranges, [value](const ValueRange& range) {
    return range.first <= value && value <= range.last;
  });
}

TEST(RuleLists, OfAnyLengthContainWhatTheirRangesDo) {
  std::mt19937 random(7);
  for (const std::size_t count : {0, 1, 2, 31, 32, 33, 500, 3000}) {
    for (const int narrow : {0, 8, 20}) {  // all values, or within a few shares of the table
      ValueRanges ranges;
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t first = static_cast<std::uint32_t>(random()) >> narrow;
        const std::uint32_t length = static_cast<std::uint32_t>(random()) >> (8 + random() % 24);
        ranges.push_back({first, first > ~length ? ~0u : first + length});
      }
      ranges = config::normalized(std::move(ranges));
      const auto bytes = image_of(ranges);
      ASSERT_EQ(abi::validate(bytes), abi::ImageFault::none);
      const abi::ImageView image(bytes.data());
      std::vector<std::uint32_t> values = {0, 1, ~0u, ~0u - 1};
      for (const ValueRange& range : ranges) {
        for (const std::uint32_t value : {range.first - 1, range.first, range.last, range.last + 1})
          values.push_back(value);
      }
      for (int i = 0; i < 500; ++i)
        values.push_back(static_cast<std::uint32_t>(random()) >> narrow);
      for (const std::uint32_t value : values) {
        ASSERT_EQ(image.list_contains(0, value), contains(ranges, value))
            << value << " of " << ranges.size() << " ranges";
      }
    }
  }
}

TEST(RuleLists, DamagedOnesAreRefused) {
  ValueRanges ranges;
  for (std::uint32_t i = 0; i < 100; ++i)
    ranges.push_back({i * 1000, i * 1000 + 5});
  const auto fault_after = [&](auto damage) {
    auto bytes = image_of(ranges);
    auto& header = *reinterpret_cast<abi::ImageHeader*>(bytes.data());
    auto& list = *reinterpret_cast<abi::ImageList*>(bytes.data() + header.lists.offset);
    damage(list, reinterpret_cast<std::uint32_t*>(bytes.data() + list.starts.offset));
    return abi::validate(bytes);
  };
  using abi::ImageFault;
  EXPECT_EQ(fault_after([](auto&, auto*) {}), ImageFault::none);
  EXPECT_EQ(fault_after([](auto&, auto* starts) { starts[3] = 101; }),
            ImageFault::reference_outside);
  EXPECT_EQ(fault_after([](auto& list, auto*) { list.shift = 0; }), ImageFault::wrong_size);
  EXPECT_EQ(fault_after([](auto& list, auto*) { --list.starts.count; }), ImageFault::wrong_size);
  EXPECT_EQ(fault_after([](auto& list, auto*) { list.ranges.count = 1 << 19; }),
            ImageFault::table_outside);
}

config::Acl acl(AclField field, ValueRanges values) {
  return {.name = "",
          .field = field,
          .values = std::make_shared<const ValueRanges>(std::move(values)),
          .origin = {}};
}

// `use_backend` makes a service of its own beside the frontend's.
class UseBackend : public testing::Test {
 protected:
  UseBackend() {
    appliance_.add_server("web1", Ipv4Address::of(10, 0, 0, 11));
    appliance_.config.backends.emplace_back().name = "static";
    appliance_.states.emplace_back();
    appliance_.add_server("static1", Ipv4Address::of(10, 0, 0, 21), 1, 1);
    config::Rules& rules = frontend().rules;
    rules.acls = {acl(AclField::Source, {{10, 20}}), acl(AclField::DestinationPort, {{80, 80}})};
    rules.connection = {{config::ConnectionAction::Reject, {{{0, true, false}}, false}, {}}};
    rules.backend = {{"static", 1, {{{0, false, false}, {1, false, false}}, false}, {}}};
  }
  config::Frontend& frontend() { return appliance_.config.frontends[0]; }

  Appliance appliance_;
};

TEST_F(UseBackend, HasServersOfItsOwn) {
  const auto image = appliance_.build();
  EXPECT_THAT(picked(image, "web"), ElementsAre("web1"));
  EXPECT_THAT(picked(image, "web>static"), ElementsAre("static1"));
  const int service = image.find_service(kVip, be16(80), 6);
  ASSERT_GE(service, 0);
  const abi::ImageService& main = image.services()[static_cast<std::size_t>(service)];
  EXPECT_EQ(main.name.view(), "web");
  EXPECT_EQ(main.parent, abi::kOwnKeys);
  ASSERT_EQ(image.connection_rules(main).size(), 1u);
  ASSERT_EQ(image.service_rules(main).size(), 1u);
  const abi::ImageRule& rule = image.service_rules(main)[0];
  EXPECT_EQ(image.terms(rule).size(), 2u);
  const abi::ImageService& other = image.services()[rule.service];
  EXPECT_EQ(other.name.view(), "web>static");
  EXPECT_EQ(other.parent, service);
  EXPECT_FALSE(other.has_rules());
}

TEST_F(UseBackend, ListsThatAreSharedStandOnce) {
  config::Frontend another = frontend();
  another.name = "other";
  another.binds[0].port_first = another.binds[0].port_last = 81;
  appliance_.config.frontends.push_back(another);
  EXPECT_EQ(appliance_.build().header().lists.count, 2u);
}

TEST_F(UseBackend, GoesAndComesBackAtTheSameIndex) {
  const auto index_of = [](abi::ImageView image, std::string_view name) {
    const auto at = std::ranges::find_if(
        image.services(), [&](const auto& service) { return service.name.view() == name; });
    return at - image.services().begin();
  };
  const auto before = index_of(appliance_.build(), "web>static");
  const config::Rules rules = std::exchange(frontend().rules, {});
  const auto without = appliance_.build();
  EXPECT_FALSE(without.services()[0].has_rules());
  EXPECT_EQ(without.header().rules.count, 0u);
  frontend().rules = rules;
  EXPECT_EQ(index_of(appliance_.build(), "web>static"), before);
}

TEST_F(UseBackend, NamesAllServicesOfABackend) {
  EXPECT_THAT(services_of(appliance_.config, 0), ElementsAre("web"));
  EXPECT_THAT(services_of(appliance_.config, 1), ElementsAre("web>static"));
}

}  // namespace
}  // namespace carpool::link
