// What a port can do for the data plane, so that it does in software only what it must.
#pragma once

#include <cstdint>

namespace carpool {

struct PortCapabilities {
  bool shared_with_kernel = false;     // the kernel keeps using the device for its own addresses
  bool steers_addresses = false;       // set_steered_addresses decides what arrives
  bool rx_checksum_offload = false;    // mbufs say whether IPv4 and layer-4 checksums were good
  bool ipv4_checksum_offload = false;  // on transmit
  bool tcp_checksum_offload = false;
  bool udp_checksum_offload = false;
  bool multi_segment = false;  // transmits chains of buffers
  bool rss = false;            // which fields spread packets over queues can be set
  unsigned max_queues = 1;     // of the device; workers beyond have no queue of their own

  friend bool operator==(const PortCapabilities&, const PortCapabilities&) = default;
};

// What DPDK's driver reports. Sharing and steering are for the port's kind to add. In DPDK 22.11
// af_xdp and af_packet report no checksum offload and no RSS on any NIC: the kernel's driver has
// them, but neither passes them on.
[[nodiscard]] PortCapabilities ethdev_capabilities(std::uint16_t ethdev_id);

}  // namespace carpool
