#include <chrono>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/health/http_request.h"
#include "controlplane/health/probe_chain.h"
#include "tests/unit/health/loopback_server.h"
#include "tests/unit/health/probe_fixture.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;
using test::LoopbackServer;
using test::tcp;

class Probe : public test::ProbeFixture {};

// A listener whose queue is full: the kernel drops further SYNs, as a dead machine would.
class FullListener {
 public:
  FullListener() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address_;
    if (bind(listener_, sockaddr_of(address_), length) != 0 || listen(listener_, 0) != 0 ||
        getsockname(listener_, sockaddr_of(address_), &length) != 0) {
      std::abort();
    }
    while (connects()) {
    }
  }
  ~FullListener() {
    for (const int fd : clients_)
      close(fd);
    close(listener_);
  }
  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;

  [[nodiscard]] config::Endpoint endpoint() const {
    return {Ipv4Address::of(127, 0, 0, 1), ntohs(address_.sin_port)};
  }

 private:
  static sockaddr* sockaddr_of(sockaddr_in& address) {
    return reinterpret_cast<sockaddr*>(&address);
  }
  bool connects() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    clients_.push_back(fd);
    connect(fd, sockaddr_of(address_), sizeof address_);
    pollfd entry{fd, POLLOUT, 0};
    return poll(&entry, 1, 100) == 1;
  }

  int listener_ = -1;
  std::vector<int> clients_;
  sockaddr_in address_{};
};

TEST_F(Probe, TcpPassesWhenConnected) {
  LoopbackServer server(io_, test::keep_silent);
  const auto result = run(probe_tcp({}, to(server.endpoint())));
  EXPECT_EQ(result.status, CheckStatus::L4Ok);
  EXPECT_EQ(result.text, "");
  EXPECT_GT(result.took, 0ns);
  EXPECT_LT(result.took, 5s);
}

TEST_F(Probe, RefusedIsToldFromSilent) {
  const auto result = run(probe_tcp({}, to(refused())));
  EXPECT_EQ(result.status, CheckStatus::L4Connect);
  EXPECT_EQ(result.text, "Connection refused");
  EXPECT_EQ(run(probe_http({}, to(refused()))).status, CheckStatus::L4Connect);

  FullListener silent;
  const auto timed_out = run(probe_tcp({}, to(silent.endpoint(), {.connect = 50ms})));
  EXPECT_EQ(timed_out.status, CheckStatus::L4Timeout);
  EXPECT_GE(timed_out.took, 50ms);
}

TEST_F(Probe, TcpLeavesNoConnectionBehind) {
  std::shared_ptr<tcp::socket> accepted;
  LoopbackServer server(io_, [&](std::shared_ptr<tcp::socket> socket) { accepted = socket; });
  run(probe_tcp({}, to(server.endpoint())));
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!accepted && std::chrono::steady_clock::now() < deadline) {
    io_.restart();
    io_.run_one_for(100ms);
  }
  ASSERT_TRUE(accepted);
  char byte;
  boost::system::error_code error;
  accepted->read_some(boost::asio::buffer(&byte, 1), error);
  EXPECT_EQ(error, boost::asio::error::connection_reset);
}

TEST_F(Probe, HttpReadsTheStatus) {
  LoopbackServer server(io_, test::answer_unread("HTTP/1.1 200 OK\r\n\r\n"));
  const auto up = run(probe_http({}, to(server.endpoint())));
  EXPECT_EQ(up.status, CheckStatus::L7Ok);
  EXPECT_EQ(up.code, 200);
  EXPECT_EQ(up.text, "OK");
  server.set_behaviour(test::answer_unread("HTTP/1.1 503 Service Unavailable\r\n\r\n"));
  const auto down = run(probe_http({}, to(server.endpoint())));
  EXPECT_EQ(down.status, CheckStatus::L7Status);
  EXPECT_EQ(down.code, 503);
}

// What mysqlchk says: headers that are none, and a reset right after, because nobody read the
// request.
TEST_F(Probe, HttpToleratesTheScriptsInTheField) {
  LoopbackServer server(
      io_, test::answer_unread("HTTP/1.1 200 OK\r\nContent-Type: Content-Type: text/plain\r\n"
                               "\r\n\r\nMySQL is running.\r\n"));
  EXPECT_EQ(run(probe_http({}, to(server.endpoint()))).status, CheckStatus::L7Ok);

  // The same at once, without waiting for the request.
  server.set_behaviour([](std::shared_ptr<tcp::socket> socket) {
    boost::asio::write(*socket, boost::asio::buffer(std::string("HTTP/1.1 503 Down\r\nx\r\n")));
  });
  EXPECT_EQ(run(probe_http({}, to(server.endpoint()))).code, 503);

  // Nothing but the status line, without its end.
  server.set_behaviour(test::answer_unread("HTTP/1.1 200"));
  EXPECT_EQ(run(probe_http({}, to(server.endpoint()))).status, CheckStatus::L7Ok);
}

