// Two nodes on one wire: real groups, real operations, real time; adverts and the operators' talk
// go over by hand.
#include "controlplane/appliance/operations.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/redundancy/carp_wire.h"

namespace carpool {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::array<const char*, 2> kGroups = {"public", "private"};

class Node final : public RedundancyEffects, public OperationsNode {
 public:
  Node(asio::io_context& io, const std::string& name, std::uint8_t number, std::uint8_t advskew,
       const std::filesystem::path& directory)
      : runner_(*this, [] { return 1000; }), operations_(io, *this, directory / name) {
    config_.node.name = name;
    std::vector<GroupSettings> settings;
    for (std::uint8_t group = 0; group < kGroups.size(); ++group) {
      config_.groups.emplace_back().name = kGroups[group];
      config_.groups.back().sync_group = "both";
      CarpSettings carp;
      carp.config.vhid = static_cast<std::uint8_t>(53 + group);
      carp.config.advskew = advskew;
      carp.config.source = Ipv4Address::of(10, 0, 0, number);
      carp.key =
          make_carp_key(carp.config.vhid, "secret", {Ipv4Address::of(192, 0, 2, 10)}).value();
      settings.emplace_back().name = kGroups[group];
      settings.back().protocol = carp;
    }
    runner_.configure(std::move(settings), monotonic_now());
    status.state = mirror::SessionState::up;
    status.inbound = mirror::BulkState::complete;
  }

  void connect(Node& peer) {
    peer_ = &peer;
    status.peer.node = peer.config_.node.name;
  }
  void come_up(bool as_master) {
    for (const char* group : kGroups) {
      if (as_master) {
        runner_.adopt(group, monotonic_now());
      } else {
        runner_.set_usable(group, true, "", monotonic_now());
      }
    }
  }
  // One turn of the daemon's loop.
  void turn() {
    for (const auto& frame : std::exchange(frames_, {}))
      runner_.receive(0, frame, monotonic_now());
    for (const auto& request : std::exchange(requests_, {}))
      operations_.asked(request);
    for (const auto& answer : std::exchange(answers_, {}))
      operations_.answered(answer);
    runner_.expire(monotonic_now());
    operations_.observe();
    if (!peer_->tells_claims) return;
    status.peer.claims.clear();
    for (const GroupReport& group : peer_->runner_.groups()) {
      if (group.state() == RouterState::kMaster) {
        status.peer.claims.push_back(group.settings.name);
      }
    }
  }
  void demote(unsigned value) {
    for (const char* group : kGroups)
      runner_.demote(group, "backend web", value, "0 of 1 servers up", monotonic_now());
  }
  std::string states() const {
    std::string text;
    for (const GroupReport& group : runner_.groups())
      text += std::string(text.empty() ? "" : " ") + std::string(group.state_name());
    return text;
  }
  std::string demotion() const { return runner_.groups()[0].demotion().why(); }
  Operations& operations() { return operations_; }
  RedundancyRunner& runner() { return runner_; }

  mirror::Snapshot status;
  std::string not_in_sync;
  bool deaf = false;  // to adverts
  bool mute = false;  // does not answer operators
  bool tells_claims = true;

 private:
  // RedundancyEffects
  bool send(std::uint16_t, std::span<const std::uint8_t> frame) override {
    if (!peer_->deaf) peer_->frames_.emplace_back(frame.begin(), frame.end());
    return true;
  }
  std::optional<MacAddress> resolve(std::uint16_t, Ipv4Address) override { return std::nullopt; }
  void set_group(std::string_view, bool) override {}
  void note_transition(std::string_view, std::string_view) override {}
  void note_foreign(std::string_view, std::string_view) override {}
  void announce_state(const GroupReport&) override {}
  // OperationsNode
  const config::Config& config() const override { return config_; }
  std::span<const GroupReport> groups() const override { return runner_.groups(); }
  std::optional<mirror::Snapshot> mirroring() const override { return status; }
  std::string why_no_mirroring() const override { return ""; }
  std::string out_of_sync() override { return not_in_sync; }
  void hand_over(const std::string& group) override { runner_.hand_over(group, monotonic_now()); }
  void keep_mastership(const std::string& group) override {
    runner_.keep_mastership(group, monotonic_now());
  }
  void wishes_changed() override {
    for (const char* group : kGroups)
      runner_.set_demotions(group, operations_.demotions(group), monotonic_now());
  }
  void ask_peer(const mirror::RequestItem& request) override {
    peer_->requests_.push_back(request);
  }
  void answer_peer(const mirror::AnswerItem& answer) override {
    if (!mute) peer_->answers_.push_back(answer);
  }

