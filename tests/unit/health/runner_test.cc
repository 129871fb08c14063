#include "controlplane/health/runner.h"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "tests/unit/health/loopback_server.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;
using test::LoopbackServer;
using test::tcp;

config::Server server_at(std::string name, config::Endpoint endpoint) {
  config::Server server;
  server.name = std::move(name);
  server.address = endpoint.address;
  server.port = endpoint.port;
  server.check = true;
  server.inter = server.fastinter = server.downinter = 10ms;
  server.rise = 2;
  server.fall = 2;
  return server;
}

config::Config config_of(std::vector<config::Server> servers,
                         config::HealthCheck check = config::TcpCheck{}) {
  config::Backend backend;
  backend.name = "web";
  backend.check = std::move(check);
  backend.timeouts.check = 5s;
  backend.servers = std::move(servers);
  config::Config config;
  config.backends.push_back(std::move(backend));
  return config;
}

const ServerKey kOne{"web", "one"};
const ServerKey kTwo{"web", "two"};

class Runner : public testing::Test {
 protected:
  Runner() {
    runner_.set_on_event([this](const ServerEvent& event) {
      ++results_;
      lines_.insert(lines_.end(), event.log.begin(), event.log.end());
      if (!event.transition) return;
      const char* word = *event.transition == Transition::Up     ? " up"
                         : *event.transition == Transition::Down ? " down"
                                                                 : " stopping";
      events_.push_back(to_string(event.key) + word);
    });
  }

  testing::AssertionResult becomes(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left <= 0s) return testing::AssertionFailure() << "not within 10 s";
      io_.restart();
      io_.run_one_for(left);
    }
    return testing::AssertionSuccess();
  }
  auto status_is(const ServerKey& key, std::string text) {
    return [this, key, text] {
      const auto found = runner_.find(key);
      return found && found->health.checks > 0 &&
             status_text(found->health, found->settings) == text;
    };
  }

  config::Endpoint refused() {
    tcp::acceptor closed(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    return {Ipv4Address::of(127, 0, 0, 1), closed.local_endpoint().port()};
  }

  boost::asio::io_context io_;
  HealthRunner runner_{io_};
  std::vector<std::string> events_;
  std::vector<std::string> lines_;  // of the log
  int results_ = 0;
};

using Events = std::vector<std::string>;

TEST_F(Runner, TellsTheLivingFromTheDead) {
  LoopbackServer alive(io_, test::keep_silent);
  config::Server unchecked = server_at("three", {});
  unchecked.check = false;
  runner_.apply(
      config_of({server_at("one", alive.endpoint()), server_at("two", refused()), unchecked}));
  // Until something is known, all are up.
  for (const auto& server : runner_.snapshot())
    EXPECT_TRUE(server.health.up);
  EXPECT_TRUE(becomes(status_is(kOne, "UP")));
  EXPECT_TRUE(becomes(status_is(kTwo, "DOWN")));
  EXPECT_EQ(events_, Events{"web/two down"});

  const auto servers = runner_.snapshot();
  ASSERT_EQ(servers.size(), 3u);
  EXPECT_EQ(servers[1].health.last.text, "Connection refused");
  EXPECT_EQ(status_text(servers[2].health, servers[2].settings), "no check");
}

TEST_F(Runner, FollowsAServiceDownAndUp) {
  LoopbackServer server(io_, test::answer_unread("HTTP/1.0 200 OK\r\n"));
  runner_.apply(config_of({server_at("one", server.endpoint())}, config::HttpCheck{}));
  EXPECT_TRUE(becomes(status_is(kOne, "UP")));
  server.set_behaviour(test::answer_unread("HTTP/1.0 503 Gone fishing\r\n"));
  EXPECT_TRUE(becomes(status_is(kOne, "DOWN")));
  EXPECT_EQ(runner_.find(kOne)->health.last.text, "Gone fishing");
  EXPECT_GE(runner_.find(kOne)->health.failures, 2u);
  server.set_behaviour(test::answer_unread("HTTP/1.0 200 OK\r\n"));
  EXPECT_TRUE(becomes(status_is(kOne, "UP")));
  EXPECT_EQ(events_, (Events{"web/one down", "web/one up"}));
}

TEST_F(Runner, ASilentServerDelaysNoOther) {
  LoopbackServer silent(io_, test::keep_silent);
  LoopbackServer lively(io_, test::answer_unread("HTTP/1.0 200 OK\r\n"));
  runner_.apply(
      config_of({server_at("one", silent.endpoint()), server_at("two", lively.endpoint())},
                config::HttpCheck{}));
  EXPECT_TRUE(becomes([&] { return runner_.find(kTwo)->health.checks >= 20; }));
  EXPECT_EQ(runner_.find(kOne)->health.checks, 0u);
  EXPECT_TRUE(runner_.find(kOne)->probing);
}

