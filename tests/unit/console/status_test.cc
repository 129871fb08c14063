#include "controlplane/console/status.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "controlplane/link/ids.h"

namespace carpool::console {
namespace {

using namespace std::chrono_literals;

// One service with a server that is well, one that is not, one without check and one out of reach.
struct StatusTest : testing::Test {
  StatusTest() {
    config.node_name = "lb1";
    config.groups.resize(1);
    config.groups[0].name = "public";
    config.backends.resize(1);
    config.backends[0].name = "web";
    config.frontends.resize(1);
    config.frontends[0].name = "web";
    config.frontends[0].binds.resize(1);
    config.frontends[0].binds[0].address = Ipv4Address::of(192, 0, 2, 10);
    config.frontends[0].binds[0].port_first = config.frontends[0].binds[0].port_last = 80;
    for (int number = 1; number <= 4; ++number) {
      config::Server server;
      server.name = "web" + std::to_string(number);
      server.address = Ipv4Address::of(10, 0, 0, static_cast<std::uint8_t>(number));
      server.port = 80;
      config.backends[0].servers.push_back(server);
      ServerSnapshot snapshot;
      snapshot.key = {"web", server.name};
      snapshot.settings = CheckSettings{};
      snapshot.health.health = 4;
      snapshot.health.since = now - 10s;
      health.push_back(snapshot);
      reachability.servers[server.address] = {link::Way::port, 0, server.address, ""};
      reachability.neighbours[{0, server.address}] = {{2, 0, 0, 0, 0, 1}};
    }
    health[1].health.up = false;
    health[1].health.health = 1;
    health[1].health.last = {CheckStatus::L7Status, 503, 2ms, "Service Unavailable"};
    health[2].settings.reset();
    reachability.servers[config.backends[0].servers[3].address].way = link::Way::none;
  }

  nlohmann::ordered_json status() const {
    return status_json({.config = config,
                        .config_path = "/etc/carpool/conf.d",
                        .config_digest = "abc",
                        .dataplane = dataplane,
                        .region = nullptr,
                        .workers = workers,
                        .counters = counters,
                        .reachability = reachability,
                        .health = health,
                        .traffic = traffic,
                        .groups = groups,
                        .mirroring = mirroring,
                        .why_no_mirroring = "not configured",
                        .hellos = hellos,
                        .why_no_hellos = "not configured",
                        .problems = {},
                        .started = now - 60s,
                        .now = now,
                        .wall_now = std::chrono::system_clock::time_point(1'000'000'000'123ms)});
  }
  nlohmann::ordered_json server(std::size_t index) const {
    return status()["services"][0]["servers"][index];
  }

