// Checks over TLS against servers that speak it, badly or not at all.
#include <gtest/gtest.h>

#include "tests/unit/health/probe_fixture.h"
#include "tests/unit/health/tls_peer.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;
using test::Certificate;
using test::LoopbackServer;
using test::tcp;
using enum CheckStatus;

// Passes bytes between the connection and a TlsPeer of its own.
LoopbackServer::Behaviour speak_tls(const Certificate& certificate, std::string answer) {
  struct Conversation : std::enable_shared_from_this<Conversation> {
    Conversation(std::shared_ptr<tcp::socket> connection, const Certificate& shown,
                 const std::string& reply)
        : socket(std::move(connection)), peer(shown, reply) {}
    void go_on() {
      socket->async_read_some(
          boost::asio::buffer(buffer), [self = shared_from_this()](auto error, std::size_t size) {
            if (error) return;
            const std::string bytes = self->peer.exchange({self->buffer.data(), size});
            boost::system::error_code ignored;
            boost::asio::write(*self->socket, boost::asio::buffer(bytes), ignored);
            self->go_on();
          });
    }
    std::shared_ptr<tcp::socket> socket;
    test::TlsPeer peer;
    std::array<char, 4096> buffer{};
  };
  return [&certificate, answer](std::shared_ptr<tcp::socket> socket) {
    std::make_shared<Conversation>(socket, certificate, answer)->go_on();
  };
}

class TlsProbe : public test::ProbeFixture {
 protected:
  static ProbeTarget over_tls(const config::Endpoint& endpoint,
                              ProbeTimeouts timeouts = test::kAmple) {
    ProbeTarget target = to(endpoint, timeouts);
    target.tls.enabled = true;
    target.tls.verify = false;
    return target;
  }
};

TEST_F(TlsProbe, AHandshakeIsEnoughWithoutRules) {
  const Certificate certificate;
  LoopbackServer server(io_, speak_tls(certificate, ""));
  const auto result = run(probe_tcp({}, over_tls(server.endpoint())));
  EXPECT_EQ(result.status, L6Ok) << result.text;
  EXPECT_EQ(result.warning, "");
}

TEST_F(TlsProbe, HttpOverTls) {
  const Certificate certificate;
  LoopbackServer server(io_, speak_tls(certificate, "HTTP/1.1 200 Fine\r\n\r\n"));
  const auto result = run(probe_http({}, over_tls(server.endpoint())));
  EXPECT_EQ(result.status, L7Ok) << result.text;
  EXPECT_EQ(result.text, "Fine");
}

TEST_F(TlsProbe, WarnsOfACertificateThatIsAboutToExpire) {
  const Certificate certificate({.valid_until = 24h * 3 + 1h});
  LoopbackServer server(io_, speak_tls(certificate, "HTTP/1.1 200 Fine\r\n\r\n"));
  auto target = over_tls(server.endpoint());
  const auto result = run(probe_http({}, target));
  EXPECT_EQ(result.status, L7Ok);
  EXPECT_TRUE(result.warning.ends_with(", in 3 days")) << result.warning;
  target.tls.expiry_warning = 24h;
  EXPECT_EQ(run(probe_http({}, target)).warning, "");
}

TEST_F(TlsProbe, SaysWhyTheHandshakeFailed) {
  const Certificate certificate;
  LoopbackServer server(io_, speak_tls(certificate, ""));
  auto target = over_tls(server.endpoint());
  target.tls.verify = true;
  const auto untrusted = run(probe_tcp({}, target));
  EXPECT_EQ(untrusted.status, L6Response);
  EXPECT_EQ(untrusted.text, "certificate verify failed: self-signed certificate");
  target.tls.ca_file = "/nowhere/ca.pem";
  EXPECT_EQ(run(probe_tcp({}, target)).status, SocketError) << "our fault";

  server.set_behaviour(test::answer("SSH-2.0-OpenSSH_9.2\r\n"));
  EXPECT_EQ(run(probe_tcp({}, over_tls(server.endpoint()))).text, "wrong version number");
  server.set_behaviour(test::answer(""));
  const auto closed = run(probe_tcp({}, over_tls(server.endpoint())));
  EXPECT_EQ(closed.status, L6Response);
  EXPECT_EQ(closed.text, "connection closed during the TLS handshake");
  server.set_behaviour(test::answer_unread(""));
  EXPECT_EQ(run(probe_tcp({}, over_tls(server.endpoint()))).text,
            "Connection reset by peer during the TLS handshake");
}

TEST_F(TlsProbe, GivesUpOnASilentServer) {
  LoopbackServer server(io_, test::keep_silent);
  const auto result = run(probe_tcp({}, over_tls(server.endpoint(), {.connect = 50ms})));
  EXPECT_EQ(result.status, L6Timeout);
  EXPECT_GE(result.took, 50ms);
}

TEST_F(TlsProbe, ARuleMayBeginTlsByItself) {
  const Certificate certificate;
  LoopbackServer server(io_, speak_tls(certificate, "+PONG"));
  config::TcpCheck check;
  check.rules = {{.act = config::ConnectRule{.tls = true}, .step = 1},
                 {.act = config::SendRule{"PING"}, .step = 2},
                 {.act = config::ExpectRule{.what = config::ExpectBytes{"PONG"}}, .step = 3}};
  auto target = over_tls(server.endpoint());
  target.tls.enabled = false;
  EXPECT_EQ(run(probe_tcp(check, target)).status, L7Ok);
}

}  // namespace
}  // namespace carpool
