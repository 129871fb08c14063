#include "controlplane/health/probe_datagram.h"

#include <array>
#include <random>

#include <boost/asio/this_coro.hpp>

#include "controlplane/health/datagram_socket.h"
#include "controlplane/health/dns_message.h"
#include "controlplane/health/icmp_echo.h"

namespace carpool {
namespace {

using boost::asio::awaitable;

using Buffer = std::array<char, 4096>;

CheckResult judge_udp_reply(const config::UdpCheck::Expect& expect, std::string_view reply) {
  const bool found = reply.find(expect.bytes) != reply.npos;
  if (found != expect.negate) return {.status = CheckStatus::L7Ok};
  const auto* what =
      found ? "UDP check matched unwanted content '" : "UDP check did not match content '";
  return {.status = CheckStatus::L7Response, .text = printable(what + expect.written + "'")};
}

std::string random_token() {
  std::random_device random;
  std::string token;
  for (int i = 0; i < 16; ++i)
    token += static_cast<char>(random() & 0xff);
  return token;
}

}  // namespace

awaitable<CheckResult> probe_udp(config::UdpCheck check, ProbeTarget target) {
  DatagramSocket socket(co_await boost::asio::this_coro::executor, DatagramKind::Udp, target);
  if (const auto opened = socket.open(); !opened) co_return opened.error();
  if (const auto sent = socket.send(check.payload); !sent) co_return sent.error();
  Buffer buffer;
  const auto reply = co_await socket.receive(buffer);
  if (reply) {
    co_return socket.result(check.expect ? judge_udp_reply(*check.expect, *reply)
                                         : CheckResult{.status = CheckStatus::L7Ok});
  }
  const bool silent = reply.error().status == CheckStatus::L7Timeout;
  if (silent && !check.expect) co_return socket.result({.status = CheckStatus::L4Ok});
  co_return reply.error();
}

awaitable<CheckResult> probe_dns(config::DnsCheck check, ProbeTarget target) {
  DatagramSocket socket(co_await boost::asio::this_coro::executor, DatagramKind::Udp, target);
  if (const auto opened = socket.open(); !opened) co_return opened.error();
  const auto id = static_cast<std::uint16_t>(std::random_device{}());
  if (const auto sent = socket.send(dns_query(check, id)); !sent) co_return sent.error();
  Buffer buffer;
  for (;;) {
    const auto reply = co_await socket.receive(buffer);
    if (!reply) co_return reply.error();
    if (auto judged = judge_dns_reply(check, id, *reply)) co_return socket.result(*judged);
  }
}

awaitable<CheckResult> probe_icmp(ProbeTarget target) {
  DatagramSocket socket(co_await boost::asio::this_coro::executor, DatagramKind::IcmpEcho, target);
  if (const auto opened = socket.open(); !opened) co_return opened.error();
  const auto token = random_token();
  const auto identifier = static_cast<std::uint16_t>(std::random_device{}());
  if (const auto sent = socket.send(echo_request(identifier, token)); !sent) co_return sent.error();
  Buffer buffer;
  for (;;) {
    const auto reply = co_await socket.receive(buffer);
    if (!reply) {
      auto result = reply.error();
      if (result.status == CheckStatus::L7Timeout) result.status = CheckStatus::L4Timeout;
      co_return result;
    }
    const auto message = socket.is_raw() ? without_ip_header(*reply) : *reply;
    if (is_echo_reply(message, token)) co_return socket.result({.status = CheckStatus::L4Ok});
  }
}

}  // namespace carpool
