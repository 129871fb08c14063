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
    runner_.set_on_change(
        [this](const ServerKey& key, const ServerHealth&, const Transition* transition) {
          ++results_;
          if (!transition) return;
          const char* word = *transition == Transition::Up     ? " up"
                             : *transition == Transition::Down ? " down"
                                                               : " stopping";
          events_.push_back(to_string(key) + word);
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
  runner_.set_on_change([&](const ServerKey& key, const ServerHealth&, const Transition*) {
    if (key == kOne) runner_.apply(config_of({server_at("two", alive.endpoint())}));
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

  runner_.set_paused(kOne, false);
  EXPECT_TRUE(becomes(status_is(kOne, "UP")));
  // The configuration still says disabled, but did not change: the operator's word holds.
  runner_.apply(config_of({one, server_at("two", server.endpoint())}));
  EXPECT_FALSE(runner_.find(kOne)->paused);
  one.disabled = false;
  runner_.apply(config_of({one}));
  one.disabled = true;
  runner_.apply(config_of({one}));
  EXPECT_TRUE(runner_.find(kOne)->paused);
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
  EXPECT_EQ(plans[0].check->target, (config::Endpoint{Ipv4Address::of(10, 0, 0, 1), 9200}));
  EXPECT_EQ(plans[0].check->timeouts, (ProbeTimeouts{.connect = 2s, .reply = 5s}));
}

}  // namespace
}  // namespace carpool