TEST_F(Runner, ANewConfigurationKeepsWhatIsKnown) {
  LoopbackServer alive(io_, test::keep_silent);
  auto one = server_at("one", alive.endpoint());
  const auto two = server_at("two", refused());
  runner_.apply(config_of({one, two}));
  EXPECT_TRUE(becomes(status_is(kOne, "UP")));
  EXPECT_TRUE(becomes(status_is(kTwo, "DOWN")));
  const auto checks = runner_.find(kTwo)->health.checks;

  // Another server, other thresholds, another order: the two are what they were.
  one.weight = 7;
  auto patient = two;
  patient.rise = 5;
  runner_.apply(config_of({server_at("three", alive.endpoint()), patient, one}));
  EXPECT_EQ(runner_.snapshot().front().key.server, "three");
  EXPECT_EQ(status_text(runner_.find(kOne)->health, runner_.find(kOne)->settings), "UP");
  EXPECT_FALSE(runner_.find(kTwo)->health.up);
  EXPECT_GE(runner_.find(kTwo)->health.checks, checks);
  EXPECT_EQ(runner_.find(kTwo)->settings->rise, 5);
  EXPECT_TRUE(becomes([&] { return runner_.find(kTwo)->health.checks > checks; }));

  // Another address: nothing is known of that one.
  runner_.apply(config_of({server_at("two", alive.endpoint())}));
  EXPECT_EQ(runner_.find(kTwo)->health.checks, 0u);
  EXPECT_TRUE(becomes(status_is(kTwo, "UP")));
}

TEST_F(Runner, ARemovedServerIsLeftAlone) {
  LoopbackServer silent(io_, test::keep_silent);
  LoopbackServer other(io_, test::answer_unread("HTTP/1.0 200 OK\r\n"));
  runner_.apply(config_of({server_at("one", silent.endpoint())}, config::HttpCheck{}));
  EXPECT_TRUE(becomes([&] { return silent.connections() == 1; }));  // in the middle of a probe
  runner_.apply(config_of({server_at("two", other.endpoint())}, config::HttpCheck{}));
  EXPECT_FALSE(runner_.find(kOne));
  EXPECT_TRUE(becomes([&] { return other.connections() >= 10; }));
  EXPECT_EQ(silent.connections(), 1);
  EXPECT_TRUE(events_.empty());
}

TEST_F(Runner, MayBeReconfiguredFromItsOwnCallback) {
  runner_.apply(config_of({server_at("one", refused())}));
  LoopbackServer alive(io_, test::keep_silent);
  runner_.set_on_event([&](const ServerEvent& event) {
    if (event.key == kOne) runner_.apply(config_of({server_at("two", alive.endpoint())}));
  });
  EXPECT_TRUE(becomes(status_is(kTwo, "UP")));
  EXPECT_FALSE(runner_.find(kOne));
}

TEST_F(Runner, MaintenancePausesChecks) {
  LoopbackServer server(io_, test::keep_silent);
  auto one = server_at("one", server.endpoint());
  one.disabled = true;
  runner_.apply(config_of({one, server_at("two", server.endpoint())}));
  EXPECT_TRUE(becomes([&] { return runner_.find(kTwo)->health.checks >= 5; }));
  EXPECT_EQ(runner_.find(kOne)->health.checks, 0u);

  runner_.set_mode(kOne, AdminMode::Ready);
  EXPECT_TRUE(becomes(status_is(kOne, "UP")));
  // The configuration still says disabled, but did not change: the operator's word holds.
  runner_.apply(config_of({one, server_at("two", server.endpoint())}));
  EXPECT_EQ(runner_.find(kOne)->mode, AdminMode::Ready);
  one.disabled = false;
  runner_.apply(config_of({one}));
  one.disabled = true;
  runner_.apply(config_of({one}));
  EXPECT_EQ(runner_.find(kOne)->mode, AdminMode::Maintenance);
}

// ---- Agents ------------------------------------------------------------------------------------

config::Server with_agent(config::Server server, config::Endpoint agent) {
  server.agent = config::AgentCheck{
      .address = agent.address, .port = agent.port, .inter = 10ms, .send = "who\n"};
  return server;
}

