#include "drivers/pool.h"

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

namespace carpool {
namespace {

constexpr unsigned kCacheBuffers = 256;  // that a worker keeps without touching the pool
constexpr unsigned kDataBytes = RTE_MBUF_DEFAULT_BUF_SIZE;  // head room and 2048
constexpr unsigned kXdpRing = 2048;           // fill and completion ring of the af_xdp driver
constexpr unsigned kXdpKernelHeadroom = 256;  // XDP_PACKET_HEADROOM

unsigned object_bytes(const rte_mempool& pool) {
  return pool.header_size + pool.elt_size + pool.trailer_size;
}

// Objects one after the other, from the first byte: what the af_xdp driver takes for granted.
bool lies_in_one_piece(rte_mempool& pool) {
  if (pool.nb_mem_chunks != 1) return false;
  const rte_mempool_memhdr* chunk = STAILQ_FIRST(&pool.mem_list);
  const auto start = reinterpret_cast<std::uintptr_t>(chunk->addr);
  struct Walk {
    std::uintptr_t next;
    unsigned step;
    bool dense;
  } walk{start + pool.header_size, object_bytes(pool), true};
  rte_mempool_obj_iter(
      &pool,
      [](rte_mempool*, void* opaque, void* object, unsigned) {
        auto& seen = *static_cast<Walk*>(opaque);
        seen.dense &= reinterpret_cast<std::uintptr_t>(object) == seen.next;
        seen.next += seen.step;
      },
      &walk);
  return walk.dense;
}

}  // namespace

void PoolDeleter::operator()(rte_mempool* pool) const {
  rte_mempool_free(pool);
}

unsigned buffers_held_by_queue(unsigned rx_descriptors, unsigned tx_descriptors) {
  return rx_descriptors + tx_descriptors + 2 * kXdpRing;
}

Result<PacketPool> create_packet_pool(const std::string& name, unsigned buffers,
                                      unsigned private_bytes) {
  const auto failed = [&](const char* reason) {
    return fail("packet buffers " + name + ": cannot reserve " + std::to_string(buffers) +
                " buffers (" + reason + "); give the data plane more memory");
  };
  rte_pktmbuf_pool_private layout{};
  layout.mbuf_data_room_size = kDataBytes;
  layout.mbuf_priv_size = static_cast<std::uint16_t>(private_bytes);
  // rte_pktmbuf_pool_create would leave gaps at page ends, to keep each buffer on one page: not
  // needed where the device's addresses are the process's own, as with all kinds that we have.
  PacketPool pool(rte_mempool_create_empty(
      name.c_str(), buffers, sizeof(rte_mbuf) + private_bytes + kDataBytes, kCacheBuffers,
      sizeof(rte_pktmbuf_pool_private), SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG));
  if (pool == nullptr) return failed(rte_strerror(rte_errno));
  if (rte_mempool_set_ops_byname(pool.get(), rte_mbuf_best_mempool_ops(), nullptr) != 0) {
    return failed("no memory pool driver");
  }
  rte_pktmbuf_pool_init(pool.get(), &layout);
  if (const int ready = rte_mempool_populate_default(pool.get()); ready < 0) {
    return failed(rte_strerror(-ready));
  }
  rte_mempool_obj_iter(pool.get(), rte_pktmbuf_init, nullptr);
  if (!lies_in_one_piece(*pool)) return failed("memory is too scattered");
  return pool;
}

Result<void> check_buffers_for_xdp(const rte_mempool& pool) {
  const unsigned available = rte_mempool_avail_count(&pool);
  if (available >= kXdpRing) return {};
  return fail("only " + std::to_string(available) + " packet buffers are left, a queue needs " +
              std::to_string(kXdpRing) + "; give the data plane more memory");
}

unsigned xdp_frame_limit(const rte_mempool& pool) {
  const unsigned data = rte_pktmbuf_data_room_size(const_cast<rte_mempool*>(&pool));
  return data - RTE_PKTMBUF_HEADROOM - kXdpKernelHeadroom;
}

}  // namespace carpool
