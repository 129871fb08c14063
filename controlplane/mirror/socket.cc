#include "controlplane/mirror/socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace carpool::mirror {
namespace {

// Room for what arrives while the thread waits for its turn of the scheduler.
constexpr int kSocketBufferBytes = 8 << 20;
// One byte more than a datagram has, so that a longer one is seen to be longer.
constexpr std::size_t kBufferBytes = kMaxDatagramBytes + 1;

sockaddr_in to_sockaddr(const config::Endpoint& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  address.sin_addr.s_addr = endpoint.address.value.raw();
  return address;
}

bool same(const sockaddr_in& a, const sockaddr_in& b) {
  return a.sin_addr.s_addr == b.sin_addr.s_addr && a.sin_port == b.sin_port;
}

// Above the system's limit where we may, else up to it.
void grow_buffer(int fd, int forced, int limited) {
  if (setsockopt(fd, SOL_SOCKET, forced, &kSocketBufferBytes, sizeof kSocketBufferBytes) != 0) {
    setsockopt(fd, SOL_SOCKET, limited, &kSocketBufferBytes, sizeof kSocketBufferBytes);
  }
}

}  // namespace

struct Socket::Buffers {
  explicit Buffers(const sockaddr_in& the_peer) : peer(the_peer) {
    for (std::size_t at = 0; at < kBatch; ++at) {
      in_parts[at] = {bytes[at].data(), kBufferBytes};
      in[at].msg_hdr.msg_iov = &in_parts[at];
      in[at].msg_hdr.msg_iovlen = 1;
      in[at].msg_hdr.msg_name = &senders[at];
      out[at].msg_hdr.msg_iov = &out_parts[at];
      out[at].msg_hdr.msg_iovlen = 1;
      out[at].msg_hdr.msg_name = &peer;
      out[at].msg_hdr.msg_namelen = sizeof peer;
    }
  }
  sockaddr_in peer;
  std::array<mmsghdr, kBatch> in{};
  std::array<iovec, kBatch> in_parts{};
  std::array<sockaddr_in, kBatch> senders{};
  std::array<std::array<std::uint8_t, kBufferBytes>, kBatch> bytes;
  std::array<Received, kBatch> received;
  std::array<mmsghdr, kBatch> out{};
  std::array<iovec, kBatch> out_parts{};
};

Socket::Socket(int fd, const config::Endpoint& peer)
    : fd_(fd), buffers_(std::make_unique<Buffers>(to_sockaddr(peer))) {}

Socket::Socket(Socket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffers_(std::move(other.buffers_)) {}

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

Result<Socket> Socket::open(const config::Endpoint& local, const config::Endpoint& peer) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(fmt::format("no UDP socket for mirroring: {}", std::strerror(errno)));
  Socket opened(fd, peer);
  // The link of the peer channel may come up after us.
  const int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
  grow_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
  grow_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
  const sockaddr_in address = to_sockaddr(local);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(fmt::format("mirroring cannot bind UDP {}, which is this node's 'peer': {}",
                            config::to_string(local), std::strerror(errno)));
  }
  return opened;
}

std::uint16_t Socket::local_port() const {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

std::size_t Socket::send(std::span<const Datagram> datagrams) {
  std::size_t sent = 0;
  while (sent < datagrams.size()) {
    const std::size_t count = std::min(kBatch, datagrams.size() - sent);
    for (std::size_t at = 0; at < count; ++at) {
      const auto bytes = datagrams[sent + at].view();
      buffers_->out_parts[at] = {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    }
    const int taken = sendmmsg(fd_, buffers_->out.data(), static_cast<unsigned>(count), 0);
    if (taken <= 0) break;
    sent += static_cast<std::size_t>(taken);
  }
  return sent;
}

std::span<const Socket::Received> Socket::receive() {
  Buffers& b = *buffers_;
  for (mmsghdr& message : b.in)
    message.msg_hdr.msg_namelen = sizeof(sockaddr_in);
  const int count = recvmmsg(fd_, b.in.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (count <= 0) return {};
  for (std::size_t at = 0; at < static_cast<std::size_t>(count); ++at) {
    b.received[at] = {std::span(b.bytes[at]).first(b.in[at].msg_len), same(b.senders[at], b.peer)};
  }
  return std::span(b.received).first(static_cast<std::size_t>(count));
}

}  // namespace carpool::mirror