TEST_F(Runner, AnAgentTakesAServerDownAndUpBesideItsCheck) {
  LoopbackServer alive(io_, test::keep_silent);
  LoopbackServer agent(io_, test::answer_unread("up\n"));
  runner_.apply(config_of({with_agent(server_at("one", alive.endpoint()), agent.endpoint())}));
  EXPECT_TRUE(becomes([&] { return runner_.find(kOne)->agent->checks > 0; }));
  EXPECT_TRUE(becomes(status_is(kOne, "UP")));

  agent.set_behaviour(test::answer_unread("down # disk full\n"));
  EXPECT_TRUE(becomes(status_is(kOne, "DOWN (agent)")));
  EXPECT_EQ(runner_.find(kOne)->agent->last.text, "via agent : down (disk full)");
  EXPECT_EQ(runner_.find(kOne)->health.last.status, CheckStatus::L4Ok);
  const auto checks = runner_.find(kOne)->health.checks;
  EXPECT_TRUE(becomes([&] { return runner_.find(kOne)->health.checks > checks + 3; }));
  EXPECT_FALSE(runner_.find(kOne)->health.up) << "no check brings up what its agent holds down";

  agent.set_behaviour(test::answer_unread("up\n"));
  EXPECT_TRUE(becomes(status_is(kOne, "UP")));
  EXPECT_EQ(events_, (Events{"web/one down", "web/one up"}));
  EXPECT_EQ(lines_.front(), "server web/one is down: L7STS via agent : down (disk full)");
}

TEST_F(Runner, AnAgentBringsNoServerUpWhoseCheckFails) {
  LoopbackServer agent(io_, test::answer_unread("up\n"));
  runner_.apply(config_of({with_agent(server_at("one", refused()), agent.endpoint())}));
  EXPECT_TRUE(becomes(status_is(kOne, "DOWN")));
  const auto asked = runner_.find(kOne)->agent->checks;
  EXPECT_TRUE(becomes([&] { return runner_.find(kOne)->agent->checks > asked + 3; }));
  EXPECT_FALSE(runner_.find(kOne)->health.up);
}

TEST_F(Runner, AnAgentMayStandAloneAndMayBeAway) {
  auto one = with_agent(server_at("one", {}), refused());
  one.check = false;
  runner_.apply(config_of({one}));
  EXPECT_TRUE(becomes([&] { return runner_.find(kOne)->agent->checks > 2; }));
  EXPECT_TRUE(runner_.find(kOne)->health.up);
  EXPECT_EQ(runner_.find(kOne)->agent->last.status, CheckStatus::L4Connect);

  LoopbackServer agent(io_, test::answer_unread("stopped\n"));
  one = with_agent(one, agent.endpoint());
  runner_.apply(config_of({one}));
  EXPECT_TRUE(becomes([&] { return !runner_.find(kOne)->health.up; }));
  // The agent is taken away: nobody holds the server down any more.
  one.agent.reset();
  runner_.apply(config_of({one}));
  EXPECT_TRUE(runner_.find(kOne)->health.up);
}

TEST_F(Runner, AnAgentSetsWeightModeAndMaxconn) {
  LoopbackServer alive(io_, test::keep_silent);
  LoopbackServer agent(io_, test::answer_unread("50% maxconn:9 maint\n"));
  int affecting = 0;
  runner_.set_on_event([&](const ServerEvent& event) { affecting += event.affects_forwarding; });
  runner_.apply(config_of({with_agent(server_at("one", alive.endpoint()), agent.endpoint())}));
  EXPECT_TRUE(becomes([&] { return runner_.find(kOne)->mode == AdminMode::Maintenance; }));
  const auto admin = runner_.find(kOne)->admin;
  EXPECT_EQ(admin.weight, (WeightOverride{50, true}));
  EXPECT_EQ(admin.maxconn, 9u);
  EXPECT_EQ(admin.said_by, AdminSource::Agent);
  EXPECT_GE(affecting, 1);
  // Saying the same again affects nothing, and it is asked on in maintenance.
  const auto before = affecting;
  const auto asked = runner_.find(kOne)->agent->checks;
  EXPECT_TRUE(becomes([&] { return runner_.find(kOne)->agent->checks > asked + 3; }));
  EXPECT_EQ(affecting, before);
  agent.set_behaviour(test::answer_unread("ready\n"));
  EXPECT_TRUE(becomes([&] { return runner_.find(kOne)->mode == AdminMode::Ready; }));
  EXPECT_TRUE(becomes(status_is(kOne, "UP")));
}

// ---- Tracking ----------------------------------------------------------------------------------

config::Server tracking(std::string name, std::string tracked) {
  auto server = server_at(std::move(name), {});
  server.check = false;
  server.track.emplace();
  server.track->backend = "web";
  server.track->server = std::move(tracked);
  return server;
}

