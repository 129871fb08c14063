// The forwarding image: everything a worker needs to know of the configuration, as one flat,
// immutable block. The control plane builds a whole new one for every change, writes it into a free
// image slot of the region and tells each worker; a worker changes from one image to the next
// between two batches, so every packet sees exactly one generation.
//
// Groups, services, servers and next hops are addressed by index, and flow records keep these. So
// the builder gives a name the same index in every generation for as long as it lives, a table
// never shrinks while a data plane runs, and the entry of something that was removed keeps its
// content (its connections go on) until its index is given to another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/abi/limits.h"
#include "dataplane/base/endian.h"
#include "dataplane/base/static_string.h"
#include "dataplane/net/address.h"

namespace carpool::abi {

inline constexpr std::uint64_t kImageMagic = 0x3145474d49505243;

struct Span32 {              // a table inside the image
  std::uint32_t offset = 0;  // bytes from the start of the image
  std::uint32_t count = 0;   // elements
};

struct ImageGroup {
  Name name;       // empty: this index is not in use
  MacAddress mac;  // what frames of this group come from, and what its ARP replies claim
  std::uint16_t vhid = 0;
};

enum AddressRole : std::uint8_t {
  kRoleVirtual = 1,  // clients connect to it
  kRoleLocal = 2,    // servers see it as the source and answer to it
};

struct ImageAddress {
  Ipv4Address address;
  std::uint8_t port = 0;  // index of the port it lives on
  std::uint8_t group = 0;
  std::uint8_t roles = 0;  // of AddressRole; 0 marks an empty place of the hash table
  std::uint8_t reserved = 0;
};
static_assert(sizeof(ImageAddress) == 8);

// How packets get to servers. From dsr on, answers do not pass by here.
enum class Forward : std::uint8_t {
  fullnat,  // as local -> server
  nat,      // as client -> server
  dsr,      // unchanged, in a frame to the server
  ipip,     // unchanged, inside IPv4
  gue,      // unchanged, inside UDP
  count,
};
[[nodiscard]] constexpr bool is_one_way(Forward forward) {
  return forward >= Forward::dsr;
}

enum class Balance : std::uint8_t { roundrobin, leastconn, source, random, first };

struct ImageService {
  Name name;  // empty: this index is not in use
  std::uint8_t protocol = 0;
  std::uint8_t group = 0;
  Balance balance = Balance::roundrobin;
  std::uint8_t mirror = 1;       // whether the peer is told of its connections
  std::uint8_t udp_replies = 0;  // datagrams that answer each of the client's; 0: not known
  Forward forward = Forward::fullnat;
  std::uint8_t reserved[2] = {};
  // Which servers may be chosen now, as server indices; empty if none. A server stands there as
  // often as its weight says, spread evenly. leastconn and first: each server once.
  Span32 picks;
  // Idle times in milliseconds after which a flow is forgotten.
  std::uint32_t connect_timeout_ms = 5'000;
  std::uint32_t established_timeout_ms = 3'600'000;
  std::uint32_t closing_timeout_ms = 30'000;  // one side has closed
  std::uint32_t closed_timeout_ms = 60'000;   // both have: as long as a server keeps TIME_WAIT
};
static_assert(sizeof(ImageService) == 96);

// One server as the target of one service.
struct ImageServer {
  Name name;  // empty: this index is not in use
  Ipv4Address address;
  be16 port;  // 0: the one that the client connected to
  std::uint16_t weight = 1;
  // Source address towards it, in fullnat and of tunnels; 0.0.0.0: none, and in these modes the
  // server is not in picks.
  Ipv4Address local;
  std::uint16_t next_hop = 0;
  std::uint16_t service = 0;
  std::uint32_t max_connections = 0;  // 0: no limit
  std::uint32_t reserved[2] = {};
};
static_assert(sizeof(ImageServer) == 92);

// What a next hop is, beside its index: (group, port, neighbour). The data plane needs the
// addresses only; the rest lets a control plane that starts anew give the same indices again. Index
// 0 is never resolved: it stands for "no way there".
struct ImageNextHop {
  MacAddress destination;
  MacAddress source;
  std::uint8_t port = 0;
  std::uint8_t resolved = 0;  // 0: the link-layer address is not known (yet)
  std::uint8_t group = 0;
  std::uint8_t reserved = 0;
  Ipv4Address neighbour = {};  // 0.0.0.0: this index is not in use
};
static_assert(sizeof(ImageNextHop) == 20);

// (address, port, protocol) -> service, an open-addressing hash table; a port range has one entry
// per port.
struct ImageServiceKey {
  Ipv4Address address;
  be16 port;
  std::uint8_t protocol = 0;  // 0 marks an empty place
  std::uint8_t reserved = 0;
  std::uint16_t service = 0;
  std::uint16_t reserved2 = 0;
};
static_assert(sizeof(ImageServiceKey) == 12);

struct ImageHeader {
  std::uint64_t magic = kImageMagic;
  std::uint32_t version = kVersion;
  std::uint32_t size = 0;  // bytes, header included
  std::uint64_t generation = 0;
  std::uint64_t secret[2] =
      {};            // keys the choice of slots and source ports; the same on both nodes of a pair
  Span32 groups;     // ImageGroup
  Span32 addresses;  // ImageAddress, hash table with a power of two of places, never full
  Span32 service_keys;  // ImageServiceKey, likewise
  Span32 services;      // ImageService
  Span32 servers;       // ImageServer
  Span32 next_hops;     // ImageNextHop
};

enum class ImageFault : std::uint32_t {
  none,
  too_small,
  wrong_magic,
  wrong_version,
  wrong_size,
  table_outside,
  table_misaligned,
  table_too_large,
  not_a_hash_table,
  reference_outside,
  unknown_balance,
  unknown_forward,
  table_shrank,  // found by the data plane when it compares with the image in use
  count,
};
[[nodiscard]] std::string_view name(ImageFault fault);

// Checks everything that a worker relies on without looking again: sizes, offsets, every index.
// Reads only `bytes`, which must be aligned to 8.
[[nodiscard]] ImageFault validate(std::span<const std::byte> bytes);

// Spreads what differs in only a few bits, like neighbouring addresses, over all bits of the result
// (the finaliser of MurmurHash3).
[[nodiscard]] constexpr std::uint32_t mix_bits(std::uint32_t value) {
  value = (value ^ value >> 16) * 0x85ebca6bu;
  value = (value ^ value >> 13) * 0xc2b2ae35u;
  return value ^ value >> 16;
}
class ImageView;
// validate(), and that no table is smaller than in the image that is in use (which may be none).
[[nodiscard]] ImageFault check_successor(const ImageView& in_use, std::span<const std::byte> bytes);

// Both sides place and look up entries with these; linear probing from here on.
[[nodiscard]] constexpr std::uint32_t address_place(Ipv4Address address, std::uint32_t places) {
  return mix_bits(address.value.raw()) & (places - 1);
}
[[nodiscard]] constexpr std::uint32_t service_place(Ipv4Address address, be16 port,
                                                    std::uint8_t protocol, std::uint32_t places) {
  const std::uint32_t end = std::uint32_t{port.raw()} << 8 | protocol;
  return mix_bits(address.value.raw() ^ end * 0x9e3779b1u) & (places - 1);
}

// A validated image. Cheap to copy; does not own the bytes.
class ImageView {
 public:
  ImageView() = default;
  explicit ImageView(const std::byte* validated) : bytes_(validated) {}

