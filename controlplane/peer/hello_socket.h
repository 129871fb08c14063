// A UDP socket for small datagrams between this node's end of the peer link and the other's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "controlplane/config/model.h"
#include "dataplane/base/result.h"

namespace carpool::hello {

class Socket {
 public:
  // Longer than any hello, so that a longer datagram is seen to be longer.
  static constexpr std::size_t kBytes = 512;

  // Bound to `local`, also before the machine has that address. Talks to `peer`.
  static Result<Socket> open(const config::Endpoint& local, const config::Endpoint& peer);

  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&&) = delete;
  ~Socket();

  [[nodiscard]] int fd() const { return fd_; }

  // Neither waits. What the kernel does not take is lost, like what the wire loses.
  void send(std::span<const std::uint8_t> bytes) const;
  struct Received {
    std::span<const std::uint8_t> bytes;  // until the next call
    bool from_peer = false;
    Ipv4Address sender;
  };
  std::optional<Received> receive();

 private:
  Socket(int fd, const config::Endpoint& peer) : fd_(fd), peer_(peer) {}

  int fd_;
  config::Endpoint peer_;
  std::array<std::uint8_t, kBytes> buffer_{};
};

}  // namespace carpool::hello
