// Every packet ends with exactly one verdict. Each has a name and a counter; the sum of the
// counters is the number of packets received.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace carpool::abi {

enum class Verdict : std::uint8_t {
  // The packet, or an answer made from it, leaves by a port.
  to_server,
  to_client,
  arp_reply,
  echo_reply,
  error_to_server,
  error_to_client,
  fragmentation_needed,
  port_unreachable,
  reset_no_service,
  reset_no_server,
  reset_no_flow,
  // The packet goes elsewhere.
  punted,
  handed_over,
  fragment_held,
  // The packet ends here.
  not_for_us,
  arp_ignored,
  group_not_active,
  short_frame,
  ipv4_malformed,
  fragment_malformed,
  fragment_unsupported,
  ipv4_ttl_expired,
  tcp_malformed,
  udp_malformed,
  icmp_malformed,
  protocol_unsupported,
  no_service,
  no_server,
  no_flow,
  no_flow_yet,
  error_no_flow,
  no_source_port,
  flow_table_full,
  next_hop_unresolved,
  does_not_fit,
  errors_limited,
  advert_ring_full,
  handover_ring_full,
  transmit_queue_full,
  count,
};

inline constexpr std::size_t kVerdicts = static_cast<std::size_t>(Verdict::count);

struct VerdictInfo {
  std::string_view name;
  bool is_drop;
  std::string_view meaning;
};

inline constexpr std::array<VerdictInfo, kVerdicts> kVerdictInfo = {{
    {"to_server", false, "forwarded to a server"},
    {"to_client", false, "forwarded to a client"},
    {"arp_reply", false, "ARP request for one of our addresses, answered"},
    {"echo_reply", false, "ICMP echo request to one of our addresses, answered"},
    {"error_to_server", false, "ICMP error about a packet of a server's, translated and forwarded"},
    {"error_to_client", false, "ICMP error about a packet of a client's, translated and forwarded"},
    {"fragmentation_needed", false, "packet longer than its way allows, answered by an ICMP error"},
    {"port_unreachable", false,
     "datagram to no service or no usable server, answered by an ICMP error"},
    {"reset_no_service", false, "connection to a port without a service, reset"},
    {"reset_no_server", false, "connection to a service without a usable server, reset"},
    {"reset_no_flow", false, "packet of a connection that is not known here, reset"},
    {"punted", false, "redundancy advert or hello, given to the control plane"},
    {"handed_over", false, "given to the worker that owns the flow"},
    {"fragment_held", false, "IPv4 fragment kept until the first one of its packet comes"},
    {"not_for_us", true, "not for a virtual or floating address"},
    {"arp_ignored", true, "ARP that needs no answer from us"},
    {"group_not_active", true, "for a group that is not active on this node"},
    {"short_frame", true, "frame too short for its headers"},
    {"ipv4_malformed", true, "IPv4 header fields contradict each other or the frame"},
    {"fragment_malformed", true, "IPv4 fragment that overlaps headers, is cut, or leads too far"},
    {"fragment_unsupported", true,
     "IPv4 fragment of what has no flows, or that nothing is known of"},
    {"ipv4_ttl_expired", true, "IPv4 time to live used up"},
    {"tcp_malformed", true, "TCP header fields contradict each other or the packet"},
    {"udp_malformed", true, "UDP header fields contradict each other or the packet"},
    {"icmp_malformed", true, "ICMP error without what it is about, or sent to somebody else"},
    {"protocol_unsupported", true, "protocol that no service is for"},
    {"no_service", true, "no service on this address and port"},
    {"no_server", true, "datagram to a service without a usable server"},
    {"no_flow", true, "reset or late packet of a connection that is not known here"},
    {"no_flow_yet", true, "of no known connection, just after a takeover: it may yet be mirrored"},
    {"error_no_flow", true, "ICMP error about a connection that is not known here"},
    {"no_source_port", true, "no free source port towards the chosen server"},
    {"flow_table_full", true, "flow table full"},
    {"next_hop_unresolved", true, "link-layer address of the next hop not known"},
    {"does_not_fit", true, "longer than its way allows, and may be fragmented: not by us"},
    {"errors_limited", true, "an ICMP error was due, but enough were sent in this second"},
    {"advert_ring_full", true, "advert lost: the control plane does not fetch them"},
    {"handover_ring_full", true, "the owning worker does not keep up"},
    {"transmit_queue_full", true, "the port did not take the packet"},
}};

[[nodiscard]] constexpr const VerdictInfo& info(Verdict verdict) {
  return kVerdictInfo[static_cast<std::size_t>(verdict)];
}

}  // namespace carpool::abi
