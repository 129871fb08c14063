// DPDK's drivers keep their sockets to themselves. We need them (to sleep on them, to set an
// option, to close what a driver forgets), and find them as those that appeared while a driver
// worked.
#pragma once

#include <vector>

namespace carpool {

// Descriptors of this process that are sockets of the family (AF_XDP, AF_PACKET), ascending.
[[nodiscard]] std::vector<int> own_sockets(int family);

// Those of `now` that are not in `before`; both ascending.
[[nodiscard]] std::vector<int> appeared(const std::vector<int>& before,
                                        const std::vector<int>& now);

}  // namespace carpool
