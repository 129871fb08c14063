#include "controlplane/runtime/netlink.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <linux/neighbour.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/runtime/netlink_message.h"

namespace carpool {
namespace {

using boost::system::error_code;
using netlink::Bytes;
using netlink::Request;

constexpr int kReceiveBuffer = 4 << 20;      // thousands of neighbours changing at once
constexpr std::size_t kMaxDatagram = 65536;  // the kernel sends dumps in parts of up to 32 KiB
constexpr int kMaxReadsPerTurn = 64;         // then others get a turn on the event loop
constexpr auto kRetryAfter = std::chrono::seconds(1);

constexpr std::array<std::uint16_t, 4> kDumps{RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH};

// Under the strict check a dump's request may set nothing but what it filters by.
Request dump_request(std::uint16_t type, std::uint32_t sequence) {
  switch (type) {
    case RTM_GETADDR: {
      ifaddrmsg body{};
      body.ifa_family = AF_INET;
      return {type, NLM_F_DUMP, sequence, body};
    }
    case RTM_GETROUTE: {
      rtmsg body{};
      body.rtm_family = AF_INET;
      body.rtm_table = RT_TABLE_MAIN;
      return {type, NLM_F_DUMP, sequence, body};
    }
    case RTM_GETNEIGH: {
      ndmsg body{};
      body.ndm_family = AF_INET;
      return {type, NLM_F_DUMP, sequence, body};
    }
    default:
      return {type, NLM_F_DUMP, sequence, ifinfomsg{}};
  }
}

Error system_error(const char* what) {
  return {std::string(what) + ": " + std::strerror(errno)};
}

Result<int> open_socket() {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return std::unexpected(system_error("cannot open a netlink socket"));
  // Best effort: more than the system's limit needs CAP_NET_ADMIN, and an overrun is handled. The
  // strict check makes a dump honour the table that it asks for.
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer);
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_NEIGH;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const auto error = system_error("cannot subscribe to rtnetlink");
    close(fd);
    return std::unexpected(error);
  }
  return fd;
}

}  // namespace

// A dump is made into a new state, while notifications go to both it and the current one; when it
// is complete it takes the current one's place. So nobody ever sees half a dump.
struct NetworkWatch::Follower : std::enable_shared_from_this<Follower> {
  Follower(boost::asio::io_context& io, int fd) : socket(io, fd), retry(io), buffer(kMaxDatagram) {}

  void start_dump();
  void request_part();
  void finish_dump();
  void retry_later();
  void wait();
  void read();
  [[nodiscard]] bool receive();
  void take(const netlink::Message& message, Bytes bytes);
  [[nodiscard]] Result<void> send(const Request& request);

  boost::asio::posix::stream_descriptor socket;
  boost::asio::steady_timer retry;
  std::vector<std::uint8_t> buffer;
  std::function<void(const NetworkState&)> on_change;

  NetworkState current;
  bool synced = false;
  bool changed = false;  // since on_change was called

  NetworkState dumped;
  bool dumping = false;
  bool dump_again = false;  // something was missed, or the dump is known to be inconsistent
  std::size_t part = 0;     // of kDumps
  std::uint32_t sequence = 0;
};

void NetworkWatch::Follower::start_dump() {
  if (dumping) {  // the kernel makes one dump at a time per socket
    dump_again = true;
    return;
  }
  dumping = true;
  dump_again = false;
  dumped = {};
  part = 0;
  request_part();
}

void NetworkWatch::Follower::request_part() {
  if (!send(dump_request(kDumps[part], ++sequence))) retry_later();
}

void NetworkWatch::Follower::retry_later() {
  dumping = false;
  retry.expires_after(kRetryAfter);
  retry.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (!error && self) self->start_dump();
  });
}

void NetworkWatch::Follower::finish_dump() {
  dumping = false;
  if (dump_again) {
    start_dump();
    return;
  }
  if (!synced || current != dumped) changed = true;
  current = std::exchange(dumped, {});
  synced = true;
}

