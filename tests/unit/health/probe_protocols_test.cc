// The protocol checks over real sockets. What replies mean is tested without them.
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <gtest/gtest.h>

#include "controlplane/health/probe_datagram.h"
#include "controlplane/health/probe_dialogue.h"
#include "controlplane/health/probe_mysql.h"
#include "controlplane/health/protocol_dialogues.h"
#include "tests/unit/health/loopback_server.h"
#include "tests/unit/health/mysql_script.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using boost::asio::ip::udp;
using test::LoopbackServer;
using test::tcp;

// Answers each datagram by what `behaviour` makes of it; by nothing where that is empty.
class UdpServer {
 public:
  using Behaviour = std::function<std::string(std::string)>;

  UdpServer(boost::asio::io_context& io, Behaviour behaviour)
      : socket_(io, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        behaviour_(std::move(behaviour)) {
    receive();
  }

  [[nodiscard]] config::Endpoint endpoint() const {
    return {Ipv4Address::of(127, 0, 0, 1), socket_.local_endpoint().port()};
  }

 private:
  void receive() {
    buffer_.resize(2048);
    socket_.async_receive_from(boost::asio::buffer(buffer_), peer_, [this](auto error, auto size) {
      if (error) return;
      const auto answer = behaviour_(buffer_.substr(0, size));
      if (!answer.empty()) socket_.send_to(boost::asio::buffer(answer), peer_);
      receive();
    });
  }

  udp::socket socket_;
  Behaviour behaviour_;
  std::string buffer_;
  udp::endpoint peer_;
};

class ProbeProtocols : public testing::Test {
 protected:
  CheckResult run(boost::asio::awaitable<CheckResult> probe) {
    std::optional<CheckResult> result;
    boost::asio::co_spawn(io_, std::move(probe), [&](std::exception_ptr error, CheckResult found) {
      EXPECT_FALSE(error);
      result = std::move(found);
      io_.stop();
    });
    io_.restart();
    io_.run_for(20s);
    EXPECT_TRUE(result) << "the probe did not end";
    return result.value_or(CheckResult{});
  }

  static ProbeTarget ample(const config::Endpoint& endpoint) {
    return {.endpoint = endpoint, .timeouts = {.connect = 10s}};
  }
  static ProbeTarget hasty(const config::Endpoint& endpoint) {
    return {.endpoint = endpoint, .timeouts = {.connect = 10s, .reply = 50ms}};
  }

