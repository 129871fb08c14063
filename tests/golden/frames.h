// Ethernet frames for tests: built fluently with correct checksums, and read back with every
// checksum computed anew.
//
//   tcp(client, service).flags(kTcpSyn).sequence(7).data("hello")
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/net/address.h"
#include "dataplane/net/headers.h"

namespace carpool::test {

using Frame = std::vector<std::uint8_t>;

struct Endpoint {
  Ipv4Address address;
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct Macs {
  MacAddress from;
  MacAddress to;

  friend bool operator==(const Macs&, const Macs&) = default;
};

// What IPv4 frames have in common.
template <class Derived>
class Ipv4Frame {
 public:
  Derived& macs(const Macs& macs) {
    macs_ = macs;
    return self();
  }
  Derived& ttl(std::uint8_t ttl) {
    ip_.ttl = ttl;
    return self();
  }
  Derived& fragment(std::uint16_t flags_and_offset) {
    ip_.fragment = be16(flags_and_offset);
    return self();
  }
  // Bytes of IP options, a multiple of four up to 40: no-operations (RFC 791, 3.1).
  Derived& ip_options(unsigned bytes) {
    ip_options_ = bytes;
    return self();
  }
  // Bytes behind the packet, as Ethernet pads short frames.
  Derived& padding(unsigned bytes) {
    padding_ = bytes;
    return self();
  }

 protected:
  Ipv4Frame(Ipv4Address from, Ipv4Address to, std::uint8_t protocol) {
    ip_.source = from;
    ip_.destination = to;
    ip_.protocol = protocol;
  }
  [[nodiscard]] Frame around(std::span<const std::uint8_t> segment) const;

  Ipv4Header ip_;

 private:
  Derived& self() { return static_cast<Derived&>(*this); }

  Macs macs_;
  unsigned ip_options_ = 0;
  unsigned padding_ = 0;
};

class TcpFrame : public Ipv4Frame<TcpFrame> {
 public:
  TcpFrame(const Endpoint& from, const Endpoint& to);

  TcpFrame& flags(unsigned flags) {
    tcp_.flags = static_cast<std::uint8_t>(flags);
    return *this;
  }
  TcpFrame& sequence(std::uint32_t number) {
    tcp_.sequence = be32(number);
    return *this;
  }
  TcpFrame& acknowledgement(std::uint32_t number) {
    tcp_.acknowledgement = be32(number);
    return *this;
  }
  // Bytes of TCP options, a multiple of four up to 40.
  TcpFrame& options(unsigned bytes) {
    options_ = std::string(bytes, '\1');  // no-operations
    return *this;
  }
  TcpFrame& option_bytes(std::string_view bytes) {  // of such a length
    options_ = bytes;
    return *this;
  }
  TcpFrame& data(std::string_view data) {
    data_ = data;
    return *this;
  }
  operator Frame() const;  // NOLINT: wherever a frame is wanted

 private:
  TcpHeader tcp_;
  std::string options_;
  std::string data_;
};

class UdpFrame : public Ipv4Frame<UdpFrame> {
 public:
  UdpFrame(const Endpoint& from, const Endpoint& to);

  UdpFrame& data(std::string_view data) {
    data_ = data;
    return *this;
  }
  // The sender has not summed (RFC 768).
  UdpFrame& without_checksum() {
    summed_ = false;
    return *this;
  }
  operator Frame() const;  // NOLINT

 private:
  UdpHeader udp_;
  std::string data_;
  bool summed_ = true;
};

class IcmpFrame : public Ipv4Frame<IcmpFrame> {
 public:
  IcmpFrame(Ipv4Address from, Ipv4Address to, std::uint8_t type)
      : Ipv4Frame(from, to, kProtocolIcmp) {
    icmp_.type = type;
  }
  IcmpFrame& code(std::uint8_t code) {
    icmp_.code = code;
    return *this;
  }
  // Of "fragmentation needed" (RFC 1191).
  IcmpFrame& mtu(std::uint16_t mtu) {
    icmp_.rest = be32(mtu);
    return *this;
  }
  IcmpFrame& data(std::string_view data) {
    data_ = data;
    return *this;
  }
  operator Frame() const;  // NOLINT