  config::Config config_;
  Node* peer_ = nullptr;
  RedundancyRunner runner_;
  Operations operations_;
  std::vector<std::vector<std::uint8_t>> frames_;
  std::vector<mirror::RequestItem> requests_;
  std::vector<mirror::AnswerItem> answers_;
};

struct OperationsTest : testing::Test {
  OperationsTest() {
    lb1.connect(lb2);
    lb2.connect(lb1);
    lb2.come_up(false);
    lb1.come_up(true);
    for (int turns = 0; turns < 3; ++turns)
      turn();
  }
  ~OperationsTest() override { std::filesystem::remove_all(directory); }

  static std::filesystem::path make_directory() {
    std::string pattern = testing::TempDir() + "carpool-operations-XXXXXX";
    return mkdtemp(pattern.data());
  }
  void turn() {
    lb1.turn();
    lb2.turn();
    io.restart();
    io.run_for(1ms);
  }
  // Turns the world until the operation is over.
  template <class Value>
  Operations::Outcome<Value> outcome_of(asio::awaitable<Operations::Outcome<Value>> pending) {
    std::optional<Operations::Outcome<Value>> outcome;
    asio::co_spawn(io, std::move(pending), [&](std::exception_ptr, Operations::Outcome<Value> is) {
      outcome = std::move(is);
    });
    const Instant limit = monotonic_now() + 30s;
    while (!outcome && monotonic_now() < limit)
      turn();
    return outcome ? std::move(*outcome) : refuse("it does not end");
  }
  std::string states() const { return lb1.states() + " / " + lb2.states(); }
  void run_for(Duration duration) {
    for (const Instant end = monotonic_now() + duration; monotonic_now() < end;)
      turn();
  }

  asio::io_context io{1};
  std::filesystem::path directory = make_directory();
  Node lb1{io, "lb1", 1, 0, directory};
  Node lb2{io, "lb2", 2, 100, directory};
};

TEST_F(OperationsTest, ASwitchoverMovesTheWholeSyncGroupAndItStaysThere) {
  ASSERT_EQ(states(), "MASTER MASTER / BACKUP BACKUP");
  const auto moved = outcome_of(lb1.operations().switchover("private", "root"));
  ASSERT_TRUE(moved) << moved.error().why;
  ASSERT_EQ(moved->size(), 2u);
  EXPECT_EQ((*moved)[0].group, "public");
  EXPECT_EQ((*moved)[0].from, "lb1");
  EXPECT_EQ((*moved)[0].to, "lb2");
  EXPECT_GT((*moved)[0].took, 0ms);
  EXPECT_LT((*moved)[0].took, 1s);
  EXPECT_EQ(states(), "BACKUP BACKUP / MASTER MASTER");
  EXPECT_THAT(lb1.demotion(), HasSubstr("switchover 101, handed over to lb2"));
  run_for(1600ms);  // lb2 advertises, and lb1 would have preempted
  EXPECT_EQ(states(), "BACKUP BACKUP / MASTER MASTER");
}

TEST_F(OperationsTest, WhoIsDemotedAfterASwitchoverLosesTheGroupsAgain) {
  ASSERT_TRUE(outcome_of(lb1.operations().switchover("", "root")));
  lb2.demote(50);
  run_for(20ms);
  EXPECT_EQ(states(), "MASTER MASTER / BACKUP BACKUP");
  EXPECT_EQ(lb1.demotion(), "none") << "the switchover is over";
}

TEST_F(OperationsTest, TypedOnTheBackupTheOtherNodeDoesIt) {
  auto moved = outcome_of(lb2.operations().switchover("", "root"));
  ASSERT_TRUE(moved) << moved.error().why;
  EXPECT_EQ(moved->size(), 2u);
  EXPECT_EQ(states(), "BACKUP BACKUP / MASTER MASTER");
  EXPECT_THAT(lb1.demotion(), HasSubstr("by root on lb2"));
  moved = outcome_of(lb1.operations().switchover("", "root"));
  ASSERT_TRUE(moved) << moved.error().why;
  EXPECT_EQ((*moved)[0].to, "lb1");
  EXPECT_EQ(states(), "MASTER MASTER / BACKUP BACKUP");
  run_for(5ms);
  EXPECT_EQ(lb1.demotion(), "none");
  EXPECT_EQ(lb2.demotion(), "none") << "it ranks behind anyway";
}

TEST_F(OperationsTest, ADrillEndsWhereItBegan) {
  const auto report = outcome_of(lb1.operations().drill("public", "root"));
  ASSERT_TRUE(report) << report.error().why;
  EXPECT_EQ(report->there.size(), 2u);
  EXPECT_EQ(report->back.size(), 2u);
  EXPECT_EQ(report->back[0].to, "lb1");
  EXPECT_EQ(states(), "MASTER MASTER / BACKUP BACKUP");
}

TEST_F(OperationsTest, SaysWhyNot) {
  const auto why = [&](Node& node, const char* group) {
    const auto moved = outcome_of(node.operations().switchover(group, "root"));
    return moved ? "it went" : moved.error().why;
  };
  EXPECT_EQ(why(lb1, "nothing"), "there is no group 'nothing'; there are: public, private");
  lb2.not_in_sync = "the transfer of them is not over";
  EXPECT_THAT(why(lb1, ""), HasSubstr("lb2 cannot take over: it does not know all connections"));
  EXPECT_THAT(why(lb2, ""), HasSubstr("this node is not MASTER, and lb1 does not hand over: lb2 "
                                      "cannot take over"));
  lb2.not_in_sync.clear();
  lb2.demote(50);
  EXPECT_THAT(why(lb1, ""), HasSubstr("group public is demoted there by 50: backend web 50"));
  lb2.demote(0);
  lb1.status.state = mirror::SessionState::down;
  EXPECT_THAT(why(lb1, ""), HasSubstr("the peer is not heard on the peer link"));
  lb1.status.state = mirror::SessionState::up;
  lb2.mute = true;
  EXPECT_THAT(why(lb1, ""), HasSubstr("lb2 does not answer"));
  EXPECT_EQ(states(), "MASTER MASTER / BACKUP BACKUP");
}

TEST_F(OperationsTest, WhereNobodyTakesOverTheNodeGoesOn) {
  lb2.deaf = true;
  const auto moved = outcome_of(lb1.operations().switchover("", "root"));
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().kind, Refusal::Kind::kFailed);
  EXPECT_THAT(moved.error().why,
              HasSubstr("lb2 did not take over public, private within 2000 ms, so "
                        "this node keeps them"));
  EXPECT_EQ(lb1.states(), "MASTER MASTER");
  EXPECT_EQ(lb1.demotion(), "none");
}

