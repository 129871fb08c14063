#include "controlplane/link/local_address.h"

namespace carpool::link {

std::optional<Ipv4Address> choose_local_address(const std::vector<GroupAddress>& own,
                                                const std::vector<GroupAddress>& floating,
                                                std::uint8_t port, Ipv4Address neighbour) {
  std::optional<Ipv4Address> fallback;
  for (const auto* addresses : {&own, &floating}) {
    for (const GroupAddress& candidate : *addresses) {
      if (candidate.port != port) continue;
      if (candidate.prefix.contains(neighbour)) return candidate.prefix.address;
      if (!fallback) fallback = candidate.prefix.address;
    }
  }
  return fallback;
}

}  // namespace carpool::link