 private:
  IcmpHeader icmp_;
  std::string data_;
};

class OtherFrame : public Ipv4Frame<OtherFrame> {  // of any protocol, with bytes as they come
 public:
  OtherFrame(Ipv4Address from, Ipv4Address to, std::uint8_t protocol, std::string_view data)
      : Ipv4Frame(from, to, protocol), data_(data) {}
  operator Frame() const;  // NOLINT

 private:
  std::string data_;
};

[[nodiscard]] inline TcpFrame tcp(const Endpoint& from, const Endpoint& to) {
  return {from, to};
}
[[nodiscard]] inline UdpFrame udp(const Endpoint& from, const Endpoint& to) {
  return {from, to};
}
// An error about the packet in a frame, of which it quotes these many bytes.
[[nodiscard]] IcmpFrame icmp_error(Ipv4Address from, std::uint8_t type, const Frame& about,
                                   std::size_t bytes);
[[nodiscard]] inline IcmpFrame echo_request(Ipv4Address from, Ipv4Address to) {
  return {from, to, kIcmpEchoRequest};
}

struct Arp {
  be16 operation = kArpRequest;
  MacAddress sender_mac;
  Ipv4Address sender_ip;
  MacAddress target_mac;
  Ipv4Address target_ip;
  MacAddress frame_to = MacAddress::broadcast();

  operator Frame() const;  // NOLINT
};

// The headers of a frame, for tests that make it wrong.
[[nodiscard]] EthernetHeader& ethernet(Frame& frame);
[[nodiscard]] Ipv4Header& ipv4(Frame& frame);
[[nodiscard]] TcpHeader& tcp_header(Frame& frame);
[[nodiscard]] UdpHeader& udp_header(Frame& frame);

// A TCP frame taken apart. `checksums_hold`: IPv4 and TCP checksums are exactly what a sender would
// compute for these bytes.
struct TcpSeen {
  Macs macs;
  Endpoint from;
  Endpoint to;
  std::uint8_t ttl = 0;
  unsigned flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  unsigned ip_header_bytes = 0;
  std::string options;
  std::string data;
  bool checksums_hold = false;
};
// nullopt if the frame is not a whole TCP segment over IPv4.
[[nodiscard]] std::optional<TcpSeen> read_tcp(const Frame& frame);

// A UDP frame likewise. A checksum that was left out holds.
struct UdpSeen {
  Macs macs;
  Endpoint from;
  Endpoint to;
  std::uint8_t ttl = 0;
  std::string data;
  bool is_summed = false;
  bool checksums_hold = false;
};
[[nodiscard]] std::optional<UdpSeen> read_udp(const Frame& frame);

// Here `checksums_hold` is what a receiver finds: of the two zeros of the sum either may be sent.
struct EchoSeen {
  Macs macs;
  Ipv4Address from;
  Ipv4Address to;
  std::uint8_t ttl = 0;
  std::uint8_t type = 0;
  std::string data;
  bool checksums_hold = false;
};
[[nodiscard]] std::optional<EchoSeen> read_echo(const Frame& frame);

struct ErrorSeen {
  Macs macs;
  Ipv4Address from;
  Ipv4Address to;
  std::uint8_t ttl = 0;
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t mtu = 0;
  Frame quoted;  // from the IPv4 header on
  bool checksums_hold = false;
};
[[nodiscard]] std::optional<ErrorSeen> read_error(const Frame& frame);
[[nodiscard]] std::optional<Arp> read_arp(const Frame& frame);

void PrintTo(const Endpoint& endpoint, std::ostream* out);
void PrintTo(const Macs& macs, std::ostream* out);

}  // namespace carpool::test