TEST_F(Runner, AServerFollowsTheOneItTracksThroughAChain) {
  LoopbackServer server(io_, test::answer_unread("HTTP/1.0 200 OK\r\n"));
  const ServerKey three{"web", "three"};
  runner_.apply(config_of(
      {tracking("three", "two"), tracking("two", "one"), server_at("one", server.endpoint())},
      config::HttpCheck{}));
  server.set_behaviour(test::answer_unread("HTTP/1.0 503 Gone\r\n"));
  EXPECT_TRUE(becomes([&] { return !runner_.find(three)->health.up; }));
  EXPECT_EQ(events_, (Events{"web/one down", "web/two down", "web/three down"}));
  EXPECT_EQ(lines_.back(), "server web/three is down: L7STS via web/two");
  server.set_behaviour(test::answer_unread("HTTP/1.0 200 OK\r\n"));
  EXPECT_TRUE(becomes([&] { return runner_.find(three)->health.up; }));

  runner_.set_mode(kOne, AdminMode::Drain);
  EXPECT_EQ(runner_.find(three)->mode, AdminMode::Drain);
  runner_.set_mode(kTwo, AdminMode::Maintenance);
  EXPECT_EQ(runner_.find(kOne)->mode, AdminMode::Drain);
  EXPECT_EQ(runner_.find(three)->mode, AdminMode::Maintenance);
}

TEST_F(Runner, ANewFollowerBeginsWithWhatIsKnown) {
  runner_.apply(config_of({server_at("one", refused())}));
  EXPECT_TRUE(becomes(status_is(kOne, "DOWN")));
  runner_.apply(config_of({server_at("one", {Ipv4Address::of(127, 0, 0, 1), 1})}));
  EXPECT_TRUE(becomes(status_is(kOne, "DOWN")));
  runner_.apply(
      config_of({server_at("one", {Ipv4Address::of(127, 0, 0, 1), 1}), tracking("two", "one")}));
  EXPECT_FALSE(runner_.find(kTwo)->health.up);
}

// ---- Beginnings --------------------------------------------------------------------------------

TEST_F(Runner, InitStateHoldsUntilTheFirstChecks) {
  LoopbackServer alive(io_, test::keep_silent);
  auto down = server_at("one", alive.endpoint());
  down.init_state = config::InitState::Down;
  auto fully_up = server_at("two", refused());
  fully_up.init_state = config::InitState::FullyUp;
  runner_.apply(config_of({down, fully_up}));
  EXPECT_FALSE(runner_.find(kOne)->health.up);
  EXPECT_TRUE(becomes(status_is(kOne, "UP")));
  EXPECT_TRUE(becomes(status_is(kTwo, "UP 1/2")));
  EXPECT_TRUE(becomes(status_is(kTwo, "DOWN")));
}

TEST_F(Runner, AnEarlierLifesKnowledgeIsTakenUp) {
  LoopbackServer silent(io_, test::keep_silent);
  auto one = server_at("one", silent.endpoint());
  one.inter = one.fastinter = one.downinter = 1h;
  auto two = one;
  two.name = "two";
  HealthRunner earlier(io_);
  earlier.apply(config_of({one, two}));
  auto known = earlier.snapshot();
  for (auto& server : known)
    server.health = {.health = 0, .up = false, .downs = 3};
  known[0].admin = {.mode = AdminMode::Drain, .said_by = AdminSource::Operator};
  // The second one is elsewhere now.
  two.port = 1;
  runner_.remember(known);
  runner_.apply(config_of({one, two}));
  EXPECT_FALSE(runner_.find(kOne)->health.up);
  EXPECT_EQ(runner_.find(kOne)->health.downs, 3u);
  EXPECT_EQ(runner_.find(kOne)->mode, AdminMode::Drain);
  EXPECT_TRUE(runner_.find(kTwo)->health.up);
}

// ---- Traffic -----------------------------------------------------------------------------------

