#include "controlplane/appliance/operator_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carpool {
namespace {

using testing::HasSubstr;

OperatorState some_state() {
  OperatorState state;
  state["public"].maintenance = Maintenance{"root (login uid 1000)", "2026-11-26T11:20:31Z"};
  state["private"].moved = Moved{"uid 33", "2026-11-26T11:21:00Z", "lb2", 101};
  return state;
}

TEST(OperatorState, ComesBackAsItWas) {
  EXPECT_EQ(read_operator_state(write_operator_state(some_state())).value(), some_state());
  EXPECT_EQ(read_operator_state(write_operator_state({})).value(), OperatorState{});
}

TEST(OperatorState, WhatNobodyWishesIsNotWritten) {
  OperatorState state = some_state();
  state["public"] = {};
  EXPECT_FALSE(read_operator_state(write_operator_state(state)).value().contains("public"));
}

TEST(OperatorState, OtherFilesAreRefused) {
  for (const char* text : {"", "{", "[]", "{}", R"({"version": 2, "groups": {}})",
                           R"({"version": 1})", R"({"version": 1, "groups": []})",
                           R"({"version": 1, "groups": {"a": {"maintenance": true}}})",
                           R"({"version": 1, "groups": {"a": {"maintenance": {"by": 1}}}})",
                           R"({"version": 1, "groups": {"a": {"moved": {"by": "x"}}}})"}) {
    EXPECT_FALSE(read_operator_state(text)) << text;
  }
}

TEST(OperatorState, ADemotionNobodyCouldHaveAskedForIsCut) {
  const auto state = read_operator_state(
      R"({"version": 1, "groups": {"a": {"moved":
          {"by": "x", "since": "y", "to": "z", "demotion": 4000000000}}}})");
  ASSERT_TRUE(state);
  EXPECT_EQ(state->at("a").moved->demotion, kMaxDemotion);
}

TEST(OperatorState, SaysWhoAndSinceWhen) {
  const OperatorState state = some_state();
  const auto maintenance = demotions_of(state.at("public"));
  ASSERT_EQ(maintenance.size(), 1u);
  EXPECT_EQ(maintenance[0].name, kOperatorSource);
  EXPECT_EQ(maintenance[0].value, kMaxDemotion);
  EXPECT_THAT(maintenance[0].why, HasSubstr("since 2026-11-26T11:20:31Z by root (login uid 1000)"));
  const auto moved = demotions_of(state.at("private"));
  ASSERT_EQ(moved.size(), 1u);
  EXPECT_EQ(moved[0].name, kSwitchoverSource);
  EXPECT_EQ(moved[0].value, 101u);
  EXPECT_THAT(moved[0].why, HasSubstr("handed over to lb2 at 2026-11-26T11:21:00Z by uid 33"));
}

}  // namespace
}  // namespace carpool
