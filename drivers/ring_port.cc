#include "drivers/ring_port.h"

#include <atomic>
#include <vector>

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "drivers/virtual_device.h"

namespace carpool {
namespace {

constexpr unsigned kPackets = 1024;
constexpr unsigned kMtu = 1500;

struct RingDeleter {
  void operator()(rte_ring* ring) const {
    void* packet = nullptr;
    while (rte_ring_dequeue(ring, &packet) == 0)
      rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
    rte_ring_free(ring);
  }
};
using Ring = std::unique_ptr<rte_ring, RingDeleter>;

class InMemoryPort final : public RingPort {
 public:
  explicit InMemoryPort(PortSpec spec) : RingPort(std::move(spec)) {}

  Result<void> open(const PortSettings& settings);

  [[nodiscard]] rte_ring* receive_ring(unsigned queue) const override {
    return receive_[queue].get();
  }
  [[nodiscard]] rte_ring* transmit_ring(unsigned queue) const override {
    return transmit_[queue].get();
  }
  void set_link(bool up) override { up_.store(up, std::memory_order_relaxed); }
  [[nodiscard]] bool link_up() const override { return up_.load(std::memory_order_relaxed); }
  [[nodiscard]] unsigned mtu() const override { return kMtu; }

 private:
  Result<std::vector<rte_ring*>> make_rings(std::vector<Ring>& rings, const std::string& direction);

  std::vector<Ring> receive_;
  std::vector<Ring> transmit_;
  VirtualDevice ethdev_;
  std::atomic<bool> up_ = true;
};

Result<std::vector<rte_ring*>> InMemoryPort::make_rings(std::vector<Ring>& rings,
                                                        const std::string& direction) {
  std::vector<rte_ring*> pointers;
  const unsigned size = option_number(spec_, "size", kPackets);
  for (unsigned queue = 0; queue < queues_; ++queue) {
    const std::string name = "carpool-" + spec_.name + direction + std::to_string(queue);
    // Exact: a ring of a power of two otherwise holds one packet less.
    rings.emplace_back(rte_ring_create(name.c_str(), size, SOCKET_ID_ANY,
                                       RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ));
    pointers.push_back(rings.back().get());
    if (pointers.back() == nullptr) {
      return fail("cannot make a ring of " + std::to_string(size) + ": " + rte_strerror(rte_errno));
    }
  }
  return pointers;
}

Result<void> InMemoryPort::open(const PortSettings& settings) {
  queues_ = std::min<unsigned>(settings.workers(), RTE_PMD_RING_MAX_RX_RINGS);
  auto receive = make_rings(receive_, "-rx");
  if (!receive) return std::unexpected(receive.error());
  auto transmit = make_rings(transmit_, "-tx");
  if (!transmit) return std::unexpected(transmit.error());
  const int id = rte_eth_from_rings(spec_.name.c_str(), receive->data(), queues_, transmit->data(),
                                    queues_, 0);
  if (id < 0) return fail(std::string("cannot make a device: ") + rte_strerror(rte_errno));
  ethdev_id_ = static_cast<std::uint16_t>(id);
  ethdev_ = VirtualDevice::adopt("net_ring_" + spec_.name, ethdev_id_);
  if (auto started = ethdev_.run(queues_, settings); !started) return started;
  // Locally administered; the same in every run, as tests compare packets.
  mac_ = parse_mac(option_text(spec_, "mac", "02:00:00:00:00:01")).value_or(MacAddress{});
  capabilities_ = ethdev_capabilities(ethdev_id_);
  return {};
}

}  // namespace

Result<std::unique_ptr<RingPort>> open_ring_port(const PortSpec& spec,
                                                 const PortSettings& settings) {
  auto port = std::make_unique<InMemoryPort>(spec);
  if (auto opened = port->open(settings); !opened) return std::unexpected(opened.error());
  return port;
}

}  // namespace carpool