  [[nodiscard]] explicit operator bool() const { return bytes_ != nullptr; }
  [[nodiscard]] const ImageHeader& header() const {
    return *reinterpret_cast<const ImageHeader*>(bytes_);
  }
  [[nodiscard]] std::span<const ImageGroup> groups() const {
    return table<ImageGroup>(header().groups);
  }
  [[nodiscard]] std::span<const ImageAddress> addresses() const {
    return table<ImageAddress>(header().addresses);
  }
  [[nodiscard]] std::span<const ImageService> services() const {
    return table<ImageService>(header().services);
  }
  [[nodiscard]] std::span<const ImageServer> servers() const {
    return table<ImageServer>(header().servers);
  }
  [[nodiscard]] std::span<const ImageNextHop> next_hops() const {
    return table<ImageNextHop>(header().next_hops);
  }
  [[nodiscard]] std::span<const std::uint16_t> picks(const ImageService& service) const {
    return table<std::uint16_t>(service.picks);
  }

  // nullptr where there is none. Terminates: validate() saw to it that a place is free.
  [[nodiscard]] const ImageAddress* find_address(Ipv4Address address) const {
    const auto places = addresses();
    if (places.empty()) return nullptr;
    const auto mask = static_cast<std::uint32_t>(places.size()) - 1;
    for (auto at = address_place(address, mask + 1);; at = (at + 1) & mask) {
      if (places[at].roles == 0) return nullptr;
      if (places[at].address == address) return &places[at];
    }
  }

  // Index of the service, or -1.
  [[nodiscard]] int find_service(Ipv4Address address, be16 port, std::uint8_t protocol) const {
    const auto places = table<ImageServiceKey>(header().service_keys);
    if (places.empty()) return -1;
    const auto mask = static_cast<std::uint32_t>(places.size()) - 1;
    for (auto at = service_place(address, port, protocol, mask + 1);; at = (at + 1) & mask) {
      const auto& key = places[at];
      if (key.protocol == 0) return -1;
      if (key.address == address && key.port == port && key.protocol == protocol)
        return key.service;
    }
  }

 private:
  template <class Element>
  [[nodiscard]] std::span<const Element> table(Span32 where) const {
    return {reinterpret_cast<const Element*>(bytes_ + where.offset), where.count};
  }
  const std::byte* bytes_ = nullptr;
};

}  // namespace carpool::abi
