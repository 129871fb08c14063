// Answers that the data plane gives by itself, each made in the buffer of the packet that it
// answers.
#pragma once

#include <array>

#include "dataplane/net/address.h"
#include "dataplane/stage/batch.h"
#include "dataplane/stage/parse.h"

namespace carpool::stage {

// ARP request for an address we hold -> reply: `mac` has it. RFC 826.
void make_arp_reply(Packet& packet, const MacAddress& mac);

// ICMP echo request -> reply. RFC 792.
void make_echo_reply(Packet& packet, std::uint32_t l4_offset, const MacAddress& mac);

// TCP segment that belongs to nothing -> the RST that its sender's TCP expects. RFC 9293, 3.5.2.
// False if the segment is itself a RST: those are never answered.
[[nodiscard]] bool make_reset(Packet& packet, std::uint32_t l4_offset, const MacAddress& mac);

// A RST that answers nothing: one end of a connection is told that it is over.
struct ResetFrame {
  std::uint8_t port = 0;  // where it leaves
  std::array<std::uint8_t, kIpOffset + sizeof(Ipv4Header) + sizeof(TcpHeader)> bytes;
};
// `to_other_end` is the key of packets that go the way of this one. `sequence` is what the receiver
// expects next, or else it will ask before it believes (RFC 5961, 3.2).
[[nodiscard]] ResetFrame make_reset_of(const flow::FlowKey& to_other_end, be32 sequence);

}  // namespace carpool::stage
