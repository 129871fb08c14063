// CARP as a pure protocol machine: no clock, socket, randomness or log. Rules and arithmetic follow
// FreeBSD's ip_carp.c; where carpool differs (ties, leaving, answers to a rival), the rule says
// why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/redundancy/demotion.h"
#include "controlplane/redundancy/machine.h"
#include "dataplane/base/time.h"
#include "dataplane/net/address.h"

namespace carpool {

// Who of two masters stays. Both nodes must use the same order, or neither or both would stay.
enum class CarpOrder : std::uint8_t {
  kInterval,       // FreeBSD, UCarp, carpool: the shorter advert interval; demotion is part of it
  kDemotionFirst,  // OpenBSD: the lower demotion count, then the shorter interval
};

struct CarpConfig {
  std::uint8_t vhid = 1;     // 1..255
  std::uint8_t advbase = 1;  // seconds, 1..255
  std::uint8_t advskew = 0;  // 0..254, in 1/256 s; the lower one is preferred
  bool preempt = true;       // take over from a live but less preferred master
  Duration preempt_delay{};  // a returning node preempts only after this long
  CarpOrder order = CarpOrder::kInterval;
  Ipv4Address source;  // of our adverts; the lower one wins a tie

  friend bool operator==(const CarpConfig&, const CarpConfig&) = default;
};

// An advert for this group whose digest was right.
struct CarpAdvertReceived {
  Ipv4Address source;
  std::uint8_t advbase = 0;
  std::uint8_t advskew = 0;
  std::uint8_t demotion = 0;  // the pad byte
  std::uint64_t counter = 0;
};

struct CarpEvent {
  Instant now;
  RouterEventOf<CarpAdvertReceived> what;
};

struct SendCarpAdvert {
  std::uint8_t advbase = 0;
  std::uint8_t advskew = 0;   // with demotion
  std::uint8_t demotion = 0;  // for the pad byte: not zero only with CarpOrder::kDemotionFirst
  std::uint64_t counter = 0;

  friend bool operator==(const SendCarpAdvert&, const SendCarpAdvert&) = default;
};

using CarpAction = RouterActionOf<SendCarpAdvert>;

// The peer that was heard last: for status, and to know whose loss matters.
struct CarpPeer {
  CarpAdvertReceived advert;
  Instant heard;
};

struct CarpMachine {
  RouterState state = RouterState::kInit;
  std::uint64_t first_counter = 0;  // random, so that a replayed advert of an earlier life differs
  std::uint64_t next_counter = 0;
  Demotion demotion;
  SendHealth sends;
  std::uint8_t announced = 0;  // announcements made since becoming MASTER
  bool preempt_held = false;   // the preempt delay runs
  bool handing_over = false;   // MASTER only until a peer has taken over
  std::uint8_t answers = 0;    // to less preferred masters, since the last timed advert
  std::optional<CarpPeer> peer;
};

struct CarpStep {
  CarpMachine machine;
  std::vector<CarpAction> actions;  // to be performed in this order
  std::string_view transition;      // the table entry that was taken, for the log
};

// A machine in INIT. `random_counter` is fresh random bits: the counter of the first advert.
[[nodiscard]] CarpMachine make_carp_machine(std::uint64_t random_counter);

[[nodiscard]] CarpStep step(const CarpMachine& machine, const CarpConfig& config,
                            const CarpEvent& event);

// ---- Arithmetic, also for status and checks ----------------------------------------------------

inline constexpr std::uint8_t kCarpLeavingSkew = 255;  // with advbase 255: "I am leaving"
inline constexpr std::uint8_t kCarpLeavingBase = 255;

// When a new master announces its addresses, counted from taking over: once may be lost, or a
// switch port may still be learning. All within two adverts of the default interval.
inline constexpr Duration kAnnounceAt[] = {
    std::chrono::milliseconds(0), std::chrono::milliseconds(200), std::chrono::milliseconds(1000),
    std::chrono::milliseconds(2000)};

// advbase + advskew/256 s.
[[nodiscard]] constexpr Duration carp_interval(std::uint8_t advbase, std::uint8_t advskew) {
  return std::chrono::seconds(advbase) + Duration(std::int64_t{advskew} * 1'000'000'000 / 256);
}
// 3 * advbase + advskew/256 s: the skew counts once, so that backups time out in order.
[[nodiscard]] constexpr Duration carp_master_down(std::uint8_t advbase, std::uint8_t advskew) {
  return std::chrono::seconds(3 * advbase) + Duration(std::int64_t{advskew} * 1'000'000'000 / 256);
}
// What is advertised: advskew plus demotion, clamped to 240. A node that is not demoted keeps a
// larger configured skew, and demotion never makes a node look better.
[[nodiscard]] std::uint8_t demoted_advskew(std::uint8_t advskew, const Demotion& demotion);

// ---- Text --------------------------------------------------------------------------------------

// "send advert 1/100 #1000", "arm master-down 3.391s", "INIT -> BACKUP (port usable)".
[[nodiscard]] std::string describe(const SendCarpAdvert& action, Instant now);
[[nodiscard]] std::string describe(const CarpAction& action, Instant now);

}  // namespace carpool
