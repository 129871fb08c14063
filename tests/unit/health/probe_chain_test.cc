// Dialogues with servers that follow a script, as HAProxy has them.
#include "controlplane/health/probe_chain.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/health/probe_fixture.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;
using config::CheckRule;
using config::ConnectRule;
using config::ExpectBytes;
using config::ExpectRule;
using config::HttpSendRule;
using config::SendRule;
using test::LoopbackServer;
using test::tcp;
using enum CheckStatus;

class Chain : public test::ProbeFixture {
 protected:
  static config::TcpCheck tcp_check(std::vector<CheckRule> rules) {
    unsigned step = 0;
    for (CheckRule& rule : rules)
      rule.step = ++step;
    if (!std::holds_alternative<ConnectRule>(rules.front().act)) {
      rules.insert(rules.begin(), {.act = ConnectRule{.defaults = true, .implicit = true}});
    }
    return {.rules = std::move(rules)};
  }
  static CheckRule send(std::string bytes) { return {.act = SendRule{std::move(bytes)}}; }
  static CheckRule expect(std::string bytes, bool negate = false) {
    return {.act = ExpectRule{.what = ExpectBytes{std::move(bytes)}, .negate = negate}};
  }
};

// Answers whatever it reads with the next of its answers, and closes when it has no more.
class Conversation : public std::enable_shared_from_this<Conversation> {
 public:
  Conversation(std::shared_ptr<tcp::socket> socket, const std::vector<std::string>& answers)
      : socket_(std::move(socket)), left_(answers.rbegin(), answers.rend()) {}

  void go_on() {
    socket_->async_read_some(boost::asio::buffer(heard_),
                             [self = shared_from_this()](auto error, auto) {
                               if (!error && !self->left_.empty()) self->answer();
                             });
  }

 private:
  void answer() {
    boost::system::error_code ignored;
    boost::asio::write(*socket_, boost::asio::buffer(left_.back()), ignored);
    left_.pop_back();
    go_on();
  }

  std::shared_ptr<tcp::socket> socket_;
  std::vector<std::string> left_;
  std::array<char, 4096> heard_{};
};

LoopbackServer::Behaviour converse(std::vector<std::string> answers) {
  return [answers](std::shared_ptr<tcp::socket> socket) {
    std::make_shared<Conversation>(socket, answers)->go_on();
  };
}

TEST_F(Chain, AsksAndJudgesStepByStep) {
  LoopbackServer redis(io_, converse({"+PONG\r\n", "role:master\r\n"}));
  const auto check =
      tcp_check({send("PING\r\n"), expect("+PONG"), send("INFO\r\n"), expect("role:master")});
  const auto result = run(probe_tcp(check, to(redis.endpoint())));
  EXPECT_EQ(result.status, L7Ok);
  EXPECT_EQ(result.text, "(tcp-check)");
  redis.set_behaviour(converse({"+PONG\r\n", "role:slave\r\n"}));
  const auto slave = run(probe_tcp(check, to(redis.endpoint(), {.connect = 10s, .reply = 100ms})));
  EXPECT_EQ(slave.status, L7Timeout) << "the master may still come";
  EXPECT_EQ(slave.text, "at step 4 of tcp-check (expect string 'role:master')");
}

TEST_F(Chain, EndsWithWhatItsLastRuleSays) {
  LoopbackServer silent(io_, test::keep_silent);
  EXPECT_EQ(run(probe_tcp(tcp_check({{.act = ConnectRule{}}}), to(silent.endpoint()))).status,
            L4Ok);
  const auto sent = run(probe_tcp(tcp_check({send("x")}), to(silent.endpoint())));
  EXPECT_EQ(sent.status, L7Ok);
  EXPECT_EQ(sent.text, "(tcp-check)");
}

TEST_F(Chain, SaysWhereItFailed) {
  const auto check = tcp_check({send("x"), expect("y")});
  const auto refused_result = run(probe_tcp(check, to(refused())));
  EXPECT_EQ(refused_result.status, L4Connect);
  EXPECT_EQ(refused_result.text, "Connection refused at initial connection step of tcp-check");
  const auto dead = refused();
  const auto second = tcp_check({{.act = ConnectRule{.port = dead.port}}, send("x")});
  EXPECT_EQ(run(probe_tcp(second, to(dead))).text,
            fmt::format("Connection refused at step 1 of tcp-check (connect port {})", dead.port));
  LoopbackServer server(io_, test::answer(""));
  const auto empty = run(probe_tcp(check, to(server.endpoint())));
  EXPECT_EQ(empty.status, L7Response);
  EXPECT_EQ(empty.text, "TCPCHK got an empty response at step 2");
  server.set_behaviour(test::answer_unread(""));
  const auto reset = run(probe_tcp(check, to(server.endpoint())));
  EXPECT_EQ(reset.status, SocketError);
  EXPECT_EQ(reset.text, "Connection reset by peer at step 2 of tcp-check (expect string 'y')");
}

