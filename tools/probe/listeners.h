// The sockets on which the daemon is asked: its own, or those that systemd has opened for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "tools/probe/connection.h"
#include "tools/probe/fd.h"

namespace carpool::probe {

struct Listener {
  Fd fd;
  Protocol protocol;
};

// "9200" or "*:9200" (any address), "10.0.0.11:9200", "[::1]:9200".
struct ListenAddress {
  std::string host;  // empty: any
  std::uint16_t port = 0;

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);

// Errors say which address, why, and what to do.
[[nodiscard]] Result<Listener> listen_on(const ListenAddress& address, Protocol protocol);

// What sd_listen_fds(3) describes: the sockets passed as 3, 4, ... if LISTEN_PID is ours. A socket
// that systemd calls "agent" (FileDescriptorName=) speaks the agent protocol, every other one HTTP.
// None where the variables are not there; an error where one is no listening socket, as with
// Accept=yes. Takes the variables out of the environment.
[[nodiscard]] Result<std::vector<Listener>> inherited_listeners();

}  // namespace carpool::probe