  boost::asio::io_context io_;
};

// Sends this, then takes whatever comes until the client goes, and keeps it.
LoopbackServer::Behaviour say_and_listen(std::string text, std::string& heard) {
  return [text, &heard](std::shared_ptr<tcp::socket> socket) {
    boost::asio::write(*socket, boost::asio::buffer(text));
    auto listen = std::make_shared<std::function<void()>>();
    auto buffer = std::make_shared<std::string>(4096, '\0');
    *listen = [socket, buffer, &heard, weak = std::weak_ptr(listen)] {
      socket->async_read_some(boost::asio::buffer(*buffer),
                              [&heard, buffer, again = weak.lock()](auto error, auto size) {
                                heard.append(*buffer, 0, size);
                                if (!error) (*again)();
                              });
    };
    (*listen)();
  };
}

TEST_F(ProbeProtocols, DialogueEndsWithItsReply) {
  std::string heard;
  LoopbackServer server(io_, say_and_listen("+PONG\r\n", heard));
  const auto result =
      run(probe_dialogue(dialogue_of(config::RedisCheck{}), ample(server.endpoint()), {}));
  EXPECT_EQ(name(result.status), "L7OK");
  EXPECT_EQ(result.text, "Redis server is ok");
  EXPECT_GT(result.took, 0ns);
}

TEST_F(ProbeProtocols, DialogueTimesOutInItsOwnWay) {
  LoopbackServer server(io_, test::keep_silent);
  const auto redis =
      run(probe_dialogue(dialogue_of(config::RedisCheck{}), hasty(server.endpoint()), {}));
  EXPECT_EQ(name(redis.status), "L7TOUT");
  const auto tls =
      run(probe_dialogue(dialogue_of(config::SslHelloCheck{}), hasty(server.endpoint()),
                         {.timeout = CheckStatus::L6Timeout}));
  EXPECT_EQ(name(tls.status), "L6TOUT");
}

TEST_F(ProbeProtocols, DialogueTellsAResetFromAnEnd) {
  LoopbackServer server(io_, [](std::shared_ptr<tcp::socket> socket) { socket->close(); });
  const auto closed =
      run(probe_dialogue(dialogue_of(config::MysqlCheck{}), ample(server.endpoint()), {}));
  EXPECT_EQ(name(closed.status), "L7RSP");
  EXPECT_EQ(closed.text, "TCPCHK got an empty response at step 2");
  server.set_behaviour([](std::shared_ptr<tcp::socket> socket) {
    socket->set_option(boost::asio::socket_base::linger(true, 0));
    socket->close();
  });
  const auto reset =
      run(probe_dialogue(dialogue_of(config::MysqlCheck{}), ample(server.endpoint()), {}));
  EXPECT_EQ(name(reset.status), "SOCKERR");
  EXPECT_EQ(reset.text, "Connection reset by peer");
}

const config::MysqlLoginCheck kLogin{.user = "carpool", .password = "secret"};

TEST_F(ProbeProtocols, MysqlLeavesWithAGoodbye) {
  using namespace mysql::test;
  std::string heard;
  LoopbackServer server(io_, say_and_listen(greeting() + more_auth_data("\x03") + ok(3), heard));
  const auto result = run(probe_mysql(kLogin, ample(server.endpoint())));
  EXPECT_EQ(name(result.status), "L7OK");
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  const auto goodbye = mysql::frame(0, "\x01");
  while (!heard.ends_with(goodbye) && std::chrono::steady_clock::now() < deadline) {
    io_.restart();
    io_.run_one_for(100ms);
  }
  EXPECT_TRUE(heard.ends_with(goodbye));
}

TEST_F(ProbeProtocols, MysqlHearsWhyItIsTurnedAway) {
  using namespace mysql::test;
  LoopbackServer server(io_, [](std::shared_ptr<tcp::socket> socket) {
    boost::asio::write(*socket, boost::asio::buffer(error(1040, "Too many connections", 0)));
  });
  const auto result = run(probe_mysql(kLogin, ample(server.endpoint())));
  EXPECT_EQ(name(result.status), "L7STS");
  EXPECT_EQ(result.code, 1040);
  EXPECT_EQ(result.text, "Too many connections");

  server.set_behaviour(test::keep_silent);
  EXPECT_EQ(name(run(probe_mysql(kLogin, hasty(server.endpoint()))).status), "L7TOUT");
}

TEST_F(ProbeProtocols, UdpTakesAReplyForWhatItSays) {
  UdpServer server(io_, [](std::string datagram) { return "you said " + datagram; });
  config::UdpCheck check{.payload = "ping"};
  EXPECT_EQ(name(run(probe_udp(check, ample(server.endpoint()))).status), "L7OK");
  check.expect = {.bytes = "said ping", .written = "said ping"};
  EXPECT_EQ(name(run(probe_udp(check, ample(server.endpoint()))).status), "L7OK");
  check.expect = {.bytes = "pong", .written = "pong"};
  const auto other = run(probe_udp(check, ample(server.endpoint())));
  EXPECT_EQ(name(other.status), "L7RSP");
  EXPECT_EQ(other.text, "UDP check did not match content 'pong'");
  check.expect->negate = true;
  EXPECT_EQ(name(run(probe_udp(check, ample(server.endpoint()))).status), "L7OK");
}

TEST_F(ProbeProtocols, UdpTellsSilenceFromAClosedPort) {
  UdpServer silent(io_, [](const std::string&) { return ""s; });
  config::UdpCheck check{.payload = "ping"};
  EXPECT_EQ(name(run(probe_udp(check, hasty(silent.endpoint()))).status), "L4OK");
  check.expect = {.bytes = "", .written = ""};
  EXPECT_EQ(name(run(probe_udp(check, hasty(silent.endpoint()))).status), "L7TOUT");

  std::optional<UdpServer> gone(std::in_place, io_, [](const std::string&) { return ""s; });
  const auto closed = gone->endpoint();
  gone.reset();
  const auto refused = run(probe_udp({}, ample(closed)));
  EXPECT_EQ(name(refused.status), "L4CON");
  EXPECT_EQ(refused.text, "Connection refused");
}

// The query given back with the bit that makes it a reply.
TEST_F(ProbeProtocols, DnsIgnoresStrayDatagrams) {
  int asked = 0;
  UdpServer server(io_, [&](std::string query) {
    ++asked;
    query[2] = '\x81';
    query[3] = '\x83';
    return query;
  });
  const config::DnsCheck check{.name = "example.com", .type_name = "A"};
  const auto result = run(probe_dns(check, ample(server.endpoint())));
  EXPECT_EQ(name(result.status), "L7STS");
  EXPECT_EQ(result.text, "NXDOMAIN");
  EXPECT_EQ(asked, 1);

  UdpServer stray(io_, [](const std::string&) { return "nonsense"s; });
  EXPECT_EQ(name(run(probe_dns(check, hasty(stray.endpoint()))).status), "L7TOUT");
}

TEST_F(ProbeProtocols, IcmpFindsThisMachineAlive) {
  const auto result = run(probe_icmp(ample({Ipv4Address::of(127, 0, 0, 1), 0})));
  if (result.status == CheckStatus::SocketError) {
    GTEST_SKIP() << "no right to send ICMP: " << result.text;
  }
  EXPECT_EQ(name(result.status), "L4OK");
  EXPECT_LT(result.took, 5s);
}

}  // namespace
}  // namespace carpool
