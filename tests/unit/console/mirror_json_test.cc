// What an operator reads of the mirror to the peer, in each of its states.
#include "controlplane/console/mirror_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace carpool::console {
namespace {

using namespace std::chrono_literals;
using mirror::BulkState;
using mirror::SessionState;
using testing::HasSubstr;

constexpr Instant kNow{1000s};

mirror::Snapshot in_sync() {
  mirror::Snapshot snapshot;
  snapshot.state = SessionState::up;
  snapshot.since = kNow - 60s;
  snapshot.heard = kNow - 20ms;
  snapshot.peer.node = "lb2";
  snapshot.inbound = BulkState::complete;
  snapshot.inbound_began = kNow - 60s;
  return snapshot;
}

nlohmann::ordered_json json_of(const std::optional<mirror::Snapshot>& snapshot,
                               const link::WorkerTotals& workers = {}) {
  return mirror_json(snapshot, "not configured", workers, kNow);
}

TEST(MirrorJson, OffSaysWhy) {
  const auto json = json_of(std::nullopt);
  EXPECT_EQ(json["state"], "off");
  EXPECT_EQ(json["why"], "not configured");
  EXPECT_FALSE(mirror_problem(std::nullopt));
}

TEST(MirrorJson, InSync) {
  link::WorkerTotals workers;
  workers.mirror_learned = 7;
  workers.mirror_refused = 2;
  const auto json = json_of(in_sync(), workers);
  EXPECT_EQ(json["state"], "in sync");
  EXPECT_EQ(json["peer"], "lb2");
  EXPECT_EQ(json["since_s"], 60.0);
  EXPECT_EQ(json["learned"]["taken"], 7);
  EXPECT_EQ(json["learned"]["refused"], 2);
  EXPECT_FALSE(mirror_problem(in_sync()));
}

TEST(MirrorJson, TheStateIsWhatThePeersConnectionsAreWorth) {
  auto snapshot = in_sync();
  snapshot.inbound = BulkState::running;
  EXPECT_EQ(json_of(snapshot)["state"], "synchronising");
  snapshot.inbound = BulkState::none;
  EXPECT_EQ(json_of(snapshot)["state"], "synchronising");
  snapshot.inbound = BulkState::failed;
  EXPECT_EQ(json_of(snapshot)["state"], "out of sync");
  EXPECT_EQ(json_of(snapshot)["bulk"]["why"], text(snapshot.inbound_failure));
  snapshot.state = SessionState::down;
  EXPECT_EQ(json_of(snapshot)["state"], "alone");
}

TEST(MirrorJson, WhatNeedsAnOperatorIsAProblem) {
  auto snapshot = in_sync();
  snapshot.digests_differ = true;
  EXPECT_THAT(*mirror_problem(snapshot), HasSubstr("another configuration"));
  snapshot.unknown = {"service 'x'", "server 'y/z'"};
  EXPECT_THAT(*mirror_problem(snapshot), HasSubstr("service 'x', server 'y/z'"));
  snapshot.inbound = BulkState::failed;
  EXPECT_THAT(*mirror_problem(snapshot), HasSubstr("could not tell all"));
  snapshot.state = SessionState::greeting;
  EXPECT_THAT(*mirror_problem(snapshot), HasSubstr("not heard"));
}

TEST(MirrorJson, DropsAreNamed) {
  auto snapshot = in_sync();
  snapshot.counters.drops(mirror::DropReason::forged) = 3;
  const auto json = json_of(snapshot);
  EXPECT_EQ(json["datagrams"]["dropped"].size(), 1u);
  EXPECT_EQ(json["datagrams"]["dropped"][std::string(name(mirror::DropReason::forged))], 3);
}

}  // namespace
}  // namespace carpool::console
