// The other end of a port's cable: whole frames out and in through an AF_PACKET socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include "drivers/fd.h"

namespace carpool {

using Frame = std::vector<std::uint8_t>;

class RawWire {
 public:
  explicit RawWire(const std::string& device)
      : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(0x0003 /* all */))) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(0x0003);
    address.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
    constexpr int kYes = 1;
    setsockopt(socket_.get(), SOL_PACKET, 23 /* PACKET_IGNORE_OUTGOING */, &kYes, sizeof(kYes));
    ready_ = bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }

  [[nodiscard]] bool ready() const { return ready_; }

  bool send(const Frame& frame) const {
    return ::send(socket_.get(), frame.data(), frame.size(), 0) ==
           static_cast<ssize_t>(frame.size());
  }

  // The next frame that satisfies `wanted` within the time.
  template <class Wanted>
  [[nodiscard]] std::optional<Frame> receive(std::chrono::milliseconds patience,
                                             const Wanted& wanted) const {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      pollfd readable{socket_.get(), POLLIN, 0};
      if (left.count() <= 0 || poll(&readable, 1, static_cast<int>(left.count())) <= 0) {
        return std::nullopt;
      }
      Frame frame(2048);
      const ssize_t size = recv(socket_.get(), frame.data(), frame.size(), 0);
      if (size < 0) return std::nullopt;
      frame.resize(static_cast<std::size_t>(size));
      if (wanted(frame)) return frame;
    }
  }

 private:
  Fd socket_;
  bool ready_ = false;
};

}  // namespace carpool
