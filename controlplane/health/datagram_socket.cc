#include "controlplane/health/datagram_socket.h"

#include <cerrno>
#include <system_error>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace carpool {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

struct Opened {
  int fd = -1;
  bool raw = false;
};

// An ICMP socket of the unprivileged kind where the system allows us one (ping_group_range), else a
// raw one, which needs CAP_NET_RAW.
Opened open_socket(DatagramKind kind) {
  if (kind == DatagramKind::Udp) return {.fd = ::socket(AF_INET, SOCK_DGRAM | kFlags, 0)};
  const int ping = ::socket(AF_INET, SOCK_DGRAM | kFlags, IPPROTO_ICMP);
  if (ping >= 0 || (errno != EACCES && errno != EPERM)) return {.fd = ping};
  return {.fd = ::socket(AF_INET, SOCK_RAW | kFlags, IPPROTO_ICMP), .raw = true};
}

sockaddr_in address_of(const config::Endpoint& endpoint, DatagramKind kind) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = endpoint.address.value.raw();
  if (kind == DatagramKind::Udp) address.sin_port = htons(endpoint.port);
  return address;
}

// What ICMP messages from the server's side, and the lack of a way to it, turn into.
bool is_the_servers(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
         error == EHOSTDOWN || error == ENETDOWN || error == ENONET || error == ENOPROTOOPT ||
         error == EACCES;
}

CheckResult failure(int error) {
  const auto status = is_the_servers(error) ? CheckStatus::L4Connect : CheckStatus::SocketError;
  return {.status = status, .text = printable(std::generic_category().message(error))};
}

}  // namespace

// Shared with the timer's handler, which may already be on its way when the probe has ended.
struct DatagramSocket::State : std::enable_shared_from_this<State> {
  State(asio::any_io_executor executor, DatagramKind of, const ProbeTarget& to)
      : kind(of), target(to), descriptor(executor), deadline(executor), started(monotonic_now()) {}

  void arm() {
    deadline.expires_after(target.timeouts.reply.value_or(target.timeouts.connect));
    deadline.async_wait([weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->expired = true;
      self->descriptor.cancel(error);
    });
  }

  DatagramKind kind;
  ProbeTarget target;
  asio::posix::stream_descriptor descriptor;
  asio::steady_timer deadline;
  Instant started;
  bool raw = false;
  bool expired = false;
};

DatagramSocket::DatagramSocket(asio::any_io_executor executor, DatagramKind kind,
                               const ProbeTarget& target)
    : state_(std::make_shared<State>(executor, kind, target)) {}

DatagramSocket::~DatagramSocket() {
  state_->deadline.cancel();
  error_code ignored;
  state_->descriptor.close(ignored);
}

Step<void> DatagramSocket::open() {
  auto& s = *state_;
  const auto opened = open_socket(s.kind);
  // Refused for want of a right of ours, which says nothing about the server.
  if (opened.fd < 0) {
    auto outcome = failure(errno);
    outcome.status = CheckStatus::SocketError;
    return std::unexpected(result(outcome));
  }
  s.descriptor.assign(opened.fd);
  s.raw = opened.raw;
  // Without it the kernel keeps some ICMP messages to itself, as "host unreachable".
  const int on = 1;
  ::setsockopt(opened.fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  const auto address = address_of(s.target.endpoint, s.kind);
  if (::connect(opened.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return std::unexpected(result(failure(errno)));
  }
  s.arm();
  return {};
}

Step<void> DatagramSocket::send(std::string_view datagram) {
  const int fd = state_->descriptor.native_handle();
  if (::send(fd, datagram.data(), datagram.size(), 0) < 0) {
    return std::unexpected(result(failure(errno)));
  }
  return {};
}

asio::awaitable<Step<std::string_view>> DatagramSocket::receive(std::span<char> buffer) {
  auto& s = *state_;
  for (;;) {
    // Waiting first, also where something is there already: a flood of datagrams must not keep the
    // event loop from everything else.
    co_await s.descriptor.async_wait(asio::posix::stream_descriptor::wait_read, kAwait);
    if (s.expired) co_return std::unexpected(result({.status = CheckStatus::L7Timeout}));
    const auto size = ::recv(s.descriptor.native_handle(), buffer.data(), buffer.size(), 0);
    if (size >= 0) co_return std::string_view(buffer.data(), static_cast<std::size_t>(size));
    if (errno != EAGAIN && errno != EINTR) co_return std::unexpected(result(failure(errno)));
  }
}

bool DatagramSocket::is_raw() const {
  return state_->raw;
}

CheckResult DatagramSocket::result(CheckResult outcome) const {
  outcome.took = monotonic_now() - state_->started;
  return outcome;
}

}  // namespace carpool