TEST_F(Chain, ExpectationsInARowLookAtTheSameAnswer) {
  LoopbackServer server(io_, test::answer("one two three"));
  EXPECT_EQ(
      run(probe_tcp(tcp_check({send("x"), expect("three"), expect("one")}), to(server.endpoint())))
          .status,
      L7Ok);
  const auto negated = tcp_check({send("x"), expect("four", true), expect("three")});
  EXPECT_EQ(run(probe_tcp(negated, to(server.endpoint()))).status, L7Ok);
  const auto unwanted = tcp_check({send("x"), expect("two", true), expect("three")});
  EXPECT_EQ(run(probe_tcp(unwanted, to(server.endpoint()))).text,
            "TCPCHK matched unwanted content 'two' at step 2");
}

// What must not be there is looked for again in all that arrives while later rules wait.
TEST_F(Chain, WhatMustNotComeMustNotComeLater) {
  LoopbackServer server(io_, [this](std::shared_ptr<tcp::socket> socket) {
    boost::asio::write(*socket, boost::asio::buffer(std::string("aaaa")));
    auto later = std::make_shared<boost::asio::steady_timer>(io_, 20ms);
    later->async_wait([socket, later](boost::system::error_code) {
      boost::asio::write(*socket, boost::asio::buffer(std::string("error b")));
    });
  });
  auto check = tcp_check({expect("error", true), expect("b")});
  std::get<ExpectRule>(check.rules[1].act).min_recv = 4;
  EXPECT_EQ(run(probe_tcp(check, to(server.endpoint()))).text,
            "TCPCHK matched unwanted content 'error' at step 1");
}

TEST_F(Chain, EachConnectGoesToItsOwnPort) {
  LoopbackServer first(io_, test::answer("first"));
  LoopbackServer second(io_, test::answer("second"));
  const auto check = tcp_check({{.act = ConnectRule{}},
                                send("x"),
                                expect("first"),
                                {.act = ConnectRule{.port = second.endpoint().port}},
                                send("x"),
                                expect("second")});
  EXPECT_EQ(run(probe_tcp(check, to(first.endpoint()))).status, L7Ok);
  EXPECT_EQ(first.connections(), 1);
  EXPECT_EQ(second.connections(), 1);
}

TEST_F(Chain, ATimeoutMayBearAnotherName) {
  LoopbackServer silent(io_, test::keep_silent);
  auto check = tcp_check({expect("hello")});
  std::get<ExpectRule>(check.rules[1].act).timeout_status = config::RuleStatus::L6Timeout;
  EXPECT_EQ(run(probe_tcp(check, to(silent.endpoint(), {.connect = 50ms}))).status, L6Timeout);
}

TEST_F(Chain, RoundsOfHttp) {
  LoopbackServer front(io_, test::answer("HTTP/1.1 200 OK\r\n\r\nfine"));
  LoopbackServer status(io_, test::answer("HTTP/1.1 200 OK\r\nX-Role: primary\r\n\r\n"));
  config::HttpCheck check;
  check.rules.push_back({.act = ConnectRule{.port = status.endpoint().port}, .step = 2});
  check.rules.push_back({.act = HttpSendRule{.method = "GET", .uri = "/role"}, .step = 3});
  check.rules.push_back(
      {.act = ExpectRule{.what =
                             config::ExpectHeader{.name = {.text = "x-role"},
                                                  .value = config::TextPattern{.text = "primary"}}},
       .step = 4});
  EXPECT_EQ(run(probe_http(check, to(front.endpoint()))).status, L7Ok);
  EXPECT_EQ(front.connections() + status.connections(), 2);
  status.set_behaviour(test::answer("HTTP/1.1 200 OK\r\nX-Role: replica\r\n\r\n"));
  EXPECT_EQ(run(probe_http(check, to(front.endpoint()))).status, L7Status);
}

TEST_F(Chain, NotFoundMayMeanPleaseNoNewConnections) {
  LoopbackServer server(io_, test::answer_unread("HTTP/1.1 404 Not Found\r\n\r\n"));
  config::HttpCheck check;
  EXPECT_EQ(run(probe_http(check, to(server.endpoint()))).status, L7Status);
  check.disable_on_404 = true;
  const auto result = run(probe_http(check, to(server.endpoint())));
  EXPECT_EQ(result.status, L7OkConditional);
  EXPECT_EQ(result.code, 404);
}

TEST_F(Chain, TellsTheServerItsState) {
  std::string seen;
  LoopbackServer server(io_, [&](std::shared_ptr<tcp::socket> socket) {
    auto request = std::make_shared<std::string>(4096, '\0');
    socket->async_read_some(boost::asio::buffer(*request), [&seen, socket, request](auto, auto n) {
      seen = request->substr(0, n);
      boost::asio::write(*socket, boost::asio::buffer(std::string("HTTP/1.0 200 OK\r\n")));
    });
  });
  config::HttpCheck check;
  run(probe_http(check, to(server.endpoint()), "UP; name=web/one"));
  EXPECT_EQ(seen.find("X-Haproxy"), seen.npos) << "only where it is wanted";
  check.send_state = true;
  run(probe_http(check, to(server.endpoint()), "UP; name=web/one"));
  EXPECT_NE(seen.find("X-Haproxy-Server-State: UP; name=web/one\r\n"), seen.npos);
}

}  // namespace
}  // namespace carpool
