// The indices of everything that the forwarding image numbers, from one generation to the next and
// across restarts of the control plane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "controlplane/link/index_pool.h"
#include "dataplane/abi/image.h"
#include "dataplane/abi/limits.h"
#include "dataplane/net/address.h"

namespace carpool::link {

// The way to a neighbour, in the name of a group: frames of two groups have different sources.
struct HopKey {
  std::uint8_t group = 0;  // index of the group
  std::uint8_t port = 0;   // index of the port in the region
  Ipv4Address neighbour;

  friend bool operator==(const HopKey&, const HopKey&) = default;
};

struct HopKeyHash {
  std::size_t operator()(const HopKey& key) const {
    return std::hash<std::uint64_t>{}(std::uint64_t{key.neighbour.value.raw()} << 16 |
                                      std::uint64_t{key.group} << 8 | key.port);
  }
};

// "web/web1": how a server of a service is called everywhere. No name has a slash in it.
[[nodiscard]] std::string server_key(std::string_view service, std::string_view server);

struct Ids {
  IndexPool<std::string> groups{abi::kMaxGroups};
  IndexPool<std::string> services{abi::kMaxServices};
  IndexPool<std::string> servers{abi::kMaxServers};                         // server_key()
  IndexPool<HopKey, HopKeyHash> next_hops{abi::kMaxNextHops, /*first=*/1};  // 0 is "no way there"

  // Gives everything that the image names the index that it has there; no table will become smaller
  // than it is there. The image must have passed validate().
  [[nodiscard]] static Ids recover(abi::ImageView image);

  void begin();
  void end();
};

}  // namespace carpool::link
