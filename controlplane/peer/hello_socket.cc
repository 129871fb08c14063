#include "controlplane/peer/hello_socket.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

namespace carpool::hello {
namespace {

sockaddr_in to_sockaddr(const config::Endpoint& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  address.sin_addr.s_addr = endpoint.address.value.raw();
  return address;
}

}  // namespace

Result<Socket> Socket::open(const config::Endpoint& local, const config::Endpoint& peer) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(fmt::format("no UDP socket for hellos: {}", std::strerror(errno)));
  Socket opened(fd, peer);
  const int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
  // Before bulk traffic, where a queue knows of it.
  const int network_control = 48 << 2;
  setsockopt(fd, IPPROTO_IP, IP_TOS, &network_control, sizeof network_control);
  const sockaddr_in address = to_sockaddr(local);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(fmt::format("hellos cannot bind UDP {}, the port after this node's 'peer': {}",
                            config::to_string(local), std::strerror(errno)));
  }
  return opened;
}

Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), peer_(other.peer_) {}

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

void Socket::send(std::span<const std::uint8_t> bytes) const {
  const sockaddr_in to = to_sockaddr(peer_);
  static_cast<void>(sendto(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT,
                           reinterpret_cast<const sockaddr*>(&to), sizeof to));
}

std::optional<Socket::Received> Socket::receive() {
  sockaddr_in from{};
  socklen_t length = sizeof from;
  const auto bytes = recvfrom(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT,
                              reinterpret_cast<sockaddr*>(&from), &length);
  if (bytes < 0) return std::nullopt;
  const Ipv4Address sender{be32::from_raw(from.sin_addr.s_addr)};
  const bool is_peer = sender == peer_.address && ntohs(from.sin_port) == peer_.port;
  return Received{std::span(buffer_).first(static_cast<std::size_t>(bytes)), is_peer, sender};
}

}  // namespace carpool::hello
