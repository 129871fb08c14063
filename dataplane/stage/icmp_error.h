// ICMP errors (RFC 792, RFC 1191): those of others, which quote the beginning of a packet that went
// through us, and our own.
//
// Whoever sends an error quotes the packet as it left us, so everything in the quotation is turned
// back to what the packet's own sender had sent: addresses, ports, checksums (RFC 5508, 4.2).
#pragma once

#include <cstdint>

#include "dataplane/flow/flow_record.h"
#include "dataplane/net/address.h"
#include "dataplane/stage/batch.h"

namespace carpool::stage {

// Who the end that gets the error takes for its sender.
enum class ErrorSender : std::uint8_t {
  as_it_is,   // a router's own address: this end knows the other one's real address, too
  other_end,  // the address that stands for the other end: this end knows nothing behind it
};

// `direction` says from which side the error comes; it leaves for the other one. Parse has seen to
// it that the quotation holds an IPv4 header and eight bytes more.
void translate_error(const Packet& packet, std::uint32_t l4_offset, const flow::FlowRecord& record,
                     flow::Direction direction, ErrorSender sender);

struct IcmpError {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t mtu = 0;  // of "fragmentation needed"
};

// Turns the packet into an error to its sender, from the address that it was for. Takes kHeadroom
// before the packet; the quotation is as long as it may be (RFC 1812, 4.3.2.3).
void make_icmp_error(Packet& packet, const IcmpError& error, const MacAddress& mac);

// RFC 1812, 4.3.2.7: no error about an error, about what is not the first fragment, or to or from
// what is not one host.
[[nodiscard]] bool may_answer_by_error(const Packet& packet);

}  // namespace carpool::stage
