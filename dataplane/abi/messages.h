// What travels in the rings.
#pragma once

#include <cstdint>

#include "dataplane/abi/limits.h"
#include "dataplane/net/address.h"

namespace carpool::abi {

// control plane -> one worker (or the data plane's main thread, which gets the same ones).
enum class CommandKind : std::uint32_t {
  none,
  install_image,  // image_slot, generation: use this forwarding image from the next batch on
  set_group,      // group, active: claim or release a group's addresses
  set_mirror,     // active: tell of connections in the mirror ring, or no longer
  mirror_bulk,    // serial: tell of all connections of claimed groups, then bulk_end
};

struct Command {
  CommandKind kind = CommandKind::none;
  std::uint32_t group = 0;
  std::uint32_t active = 0;
  std::uint32_t image_slot = 0;
  std::uint64_t generation = 0;
  std::uint32_t serial = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Command) == 32);

// one worker -> control plane.
enum class EventKind : std::uint32_t {
  none,
  image_rejected,    // generation, detail = ImageFault
  address_conflict,  // address, mac: somebody else says that it owns an address we hold
};

struct Event {
  EventKind kind = EventKind::none;
  std::uint32_t detail = 0;
  std::uint64_t generation = 0;
  Ipv4Address address;
  MacAddress mac;
  std::uint16_t port = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Event) == 32);

// A frame of protocol 112 (or, outwards, an address announcement) on its way between a port and the
// control plane.
struct AdvertFrame {
  std::uint64_t time_ns = 0;  // CLOCK_MONOTONIC, when received or when handed over for sending
  std::uint16_t port = 0;     // index of the port it came from or leaves by
  std::uint16_t length = 0;   // bytes used
  std::uint32_t reserved = 0;
  std::uint8_t bytes[kMaxAdvertBytes] = {};
};
static_assert(sizeof(AdvertFrame) == 256);

// A frame that waited longer than this in the ring for sending is stale: the worker had stopped,
// and what the frame says may no longer be true.
inline constexpr std::uint64_t kAdvertMaxAgeNs = 500'000'000;

// A hello says no more than "I am alive", so the control plane prepares many of them ahead; time_ns
// of such a frame is when it is to be sent. A worker that was late by more than this drops them.
inline constexpr std::uint64_t kHelloMaxAgeNs = 100'000'000;

}  // namespace carpool::abi
