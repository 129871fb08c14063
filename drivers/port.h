// A port: one place where packets come in and go out, whatever carries them. Once open it is an
// ordinary, started rte_eth device, so that a worker needs nothing of this file: it calls
// rte_eth_rx_burst and rte_eth_tx_burst with (ethdev_id, its queue). All that differs between kinds
// (what the kernel shares, whose addresses are steered, how the link is watched) is behind the few
// virtual functions below, none of which a worker calls.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/net/address.h"

struct rte_mempool;

namespace carpool {

enum class PortKind : std::uint8_t {
  kXdp,     // AF_XDP on a kernel device, shared with the kernel by our XDP program
  kPacket,  // AF_PACKET on a kernel device, which also sees every packet
  kMemif,   // shared memory with another process: VPP, another data plane, a traffic generator
  kRing,    // in memory, fed and drained by the same process: tests and benchmarks
};
[[nodiscard]] std::string_view to_string(PortKind kind);

struct PortSpec {
  std::string name;  // "wan", as the configuration calls it
  PortKind kind = PortKind::kXdp;
  std::string device;  // "eth1"; a memif's socket path; empty for a ring
  std::map<std::string, std::string> options;

  friend bool operator==(const PortSpec&, const PortSpec&) = default;
};

// NAME=KIND[:DEVICE][,OPTION=VALUE]..., the argument of --port: "wan=xdp:eth1,mode=native",
// "lan=memif:/run/carpool/lan.sock,id=0,role=client", "bench=ring". Names and options are checked
// here, whether the device exists when the port is opened. Options by kind:
//   xdp     mode=auto|native|generic (auto), busy-budget=N (0: the kernel's own receive path)
//   packet  frames=N (receive ring of each queue), qdisc-bypass=yes|no (yes)
//   memif   id=N (0), role=server|client (client), mac=..., buffer=BYTES (2048), secret=...
//   ring    mac=..., size=N (1024)
[[nodiscard]] Result<PortSpec> parse_port_spec(std::string_view text);
[[nodiscard]] std::string to_string(const PortSpec& spec);

struct PortSettings {
  // One per worker; queue i takes its packets from pools[i]. A worker uses the same pool for its
  // queue of every port: then xdp ports send what another port received without copying it.
  std::span<rte_mempool* const> pools;
  std::uint16_t rx_descriptors = 1024;  // powers of two; the kind may have its own bounds
  std::uint16_t tx_descriptors = 1024;

  [[nodiscard]] unsigned workers() const { return static_cast<unsigned>(pools.size()); }
};

struct PortCapabilities {
  bool shared_with_kernel = false;     // the kernel keeps using the device for its own addresses
  bool steers_addresses = false;       // set_steered_addresses decides what arrives
  bool rx_checksum_offload = false;    // mbufs say whether IPv4 and layer-4 checksums were good
  bool ipv4_checksum_offload = false;  // on transmit
  bool tcp_checksum_offload = false;
  bool udp_checksum_offload = false;
  bool rss = false;         // the receive hash can be set
  unsigned max_queues = 1;  // of the device; workers beyond have no queue of their own
};

// What became of the packets that an xdp port's program has seen, since it was attached.
struct SteeringCounters {
  std::uint64_t packets = 0;    // for a steered address
  std::uint64_t arp = 0;        // asking for a steered address
  std::uint64_t adverts = 0;    // protocol 112
  std::uint64_t passed = 0;     // everything else: the kernel's
  std::uint64_t unclaimed = 0;  // steered, but no worker's queue was there to take it: the kernel's

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
  // device has no more: worker i >= queues() receives nothing from this port, and must hand what it
  // sends to worker i % queues().
  [[nodiscard]] unsigned queues() const { return queues_; }

  // The following are for the main thread; they may enter the kernel.
  [[nodiscard]] virtual bool link_up() const;  // administratively up, there, and with a carrier
  [[nodiscard]] virtual unsigned mtu() const;  // layer-3 bytes, without the Ethernet header
  [[nodiscard]] virtual unsigned ifindex() const { return 0; }  // of the kernel device; 0: none

  // Replaces the set of addresses that the data plane owns on this port (virtual and floating).
  // xdp: IPv4 packets to them and ARP for them come to us, all others stay with the kernel. Other
  // kinds deliver everything anyway. Packets of protocol 112 always come.
  virtual Result<void> set_steered_addresses(std::span<const Ipv4Address> addresses);
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
