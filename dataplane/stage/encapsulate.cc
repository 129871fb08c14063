#include "dataplane/stage/encapsulate.h"

#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/stage/parse.h"
#include "dataplane/stage/rewrite.h"

namespace carpool::stage {
namespace {

constexpr std::uint8_t kTunnelTtl = 64;
constexpr std::uint16_t kDynamicPorts = 0xc000;  // 49152 and up (RFC 6335)

constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionNone = 1;
constexpr std::uint8_t kOptionMss = 2;
constexpr std::uint8_t kMssBytes = 4;

// The value of the option, or nothing.
std::uint8_t* find_mss(std::uint8_t* tcp) {
  std::uint8_t* at = tcp + sizeof(TcpHeader);
  const std::uint8_t* const end = tcp + reinterpret_cast<const TcpHeader*>(tcp)->header_bytes();
  while (at < end && *at != kOptionEnd) {
    if (*at == kOptionNone) {
      ++at;
      continue;
    }
    if (end - at < 2 || at[1] < 2 || at[1] > end - at) return nullptr;
    if (at[0] == kOptionMss && at[1] == kMssBytes) return at + 2;
    at += at[1];
  }
  return nullptr;
}

}  // namespace

void encapsulate(Packet& packet, abi::Forward forward, const TunnelEnds& ends) {
  auto& inner = *reinterpret_cast<Ipv4Header*>(packet.data + kIpOffset);
  decrement_ttl(inner);
  const std::uint32_t added = header_bytes(forward);
  const std::uint32_t inner_bytes = inner.total_length.host();  // without the frame's padding

  Ipv4Header ip;
  ip.dscp_ecn = inner.dscp_ecn;  // RFC 6040, 4.1, and RFC 2983
  ip.total_length = be16(static_cast<std::uint16_t>(inner_bytes + added));
  ip.id = be16(ends.id);
  ip.fragment = be16(inner.fragment.host() & kDontFragment);  // RFC 2003, 3.1
  ip.ttl = kTunnelTtl;
  ip.protocol = forward == abi::Forward::gue ? kProtocolUdp : kProtocolIpip;
  ip.source = ends.from;
  ip.destination = ends.to;
  ip.checksum = internet_checksum({reinterpret_cast<std::uint8_t*>(&ip), sizeof ip});

  packet.data -= added;
  packet.length = static_cast<std::uint16_t>(kIpOffset + added + inner_bytes);
  reinterpret_cast<EthernetHeader*>(packet.data)->type = kEtherTypeIpv4;
  std::uint8_t* at = packet.data + kIpOffset;
  std::memcpy(at, &ip, sizeof ip);
  if (forward != abi::Forward::gue) return;
  at += sizeof ip;
  UdpHeader udp;  // without a sum: the packet inside has its own (RFC 768)
  udp.source_port = be16(static_cast<std::uint16_t>(kDynamicPorts | ends.entropy));
  udp.destination_port = kGuePort;
  udp.length = be16(static_cast<std::uint16_t>(inner_bytes + sizeof udp + sizeof(GueHeader)));
  std::memcpy(at, &udp, sizeof udp);
  const GueHeader gue;
  std::memcpy(at + sizeof udp, &gue, sizeof gue);
}

void clamp_mss(const Packet& packet, std::uint32_t l4_offset, abi::Forward forward,
               std::uint32_t mtu) {
  const std::uint32_t headers = header_bytes(forward) + sizeof(Ipv4Header) + sizeof(TcpHeader);
  if (mtu <= headers) return;
  std::uint8_t* const tcp = packet.data + l4_offset;
  std::uint8_t* const value = find_mss(tcp);
  if (value == nullptr) return;
  be16 announced;
  std::memcpy(&announced, value, sizeof announced);
  if (announced.host() <= mtu - headers) return;
  const be16 lowered(static_cast<std::uint16_t>(mtu - headers));
  std::memcpy(value, &lowered, sizeof lowered);
  // At an odd offset both bytes of the value lie in the other halves of the words that are summed.
  const bool is_odd = (value - tcp) % 2 != 0;
  const auto as_summed = [is_odd](be16 word) {
    return is_odd ? static_cast<std::uint16_t>(word.raw() << 8 | word.raw() >> 8) : word.raw();
  };
  auto& header = *reinterpret_cast<TcpHeader*>(tcp);
  header.checksum =
      adjust_checksum(header.checksum, checksum_delta(as_summed(announced), as_summed(lowered)));
}

}  // namespace carpool::stage
