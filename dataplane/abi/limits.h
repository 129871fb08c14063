// Every table that the two processes share has a bound, and the bound has a name.
#pragma once

#include <cstddef>
#include <cstdint>

namespace carpool::abi {

inline constexpr std::uint64_t kRegionMagic = 0x31304c4f4f505243;  // "CRPOOL01" in memory order
inline constexpr std::uint32_t kVersion = 5;  // changes with every change of a shared structure

inline constexpr std::size_t kCacheLine = 64;
inline constexpr unsigned kMaxWorkers = 16;
inline constexpr unsigned kMaxPorts = 8;
inline constexpr unsigned kMaxGroups = 32;
inline constexpr unsigned kMaxAddresses = 1024;
inline constexpr unsigned kMaxServices = 4096;
inline constexpr unsigned kMaxServers = 16384;
inline constexpr unsigned kMaxNextHops = 16384;

inline constexpr unsigned kSlots = 64;  // shares of the flow space, each owned by one worker

inline constexpr std::uint32_t kCommandRingSize = 256;
inline constexpr std::uint32_t kEventRingSize = 1024;
inline constexpr std::uint32_t kAdvertRingSize = 256;
// Hellos are prepared ahead for as long as the fence, every few milliseconds, for several ports.
inline constexpr std::uint32_t kHelloRingSize = 1024;
inline constexpr std::size_t kMaxAdvertBytes = 240;  // a VRRP advert with 20 IPv4 addresses: 142

inline constexpr unsigned kImageSlots = 3;  // in use, being acknowledged, being written

}  // namespace carpool::abi
