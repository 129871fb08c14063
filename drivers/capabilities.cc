#include "drivers/capabilities.h"

#include <algorithm>

#include <rte_ethdev.h>

namespace carpool {

PortCapabilities ethdev_capabilities(std::uint16_t ethdev_id) {
  rte_eth_dev_info info;
  if (rte_eth_dev_info_get(ethdev_id, &info) != 0) return {};
  const auto receives = [&](std::uint64_t offload) {
    return (info.rx_offload_capa & offload) == offload;
  };
  const auto transmits = [&](std::uint64_t offload) {
    return (info.tx_offload_capa & offload) == offload;
  };
  PortCapabilities capabilities;
  capabilities.rx_checksum_offload = receives(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) &&
                                     receives(RTE_ETH_RX_OFFLOAD_TCP_CKSUM) &&
                                     receives(RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
  capabilities.ipv4_checksum_offload = transmits(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
  capabilities.tcp_checksum_offload = transmits(RTE_ETH_TX_OFFLOAD_TCP_CKSUM);
  capabilities.udp_checksum_offload = transmits(RTE_ETH_TX_OFFLOAD_UDP_CKSUM);
  capabilities.multi_segment = transmits(RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  capabilities.rss = (info.flow_type_rss_offloads & RTE_ETH_RSS_IPV4) != 0;
  capabilities.max_queues = std::min(info.max_rx_queues, info.max_tx_queues);
  return capabilities;
}

}  // namespace carpool
