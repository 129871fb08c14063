// Frames as tests write and read them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/net/headers.h"

namespace carpool::test {

struct TcpFrame {
  MacAddress to = MacAddress::virtual_router(53);
  MacAddress from = {{2, 0, 0, 0, 0, 100}};
  Ipv4Address source;
  std::uint16_t source_port = 0;
  Ipv4Address destination;
  std::uint16_t destination_port = 0;
  std::uint8_t flags = 0;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledgement = 0;
  std::string payload;
  std::uint8_t ttl = 64;
  unsigned ip_option_bytes = 0;  // multiple of 4; filled with NOP

  [[nodiscard]] std::vector<std::uint8_t> bytes() const;
};

[[nodiscard]] std::vector<std::uint8_t> arp_frame(be16 operation, const MacAddress& sender_mac,
                                                  Ipv4Address sender, Ipv4Address target);
[[nodiscard]] std::vector<std::uint8_t> echo_frame(Ipv4Address source, Ipv4Address destination,
                                                   const std::string& payload);

// What is in a frame, after its checksums were computed anew and found right.
struct Decoded {
  EthernetHeader ethernet;
  Ipv4Header ip;
  TcpHeader tcp;  // if it is TCP
  std::string payload;
  bool checksums_good = false;
};
[[nodiscard]] Decoded decode(const std::vector<std::uint8_t>& frame);

}  // namespace carpool::test
