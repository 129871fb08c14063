#include "tools/probe/down_file.h"

#include <fstream>

#include <gtest/gtest.h>

namespace carpool::probe {
namespace {

TEST(DownFile, FirstLineIsTheReason) {
  EXPECT_EQ(parse_down_file("  disk is being changed \nmore\n"), down("disk is being changed"));
  EXPECT_EQ(parse_down_file(""), down("taken out by an operator"));
  EXPECT_EQ(parse_down_file("\nsecond line"), down("taken out by an operator"));
}

TEST(DownFile, FirstWordMayAskAgentsForMore) {
  EXPECT_EQ(parse_down_file("drain upgrade tonight\n"), (Verdict{State::Drain, "upgrade tonight"}));
  EXPECT_EQ(parse_down_file("maint: disk"), (Verdict{State::Maint, "disk"}));
  EXPECT_EQ(parse_down_file("maint\n"), (Verdict{State::Maint, "taken out by an operator"}));
  EXPECT_EQ(parse_down_file("maintenance"), down("maintenance")) << "only the whole word counts";
}

TEST(DownFile, TakesOutWhileItIsThere) {
  const auto path = std::filesystem::path(testing::TempDir()) / "carpool-down-file";
  std::filesystem::remove(path);
  EXPECT_EQ(read_down_file(path), std::nullopt);
  std::ofstream(path) << "upgrade\n";
  EXPECT_EQ(read_down_file(path), down("upgrade"));
  std::filesystem::remove(path);
  EXPECT_EQ(read_down_file(path), std::nullopt);
}

TEST(DownFile, WhatCannotBeReadTakesOutAsWell) {
  const auto verdict = read_down_file(testing::TempDir());  // a directory
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->state, State::Down);
  EXPECT_NE(verdict->reason.find("cannot be read"), std::string::npos) << verdict->reason;
}

}  // namespace
}  // namespace carpool::probe
