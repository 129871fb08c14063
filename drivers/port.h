// A port: one place where packets come in and go out, whatever carries them. Once open it is an
// ordinary, started rte_eth device, so that a worker needs nothing of this file: it calls
// rte_eth_rx_burst and rte_eth_tx_burst with (ethdev_id, its queue). All that differs between kinds
// (what the kernel shares, whose addresses are steered, how the link is watched) is behind the few
// virtual functions below, none of which a worker calls.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/net/address.h"
#include "drivers/capabilities.h"
#include "drivers/port_spec.h"

struct rte_mempool;

namespace carpool {

struct PortSettings {
  // One per worker, from create_packet_pool (pool.h); queue i receives into pools[i]. A worker uses
  // the same pool for its queue of every port: then xdp ports send what another port received
  // without copying it.
  std::span<rte_mempool* const> pools;
  std::uint16_t rx_descriptors = 1024;  // powers of two; a packet port has its own, see its options
  std::uint16_t tx_descriptors = 1024;

  [[nodiscard]] unsigned workers() const { return static_cast<unsigned>(pools.size()); }
};

// What became of the packets that an xdp port's program has seen, since it was attached.
struct SteeringCounters {
  std::uint64_t packets = 0;    // for a steered address, of IPv4 or of the link layer
  std::uint64_t arp = 0;        // asking for a steered address
  std::uint64_t adverts = 0;    // protocol 112, and hellos
  std::uint64_t passed = 0;     // everything else: the kernel's
  std::uint64_t unclaimed = 0;  // to be steered, but no queue of ours was there: the kernel's

  friend bool operator==(const SteeringCounters&, const SteeringCounters&) = default;
};

class Port {
 public:
  virtual ~Port() = default;  // stops the device and leaves no trace of us on it
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  [[nodiscard]] const std::string& name() const { return spec_.name; }
  [[nodiscard]] const PortSpec& spec() const { return spec_; }
  [[nodiscard]] PortKind kind() const { return spec_.kind; }
  [[nodiscard]] std::uint16_t ethdev_id() const { return ethdev_id_; }
  [[nodiscard]] MacAddress mac() const { return mac_; }
  [[nodiscard]] const PortCapabilities& capabilities() const { return capabilities_; }

  // Receive and transmit queues 0..queues()-1, queue i for worker i. Fewer than workers where the
  // device has no more: worker i >= queues() receives nothing from this port, and what it has to
  // send it must hand to a worker that has a queue.
  [[nodiscard]] unsigned queues() const { return queues_; }

  // A descriptor that poll(2) calls readable when the queue has packets, for a worker that sleeps
  // when idle; -1 where the kind has none and only polling finds them. It belongs to the port.
  [[nodiscard]] virtual int receive_fd(unsigned queue) const {
    (void)queue;
    return -1;
  }

  // The following are for the main thread; they may enter the kernel.

  [[nodiscard]] virtual bool link_up() const = 0;  // there, administratively up, with a carrier
  [[nodiscard]] virtual unsigned mtu() const = 0;  // layer-3 bytes, without the Ethernet header
  [[nodiscard]] virtual unsigned ifindex() const { return 0; }  // of the kernel device; 0: none

  // Replaces the set of addresses that the data plane owns on this port (virtual and floating).
  // xdp: IPv4 packets to them and ARP for them come to us, all others stay with the kernel. Other
  // kinds deliver everything anyway. Packets of protocol 112 always come.
  virtual Result<void> set_steered_addresses(std::span<const Ipv4Address> addresses) {
    (void)addresses;
    return {};
  }
  // Replaces the set of link-layer addresses that are not the port's own, but ours: of groups that
  // are gateways. xdp: IPv4 packets to them come to us whoever they are for. Other kinds deliver
  // everything anyway.
  virtual Result<void> set_steered_macs(std::span<const MacAddress> macs) {
    (void)macs;
    return {};
  }
  [[nodiscard]] virtual std::optional<SteeringCounters> steering_counters() const {
    return std::nullopt;
  }

 protected:
  explicit Port(PortSpec spec) : spec_(std::move(spec)) {}

  PortSpec spec_;
  std::uint16_t ethdev_id_ = 0;
  MacAddress mac_;
  PortCapabilities capabilities_;
  unsigned queues_ = 0;
};

// The EAL must be running (eal.h). Errors begin with "port NAME: " and say what to do.
[[nodiscard]] Result<std::unique_ptr<Port>> open_port(const PortSpec& spec,
                                                      const PortSettings& settings);

}  // namespace carpool
