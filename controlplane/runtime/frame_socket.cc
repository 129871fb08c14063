#include "controlplane/runtime/frame_socket.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace carpool {

Result<void> send_frame(int link, std::span<const std::uint8_t> frame) {
  // Protocol 0: this socket receives nothing.
  const int socket = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return fail(std::string("packet socket: ") + std::strerror(errno));
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = link;
  const auto sent = ::sendto(socket, frame.data(), frame.size(), 0,
                             reinterpret_cast<const sockaddr*>(&to), sizeof to);
  const int error = errno;
  close(socket);
  if (sent != static_cast<ssize_t>(frame.size())) {
    return fail(std::string("packet socket: ") + std::strerror(error));
  }
  return {};
}

}  // namespace carpool
