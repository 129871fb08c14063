// Packet buffers, laid out so that every port kind can use them.
#pragma once

#include <memory>
#include <string>

#include "dataplane/base/result.h"

struct rte_mempool;

namespace carpool {

struct PoolDeleter {
  void operator()(rte_mempool* pool) const;
};
using PacketPool = std::unique_ptr<rte_mempool, PoolDeleter>;

// Buffers that one worker's queue of one port can hold at a time: its rings, and what the kernel
// keeps in an xdp port's fill and completion rings. A worker's pool needs this for each port, and
// some thousand on top for packets in its hands and in the caches.
[[nodiscard]] unsigned buffers_held_by_queue(unsigned rx_descriptors, unsigned tx_descriptors);

// Buffers take 1792 bytes in an xdp port, 2048 elsewhere. All lie in one piece of memory, without
// gaps: the af_xdp driver registers a pool with the kernel as "first address, count, size" and does
// not look further. private_bytes: per-packet space of the data plane (rte_mbuf_to_priv), a
// multiple of 8.
[[nodiscard]] Result<PacketPool> create_packet_pool(const std::string& name, unsigned buffers,
                                                    unsigned private_bytes = 0);

// Whether an xdp port's queue can fill its ring from the pool; the driver does not say when not.
[[nodiscard]] Result<void> check_buffers_for_xdp(const rte_mempool& pool);

// The largest frame that an xdp port can receive into buffers of this pool.
[[nodiscard]] unsigned xdp_frame_limit(const rte_mempool& pool);

}  // namespace carpool
