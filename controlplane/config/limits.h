// How big a configuration may be. Tables of the data plane are sized from these, so a limit that
// is exceeded is an error of the configuration, with its line, and never a surprise at run time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/time.h"

namespace carpool::config {

inline constexpr std::size_t kMaxServices = 4096;  // virtual address and port pairs of all binds
inline constexpr std::size_t kMaxBackends = 4096;
inline constexpr std::size_t kMaxServers = 16384;  // of all backends together
inline constexpr std::size_t kMaxServersPerBackend = 4096;
inline constexpr std::size_t kMaxNodes = 8;
inline constexpr std::size_t kMaxPortsPerNode = 16;
inline constexpr std::size_t kMaxGroups = 255;  // a vhid has one byte
inline constexpr std::size_t kMaxAddressesPerGroup = 64;
inline constexpr std::size_t kMaxNameLength = 63;  // of anything that is named

// A flow belongs to one of 64 slots and a slot to one worker.
inline constexpr unsigned kMaxWorkers = 64;
inline constexpr std::uint32_t kMinFlows = 1024;
inline constexpr std::uint32_t kMaxFlows = 1u << 28;  // 16 GiB of 64-byte records
inline constexpr std::uint32_t kDefaultFlows = 1u << 20;
inline constexpr std::uint32_t kMinMemoryMb = 64;  // what the data plane takes for packets
inline constexpr std::uint32_t kMaxMemoryMb = 64u << 10;
// Fits groups with advbase 1 and an advskew up to 128.
inline constexpr Duration kDefaultFence = std::chrono::milliseconds(1500);

// The key of a CARP digest has 20 bytes, of which implementations use 19 for the password.
inline constexpr std::size_t kMaxCarpPassLength = 19;
inline constexpr unsigned kMaxAdvskew = 254;  // 255 says "I am leaving"
inline constexpr unsigned kMaxAdvbase = 255;
inline constexpr std::size_t kPeerKeyBytes = 32;
inline constexpr std::size_t kMaxPeerKeys = 4;  // two are enough to exchange one for another
inline constexpr unsigned kMaxWeight = 256;
inline constexpr std::size_t kMaxSentBytes = 16384;  // by one rule of a check: HAProxy's buffer
inline constexpr std::size_t kMaxCheckRules = 100;   // of one backend

// VRRP (RFC 9568; RFC 2338's password).
inline constexpr std::size_t kMaxVrrpPassLength = 8;
inline constexpr std::size_t kMaxVrrpAddresses = 40;  // an advert has to fit an element of a ring
inline constexpr unsigned kMaxVrrpPriority = 255;     // of who owns the addresses
inline constexpr Duration kVrrp3IntervalStep = std::chrono::milliseconds(10);
inline constexpr Duration kMaxVrrp3Interval = std::chrono::milliseconds(40950);
inline constexpr Duration kMaxVrrp2Interval = std::chrono::seconds(255);
inline constexpr std::size_t kMaxUnicastPeers = 16;

// Hellos between two carpools.
inline constexpr Duration kFastHelloStep = std::chrono::milliseconds(10);
inline constexpr Duration kMaxFastHello = std::chrono::seconds(1);
inline constexpr unsigned kMinFastHelloCount = 3;
inline constexpr unsigned kMaxFastHelloCount = 100;
inline constexpr Duration kHelloBeyondFence = std::chrono::milliseconds(200);  // are prepared
inline constexpr std::size_t kMaxPreparedHellos = 1000;  // in all; the data plane's ring has 1024

// What groups track.
inline constexpr int kMaxTrackWeight = 253;      // of VRRP, in both directions, as in keepalived
inline constexpr int kMaxCarpTrackWeight = 240;  // as much as demotion can add to an advskew
inline constexpr Duration kMinScriptTime = std::chrono::milliseconds(100);
inline constexpr Duration kMaxScriptTime = std::chrono::hours(1);
inline constexpr std::uint32_t kMaxScriptStreak = 1000;
inline constexpr std::size_t kMaxScripts = 64;  // of all groups together

// Text. Far above anything written by hand; they bound what a broken generator can make us read.
inline constexpr std::size_t kMaxWordsPerLine = 256;
inline constexpr std::size_t kMaxLineLength = 64 * 1024;  // after joining continued lines
inline constexpr std::size_t kMaxConditionDepth = 16;     // nested .if, as HAProxy has it
inline constexpr std::size_t kMaxErrors = 200;            // then we stop listing, not counting
inline constexpr std::size_t kMaxFileSize = 64u << 20;

}  // namespace carpool::config