TEST_F(OperationsTest, OneThingAtATime) {
  std::vector<Operations::Outcome<std::vector<GroupMove>>> outcomes;
  for (int i = 0; i < 2; ++i) {
    asio::co_spawn(
        io, lb1.operations().switchover("", "root"),
        [&](std::exception_ptr, auto outcome) { outcomes.push_back(std::move(outcome)); });
  }
  while (outcomes.size() < 2)
    turn();
  ASSERT_FALSE(outcomes[0]);
  EXPECT_THAT(outcomes[0].error().why, HasSubstr("under way"));
  EXPECT_TRUE(outcomes[1]);
}

TEST_F(OperationsTest, MaintenanceMovesAndLastsBeyondARestart) {
  auto report = outcome_of(lb1.operations().demote(true, "public", "uid 33"));
  ASSERT_TRUE(report);
  EXPECT_THAT(report->groups, ElementsAre("public", "private"));
  EXPECT_EQ(report->moved.size(), 2u);
  EXPECT_EQ(report->kept, "");
  EXPECT_EQ(states(), "BACKUP BACKUP / MASTER MASTER");
  EXPECT_THAT(lb1.demotion(), HasSubstr("operator 240, in maintenance since"));

  const auto refused = outcome_of(lb2.operations().switchover("", "root"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().why, HasSubstr("is in maintenance there since"));
  EXPECT_THAT(refused.error().why, HasSubstr("by uid 33"));

  Node again(io, "lb1", 1, 0, directory);
  again.operations().recall();
  EXPECT_THAT(again.operations().demotions("private")[0].why, HasSubstr("by uid 33"));

  report = outcome_of(lb1.operations().demote(false, "", "root"));
  ASSERT_TRUE(report);
  EXPECT_EQ(lb1.demotion(), "none");
  run_for(1600ms);
  EXPECT_EQ(states(), "MASTER MASTER / BACKUP BACKUP") << "it preempts, as configured";
}

TEST_F(OperationsTest, MaintenanceWithoutAPeerSaysThatTheGroupStays) {
  lb1.status.state = mirror::SessionState::down;
  lb2.deaf = true;
  const auto report = outcome_of(lb1.operations().demote(true, "", "root"));
  ASSERT_TRUE(report);
  EXPECT_THAT(report->moved, IsEmpty());
  EXPECT_THAT(report->kept, HasSubstr("the peer is not heard"));
  EXPECT_EQ(lb1.states(), "MASTER MASTER");
  EXPECT_THAT(lb1.demotion(), HasSubstr("operator 240"));
}

}  // namespace
}  // namespace carpool