TEST_F(Probe, HttpRefusesWhatIsNotHttp) {
  LoopbackServer server(io_, test::answer_unread("SSH-2.0-OpenSSH_9.2\r\n"));
  EXPECT_EQ(run(probe_http({}, to(server.endpoint()))).status, CheckStatus::L7Response);
  server.set_behaviour(test::answer_unread(""));
  const auto reset = run(probe_http({}, to(server.endpoint())));
  EXPECT_EQ(reset.status, CheckStatus::SocketError);
  EXPECT_EQ(reset.text, "Connection reset by peer");
  server.set_behaviour(test::answer(""));
  const auto empty = run(probe_http({}, to(server.endpoint())));
  EXPECT_EQ(empty.status, CheckStatus::L7Response);
  EXPECT_EQ(empty.text, "no reply before the connection ended");
}

TEST_F(Probe, HttpGivesUpOnASilentServer) {
  LoopbackServer server(io_, test::keep_silent);
  // Without a timeout of its own the reply shares that of the connection.
  EXPECT_EQ(run(probe_http({}, to(server.endpoint(), {.connect = 50ms}))).status,
            CheckStatus::L7Timeout);
  const auto result = run(probe_http({}, to(server.endpoint(), {.connect = 10s, .reply = 50ms})));
  EXPECT_EQ(result.status, CheckStatus::L7Timeout);
  EXPECT_GE(result.took, 50ms);
  EXPECT_LT(result.took, 5s);
}

TEST_F(Probe, HttpReassemblesASlowReply) {
  LoopbackServer server(io_, [this](std::shared_ptr<tcp::socket> socket) {
    boost::asio::write(*socket, boost::asio::buffer(std::string("HTTP/1.1 2")));
    auto later = std::make_shared<boost::asio::steady_timer>(io_, 20ms);
    later->async_wait([socket, later](boost::system::error_code) {
      boost::asio::write(*socket, boost::asio::buffer(std::string("04 No Content\r\n")));
    });
  });
  const auto result = run(probe_http({}, to(server.endpoint())));
  EXPECT_EQ(result.code, 204);
  EXPECT_EQ(result.text, "No Content");
}

TEST(HttpRequest, IsWhatIsConfigured) {
  const config::Endpoint target{Ipv4Address::of(10, 0, 0, 1), 9200};
  config::HttpSendRule rule;
  EXPECT_EQ(format_request(rule, target), "OPTIONS / HTTP/1.0\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(format_request(rule, target, "UP 1/3; name=web/one"),
            "OPTIONS / HTTP/1.0\r\nX-Haproxy-Server-State: UP 1/3; name=web/one\r\n"
            "Connection: close\r\n\r\n");
  rule = {.method = "POST", .uri = "/ready?x=1", .version = "HTTP/1.1", .body = "ping"};
  EXPECT_EQ(format_request(rule, target),
            "POST /ready?x=1 HTTP/1.1\r\nHost: 10.0.0.1:9200\r\nConnection: close\r\n"
            "Content-Length: 4\r\n\r\nping");
  rule.headers = {{"host", "db.example"}, {"X-Check", "yes"}};
  rule.body.clear();
  EXPECT_EQ(format_request(rule, target),
            "POST /ready?x=1 HTTP/1.1\r\nhost: db.example\r\nX-Check: yes\r\n"
            "Connection: close\r\n\r\n");
}

TEST(ProbeTimeouts, AreHaproxys) {
  EXPECT_EQ(probe_timeouts(2s, std::nullopt, std::nullopt), (ProbeTimeouts{2s, std::nullopt}));
  EXPECT_EQ(probe_timeouts(2s, 500ms, std::nullopt), (ProbeTimeouts{2s, std::nullopt}));
  EXPECT_EQ(probe_timeouts(2s, 500ms, 3s), (ProbeTimeouts{500ms, 3s}));
  EXPECT_EQ(probe_timeouts(2s, 30s, 3s), (ProbeTimeouts{2s, 3s}));
  EXPECT_EQ(probe_timeouts(2s, std::nullopt, 3s), (ProbeTimeouts{2s, 3s}));
}

}  // namespace
}  // namespace carpool
