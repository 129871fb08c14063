// A UDP socket between this node's end of the peer channel and the other's, many datagrams to a
// system call.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/mirror/session.h"
#include "dataplane/base/result.h"

namespace carpool::mirror {

class Socket {
 public:
  static constexpr std::size_t kBatch = 64;

  // Bound to `local`, also before the machine has that address. Talks to `peer` only.
  static Result<Socket> open(const config::Endpoint& local, const config::Endpoint& peer);

  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&&) = delete;
  ~Socket();

  [[nodiscard]] int fd() const { return fd_; }
  // The port that it is bound to.
  [[nodiscard]] std::uint16_t local_port() const;

  // Returns how many were handed to the kernel: all, unless it has no room or no way there.
  std::size_t send(std::span<const Datagram> datagrams);

  // Fetches what is there, kBatch at most; does not wait. The bytes are valid until the next call.
  struct Received {
    std::span<std::uint8_t> bytes;
    bool from_peer = false;  // else from somebody else
  };
  [[nodiscard]] std::span<const Received> receive();

 private:
  struct Buffers;
  Socket(int fd, const config::Endpoint& peer);

  int fd_;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace carpool::mirror
