// Encapsulate: a packet on its way through a tunnel, whole and unchanged but for its time to live,
// behind headers of ours (RFC 2003 for IP in IP; GUE, draft-ietf-intarea-gue, with its IANA port).
#pragma once

#include <cstdint>

#include "dataplane/abi/image.h"
#include "dataplane/net/address.h"
#include "dataplane/net/headers.h"
#include "dataplane/stage/batch.h"

namespace carpool::stage {

inline constexpr be16 kGuePort{6080};

struct GueHeader {
  std::uint8_t version_and_length = 0;  // version 0, a data message, no extensions
  std::uint8_t protocol = kProtocolIpip;
  be16 flags;
};
static_assert(sizeof(GueHeader) == 4);

// Bytes that a mode puts before a packet.
[[nodiscard]] constexpr std::uint32_t header_bytes(abi::Forward forward) {
  if (forward == abi::Forward::ipip) return sizeof(Ipv4Header);
  if (forward == abi::Forward::gue)
    return sizeof(Ipv4Header) + sizeof(UdpHeader) + sizeof(GueHeader);
  return 0;
}
static_assert(header_bytes(abi::Forward::gue) <= kHeadroom);

struct TunnelEnds {
  Ipv4Address from;
  Ipv4Address to;
  std::uint16_t id = 0;       // of the outer header
  std::uint16_t entropy = 0;  // of the flow, so that it takes one of several ways (GUE)
};

// Takes the header's bytes before the packet. The frame's own header moves along; its addresses
// are the caller's to set.
void encapsulate(Packet& packet, abi::Forward forward, const TunnelEnds& ends);

// What is announced in a SYN, lowered to what fits through the tunnel at this `mtu` of the port.
void clamp_mss(const Packet& packet, std::uint32_t l4_offset, abi::Forward forward,
               std::uint32_t mtu);

}  // namespace carpool::stage
