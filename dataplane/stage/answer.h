// Answers that the data plane gives by itself, each made in the buffer of the packet that it
// answers.
#pragma once

#include "dataplane/net/address.h"
#include "dataplane/stage/batch.h"

namespace carpool::stage {

// ARP request for an address we hold -> reply: `mac` has it. RFC 826.
void make_arp_reply(Packet& packet, const MacAddress& mac);

// ICMP echo request -> reply. RFC 792.
void make_echo_reply(Packet& packet, std::uint32_t l4_offset, const MacAddress& mac);

// TCP segment that belongs to nothing -> the RST that its sender's TCP expects. RFC 9293, 3.5.2.
// False if the segment is itself a RST: those are never answered.
[[nodiscard]] bool make_reset(Packet& packet, std::uint32_t l4_offset, const MacAddress& mac);

}  // namespace carpool::stage