  Instant now{1000s};
  config::Config config;
  DataplaneSupervisor::Report dataplane;
  std::vector<WorkerActivity> workers;
  link::CountersSnapshot counters;
  link::Reachability reachability;
  std::vector<ServerSnapshot> health;
  std::vector<ServerTraffic> traffic;
  std::vector<GroupReport> groups;
  std::optional<mirror::Snapshot> mirroring;
  std::optional<hello::Snapshot> hellos;
};

TEST_F(StatusTest, SaysWhoAndSinceWhen) {
  const auto json = status();
  EXPECT_EQ(json["node"], "lb1");
  EXPECT_EQ(json["time"], "2001-09-09T01:46:40.123Z");
  EXPECT_EQ(json["uptime_s"], 60.0);
  EXPECT_EQ(json["config"]["digest"], "abc");
}

TEST_F(StatusTest, ServerStates) {
  EXPECT_EQ(server(0)["state"], "up");
  EXPECT_EQ(server(1)["state"], "down");
  EXPECT_EQ(server(2)["state"], "no check");
  EXPECT_EQ(server(3)["state"], "unreachable");
  reachability.neighbours.clear();
  EXPECT_EQ(server(0)["state"], "resolving");
  health[0].health.up = false;
  EXPECT_EQ(server(0)["state"], "down") << "what the check says goes before what the network says";
  health[0].mode = AdminMode::Maintenance;
  EXPECT_EQ(server(0)["state"], "maint");
}

TEST_F(StatusTest, ServersDrainByModeByWeightAndByTheirOwnWish) {
  health[0].mode = AdminMode::Drain;
  EXPECT_EQ(server(0)["state"], "drain");
  EXPECT_EQ(server(0)["admin"]["mode"], "drain");
  health[0].mode = AdminMode::Ready;
  EXPECT_EQ(server(0)["state"], "up");
  health[0].admin.weight = WeightOverride{0, true};
  EXPECT_EQ(server(0)["state"], "drain");
  health[0].admin.weight = WeightOverride{50, true};
  config.backends[0].servers[0].weight = 20;
  EXPECT_EQ(server(0)["state"], "up");
  EXPECT_EQ(server(0)["weight"], 10);
  EXPECT_EQ(server(0)["admin"]["configured_weight"], 20);
}

TEST_F(StatusTest, TrafficIsShownAsRates) {
  EXPECT_FALSE(server(0).contains("traffic"));
  traffic = {{.rates = {.connections = 12.5, .failures = 3}, .ejected = true}};
  EXPECT_EQ(server(0)["traffic"]["connections_per_s"], 12.5);
  EXPECT_EQ(server(0)["traffic"]["failures_per_s"], 3.0);
  EXPECT_EQ(server(0)["state"], "ejected");
  health[0].health.up = false;
  EXPECT_EQ(server(0)["state"], "down");
}

TEST_F(StatusTest, AgentHasAStateOfItsOwn) {
  EXPECT_FALSE(server(0).contains("agent"));
  health[0].agent =
      AgentState{.up = false,
                 .last = {CheckStatus::L7Status, 0, 3ms, "via agent : down (disk full)"},
                 .checks = 7};
  const auto agent = server(0)["agent"];
  EXPECT_EQ(agent["status"], "L7STS");
  EXPECT_EQ(agent["text"], "via agent : down (disk full)");
  EXPECT_EQ(agent["duration_ms"], 3.0);
  EXPECT_EQ(agent["up"], false);
}

TEST_F(StatusTest, CheckTellsWhatWasFoundAndWhatIsMissing) {
  const auto check = server(1)["check"];
  EXPECT_EQ(check["status"], "L7STS");
  EXPECT_EQ(check["code"], 503);
  EXPECT_EQ(check["text"], "Service Unavailable");
  EXPECT_EQ(check["progress"], "1/2 passed");
  EXPECT_EQ(server(0)["check"]["progress"], "");
  health[0].health.health = 3;
  EXPECT_EQ(server(0)["check"]["progress"], "1/3 failed");
}

TEST_F(StatusTest, SaysWhereThePeerThinksOtherwise) {
  mirroring.emplace();
  mirroring->peer.node = "lb2";
  mirroring->peer_views = std::make_shared<mirror::PeerViews>(
      mirror::PeerViews{{"web/web1", {mirror::ServerViewState::down, "L4TOUT", "", now - 5s}},
                        {"web/web2", {mirror::ServerViewState::down, "L4TOUT", "", now - 5s}}});
  EXPECT_EQ(server(0)["peer_view"]["node"], "lb2");
  EXPECT_EQ(server(0)["peer_view"]["state"], "down");
  EXPECT_EQ(server(0)["peer_view"]["differs_s"], 5.0);
  EXPECT_EQ(server(0)["peer_view"]["says"], "up here; down on lb2: L4TOUT");
  EXPECT_FALSE(server(1).contains("peer_view"));
  EXPECT_FALSE(server(2).contains("peer_view"));
}

TEST_F(StatusTest, TrafficHasRatesAndHistograms) {
  traffic.resize(4);
  traffic[0].rates.unanswered = 0.5;
  traffic[0].histograms.resets.seconds[3] = 7;
  EXPECT_FALSE(server(0)["traffic"].contains("answers"));
  auto& counted = counters.servers[std::string(link::server_key("web", "web1"))];
  counted.connections = 9;
  counted.answer_times[2] = 9;
  const auto seen = server(0)["traffic"];
  EXPECT_EQ(seen["unanswered_per_s"], 0.5);
  EXPECT_EQ(seen["seconds"]["per_s"][3], "4-7");
  EXPECT_EQ(seen["seconds"]["resets"][3], 7);
  EXPECT_EQ(seen["answers"]["ms"][2], "4-15");
  EXPECT_EQ(seen["answers"]["connections"][2], 9);
}

TEST_F(StatusTest, SharesAreOfTheServicesConnections) {
  counters.servers[std::string(link::server_key("web", "web1"))].connections = 30;
  counters.servers[std::string(link::server_key("web", "web2"))].connections = 10;
  EXPECT_EQ(server(0)["share"], 0.75);
  EXPECT_EQ(server(1)["share"], 0.25);
  EXPECT_EQ(status()["services"][0]["connections_total"], 40);
}

TEST_F(StatusTest, WorkerWithoutProgressIsSaid) {
  dataplane.state = DataplaneState::running;
  EXPECT_EQ(status()["dataplane"]["state"], "running");
  workers = {{true, 10}, {false, 0}};
  EXPECT_EQ(status()["dataplane"]["state"], "stuck");
}

TEST_F(StatusTest, EveryVerdictHasItsCounter) {
  const auto verdicts = status()["counters"]["verdicts"];
  EXPECT_EQ(verdicts.size(), abi::kVerdicts);
  EXPECT_TRUE(verdicts.contains("to_server"));
}

TEST_F(StatusTest, GroupShowsItsPeerAndWhyItIsDemoted) {
  GroupReport group;
  group.settings.name = "public";
  std::get<CarpSettings>(group.settings.protocol).config.advskew = 10;
  auto& machine = std::get<CarpMachine>(group.machine);
  machine.state = RouterState::kMaster;
  machine.demotion.set("backend web", 50, "0 of 1 servers up");
  machine.peer = CarpPeer{{Ipv4Address::of(192, 0, 2, 3), 1, 100, 0, 7}, now - 500ms};
  group.since = now - 130s;
  groups.push_back(group);
  const auto json = status()["groups"][0];
  EXPECT_EQ(json["state"], "MASTER");
  EXPECT_EQ(json["since_s"], 130.0);
  EXPECT_EQ(json["effective_skew"], 60);
  EXPECT_EQ(json["peer"]["source"], "192.0.2.3");
  EXPECT_EQ(json["peer"]["age_s"], 0.5);
  EXPECT_EQ(json["demotion"][0]["why"], "0 of 1 servers up");
}

TEST_F(StatusTest, VrrpGroupsAreShownInVrrpsWords) {
  GroupReport group;
  group.settings.name = "public";
  VrrpSettings vrrp;
  vrrp.config.vrid = 7;
  vrrp.config.priority = 150;
  vrrp.config.interval = VrrpInterval(10);
  vrrp.group.peers = {Ipv4Address::of(192, 0, 2, 3)};
  group.settings.protocol = vrrp;
  VrrpMachine machine;
  machine.state = RouterState::kMaster;
  machine.demotion.set("backend web", 30, "0 of 1 servers up");
  machine.peer = VrrpPeer{{Ipv4Address::of(192, 0, 2, 3), 100, VrrpInterval(10)}, now - 500ms};
  group.machine = machine;
  groups.push_back(group);
  const auto json = status()["groups"][0];
  EXPECT_EQ(json["protocol"], "vrrp 3");
  EXPECT_EQ(json["state"], "ACTIVE");
  EXPECT_EQ(json["vrid"], 7);
  EXPECT_EQ(json["priority"], 150);
  EXPECT_EQ(json["effective_priority"], 120);
  EXPECT_EQ(json["interval_s"], 0.1);
  EXPECT_EQ(json["unicast_peers"][0], "192.0.2.3");
  EXPECT_EQ(json["peer"]["priority"], 100);
}

}  // namespace
}  // namespace carpool::console