TEST_F(Runner, ErrorsOfTrafficInARowCountAsOnErrorSays) {
  LoopbackServer alive(io_, test::keep_silent);
  auto one = server_at("one", alive.endpoint());
  one.inter = 1h;
  one.observe = {.layer4 = true, .on_error = config::OnError::MarkDown, .error_limit = 3};
  runner_.apply(config_of({one}));
  EXPECT_TRUE(becomes(status_is(kOne, "UP")));
  const auto observe = [&](std::uint64_t answered, std::uint64_t refused) {
    const TrafficEvents events[] = {{.answered = answered, .refused = refused}};
    runner_.observe(events);
    return runner_.find(kOne)->health.up;
  };
  EXPECT_TRUE(observe(0, 2));
  EXPECT_TRUE(observe(1, 2)) << "a success in between";
  EXPECT_TRUE(observe(0, 2));
  EXPECT_FALSE(observe(0, 1));
  EXPECT_EQ(runner_.find(kOne)->health.last.status, CheckStatus::Observed);
  EXPECT_EQ(runner_.find(kOne)->health.last.text,
            "Detected 3 consecutive errors, last one was: L4 refused connection");
  EXPECT_EQ(runner_.find(kOne)->health.observed, 1u);
  EXPECT_TRUE(becomes(status_is(kOne, "UP"))) << "checked again after fastinter, not in an hour";
}

TEST_F(Runner, LogsChecksThatCountWhereAsked) {
  auto config = config_of({server_at("one", refused())});
  config.backends[0].log_health_checks = true;
  config.backends[0].servers[0].backup = true;
  runner_.apply(config);
  EXPECT_TRUE(becomes([&] { return runner_.find(kOne)->health.checks > 3; }));
  ASSERT_EQ(lines_.size(), 2u) << "further failures of a server that is down count for nothing";
  EXPECT_TRUE(lines_[0].starts_with(
      "Health check for backup server web/one failed, reason: Layer4 connection problem, info: "
      "\"Connection refused\", check duration: "))
      << lines_[0];
  EXPECT_TRUE(lines_[0].ends_with("ms, status: 0/2 DOWN.")) << lines_[0];
}

TEST_F(Runner, BoundsItsOpenConnections) {
  LoopbackServer silent(io_, test::keep_silent);
  HealthRunner narrow(io_, 2);
  std::vector<config::Server> servers;
  for (int i = 0; i < 6; ++i)
    servers.push_back(server_at("s" + std::to_string(i), silent.endpoint()));
  auto config = config_of(servers, config::HttpCheck{});
  config.backends[0].timeouts.check = 20ms;
  narrow.apply(config);
  const auto all_checked = [&] {
    std::size_t probing = 0, checked = 0;
    for (const auto& server : narrow.snapshot()) {
      probing += server.probing;
      checked += server.health.checks > 0;
    }
    EXPECT_LE(probing, 2u);
    return checked == servers.size();
  };
  EXPECT_TRUE(becomes(all_checked));
}

// Servers that never answer fill their half of the gate, and no more.
TEST_F(Runner, TheDeadDelayNoLiveOne) {
  LoopbackServer silent(io_, test::keep_silent);
  LoopbackServer lively(io_, test::answer_unread("HTTP/1.0 200 OK\r\n"));
  HealthRunner narrow(io_, 4);
  std::vector<config::Server> servers;
  for (int i = 0; i < 20; ++i) {
    servers.push_back(server_at("s" + std::to_string(i), silent.endpoint()));
    servers.back().init_state = config::InitState::FullyDown;
  }
  servers.push_back(server_at("one", lively.endpoint()));
  narrow.apply(config_of(servers, config::HttpCheck{}));
  EXPECT_TRUE(becomes([&] { return narrow.find(kOne)->health.checks >= 20; }));
  std::size_t probing = 0;
  for (const auto& server : narrow.snapshot())
    probing += server.probing && server.key != kOne;
  EXPECT_EQ(probing, 2u);
}

TEST(SpreadStarts, CoversTheIntervalInOrder) {
  auto slow = server_at("a", {});
  slow.inter = 3s;
  auto unchecked = slow;
  unchecked.check = false;
  const auto plans = plan_checks(config_of({slow, unchecked, slow, slow}));
  EXPECT_EQ(spread_starts(plans), (std::vector<Duration>{0s, 0s, 1s, 2s}));
}

TEST(CheckPlan, TakesTheCheckPortAndTimeouts) {
  auto server = server_at("one", {Ipv4Address::of(10, 0, 0, 1), 3306});
  server.check_port = 9200;
  server.inter = 2s;
  const auto plans = plan_checks(config_of({server}));
  ASSERT_EQ(plans.size(), 1u);
  EXPECT_EQ(plans[0].key, kOne);
  const ProbeTarget& target = plans[0].check->target;
  EXPECT_EQ(target.endpoint, (config::Endpoint{Ipv4Address::of(10, 0, 0, 1), 9200}));
  EXPECT_EQ(target.timeouts, (ProbeTimeouts{.connect = 2s, .reply = 5s}));
}

}  // namespace
}  // namespace carpool
