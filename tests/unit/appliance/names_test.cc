#include "controlplane/appliance/names.h"

#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace carpool {
namespace {

const Ipv4Address kOld = Ipv4Address::of(10, 0, 0, 11);
const Ipv4Address kNew = Ipv4Address::of(10, 0, 0, 12);
using Texts = std::vector<std::string>;

config::Config named() {
  return config::good(
      "listen db\n bind 192.0.2.10:3306\n server a db1.example:3306\n server b 10.0.0.99:3306\n"
      "listen other\n bind 192.0.2.10:3307\n server a db1.example:3307\n");
}

NameAnswers answer(NameAnswer what) {
  NameAnswers answers;
  answers.emplace("db1.example", std::move(what));
  return answers;
}

TEST(Names, AreThoseOfServersEachOnce) {
  EXPECT_EQ(names_in(named()), (NameAddresses{{"db1.example", kOld}}));
}

TEST(Names, MoveEveryServerThatHasThem) {
  config::Config config = named();
  const NamesTaken taken = take_answers(config, answer(std::vector{kNew}));
  EXPECT_EQ(taken.moved, Texts{"db1.example is 10.0.0.12 now, and was 10.0.0.11"});
  EXPECT_TRUE(taken.kept.empty());
  EXPECT_EQ(config.backends[0].servers[0].address, kNew);
  EXPECT_EQ(config.backends[1].servers[0].address, kNew);
  EXPECT_EQ(config.backends[0].servers[1].address, Ipv4Address::of(10, 0, 0, 99));
}

TEST(Names, KeepTheirLastAddressWhereNothingBetterIsKnown) {
  config::Config config = named();
  const config::Config before = config;
  EXPECT_EQ(take_answers(config, answer(fail("timeout"))).kept,
            Texts{"db1.example cannot be resolved (timeout), and keeps 10.0.0.11"});
  EXPECT_EQ(take_answers(config, answer(std::vector{Ipv4Address::of(127, 0, 0, 1)})).kept.size(),
            1u);
  EXPECT_EQ(take_answers(config, answer(std::vector{Ipv4Address::of(192, 0, 2, 10)})).kept,
            Texts{"192.0.2.10 is not taken for db1.example: it is an address of group public"});
  EXPECT_TRUE(take_answers(config, {}).kept.empty());
  EXPECT_EQ(config, before);
}

TEST(Names, StayWhereAnswersRotate) {
  EXPECT_EQ(choose_address({kNew, kOld}, &kOld), kOld);
  EXPECT_EQ(choose_address({kNew, Ipv4Address::of(10, 0, 0, 13)}, &kOld), kNew);
  EXPECT_EQ(choose_address({kNew}, nullptr), kNew);
}

TEST(Names, AreRememberedInAFile) {
  const NameAddresses names = {{"a.example", kOld}, {"b.example", kNew}};
  EXPECT_EQ(read_names(write_names(names)), names);
  EXPECT_EQ(read_names("a.example\n b\nx 300.1.1.1\na.example 10.0.0.11\n\n\xff"),
            (NameAddresses{{"a.example", kOld}}));
  EXPECT_TRUE(read_names("").empty());
}

TEST(Names, AreAskedOfTheSystem) {
  const auto local = look_up("localhost");
  ASSERT_TRUE(local) << local.error().message;
  EXPECT_EQ(local->front(), Ipv4Address::of(127, 0, 0, 1));
  EXPECT_FALSE(look_up("no.such.name.invalid"));
}

}  // namespace
}  // namespace carpool