void NetworkWatch::Follower::wait() {
  socket.async_wait(boost::asio::posix::descriptor_base::wait_read,
                    [weak = weak_from_this()](error_code error) {
                      const auto self = weak.lock();
                      if (!error && self) self->read();
                    });
}

void NetworkWatch::Follower::read() {
  for (int i = 0; i < kMaxReadsPerTurn && receive(); ++i) {
  }
  if (synced && std::exchange(changed, false) && on_change) on_change(current);
  wait();
}

// One datagram; false when there is none.
bool NetworkWatch::Follower::receive() {
  sockaddr_nl from{};
  socklen_t from_length = sizeof from;
  const auto size = recvfrom(socket.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                             reinterpret_cast<sockaddr*>(&from), &from_length);
  if (size < 0) {
    if (errno == ENOBUFS) {  // notifications were lost
      start_dump();
      return true;
    }
    return errno == EINTR;
  }
  if (from.nl_pid != 0) return true;  // not from the kernel
  Bytes rest(buffer.data(), static_cast<std::size_t>(size));
  while (const auto bytes = netlink::take_message(rest)) {
    if (const auto message = netlink::parse_message(*bytes)) take(*message, *bytes);
  }
  return true;
}

void NetworkWatch::Follower::take(const netlink::Message& message, Bytes bytes) {
  const auto& header = message.header;
  const bool ours = dumping && header.nlmsg_seq == sequence;
  if (header.nlmsg_type == NLMSG_ERROR) {
    const auto error = netlink::read<nlmsgerr>(message.payload);
    if (ours && error && error->error != 0) retry_later();
    return;
  }
  // Only parts of a dump have MULTI; a notification may bear the same number by chance, since it
  // carries that of whoever made the change.
  if ((header.nlmsg_flags & NLM_F_MULTI) != 0) {
    if (!ours) return;
    if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) dump_again = true;
    if (header.nlmsg_type != NLMSG_DONE) {
      apply_message(dumped, bytes);
    } else if (++part < kDumps.size()) {
      request_part();
    } else {
      finish_dump();
    }
    return;
  }
  bool routes_stale = dumping && apply_message(dumped, bytes).routes_stale;
  if (synced) {
    const auto outcome = apply_message(current, bytes);
    changed |= outcome.changed;
    routes_stale |= outcome.routes_stale;
  }
  if (routes_stale) start_dump();
}

Result<void> NetworkWatch::Follower::send(const Request& request) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const auto bytes = request.bytes();
  const auto sent = sendto(socket.native_handle(), bytes.data(), bytes.size(), 0,
                           reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  if (sent < 0) return std::unexpected(system_error("cannot send to rtnetlink"));
  return {};
}

NetworkWatch::NetworkWatch(std::shared_ptr<Follower> follower) : follower_(std::move(follower)) {}
NetworkWatch::~NetworkWatch() = default;

Result<std::unique_ptr<NetworkWatch>> NetworkWatch::open(boost::asio::io_context& io) {
  const auto fd = open_socket();
  if (!fd) return std::unexpected(fd.error());
  auto follower = std::make_shared<Follower>(io, *fd);
  follower->start_dump();
  follower->wait();
  return std::unique_ptr<NetworkWatch>(new NetworkWatch(std::move(follower)));
}

void NetworkWatch::set_on_change(std::function<void(const NetworkState&)> callback) {
  follower_->on_change = std::move(callback);
}

const NetworkState& NetworkWatch::state() const {
  return follower_->current;
}

bool NetworkWatch::synced() const {
  return follower_->synced;
}

Result<void> NetworkWatch::request_resolution(int link, Ipv4Address address) {
  // NTF_USE does for the entry what a packet would: neigh_event_send() in the kernel. The state
  // must be NUD_NONE then, and the entry is made where there is none.
  ndmsg body{};
  body.ndm_family = AF_INET;
  body.ndm_ifindex = link;
  body.ndm_state = NUD_NONE;
  body.ndm_flags = NTF_USE;
  return follower_->send(Request(RTM_NEWNEIGH, NLM_F_CREATE, 0, body).add(NDA_DST, address));
}

}  // namespace carpool
