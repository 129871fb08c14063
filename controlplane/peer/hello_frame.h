// Hellos in Ethernet frames, as they go to a port of the data plane and come from it: UDP over
// IPv4, to the multicast address of adverts (see kHelloPort).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "controlplane/peer/hello_message.h"
#include "dataplane/net/address.h"
#include "dataplane/net/headers.h"

namespace carpool::hello {

inline constexpr std::size_t kFrameHeaderBytes =
    sizeof(EthernetHeader) + sizeof(Ipv4Header) + sizeof(UdpHeader);

// The source is the node's own: a virtual MAC would move to this node in the switches.
[[nodiscard]] std::vector<std::uint8_t> build_frame(const MacAddress& source_mac,
                                                    Ipv4Address source,
                                                    std::span<const std::uint8_t> message);

struct ParsedFrame {
  Ipv4Address source;
  std::span<const std::uint8_t> message;  // within the frame
};
// Nothing where it is not one that comes from this very network.
[[nodiscard]] std::optional<ParsedFrame> parse_frame(std::span<const std::uint8_t> frame);

}  // namespace carpool::hello
