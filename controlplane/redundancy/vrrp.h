// VRRP as a pure protocol machine: no clock, socket, randomness or log. Versions 2 and 3; rules and
// arithmetic follow RFC 9568 (RFC 3768 where version 2 differs), and keepalived where the RFCs are
// silent: tracking weights, delays, repeated announcements.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/redundancy/demotion.h"
#include "controlplane/redundancy/machine.h"
#include "controlplane/redundancy/vrrp_wire.h"
#include "dataplane/base/time.h"
#include "dataplane/net/address.h"

namespace carpool {

// How often a new active router announces the addresses; keepalived's garp_master_* settings.
struct VrrpAnnouncements {
  std::uint8_t count = 5;                    // in a burst
  Duration delay = std::chrono::seconds(5);  // from the first burst to the second; 0: no second
  Duration refresh{};                        // from then on, one burst every so often; 0: none
  std::uint8_t refresh_count = 1;            // of such a burst

  friend bool operator==(const VrrpAnnouncements&, const VrrpAnnouncements&) = default;
};

struct VrrpConfig {
  VrrpVersion version = VrrpVersion::k3;
  std::uint8_t vrid = 1;        // 1..255
  std::uint8_t priority = 100;  // 1..255; the higher one is preferred, 255 owns the addresses
  unsigned bonus = 0;           // what tracked things add as long as they are well
  VrrpInterval interval{100};
  bool preempt = true;       // take over from a live but less preferred active router
  Duration preempt_delay{};  // a returning node preempts only after this long
  Duration startup_delay{};  // after the machine was made it takes no part for this long
  VrrpAnnouncements announcements;
  Ipv4Address source;  // of our adverts; the higher one wins a tie

  friend bool operator==(const VrrpConfig&, const VrrpConfig&) = default;
};

// An advert for this group that agrees with our configuration.
struct VrrpAdvertReceived {
  Ipv4Address source;
  std::uint8_t priority = 0;
  VrrpInterval interval{100};
};

struct VrrpEvent {
  Instant now;
  RouterEventOf<VrrpAdvertReceived> what;
};

struct SendVrrpAdvert {
  std::uint8_t priority = 0;  // 0: "I am leaving"
  VrrpInterval interval{100};

  friend bool operator==(const SendVrrpAdvert&, const SendVrrpAdvert&) = default;
};

using VrrpAction = RouterActionOf<SendVrrpAdvert>;

// The router that was heard last: for status, and to know whose loss matters.
struct VrrpPeer {
  VrrpAdvertReceived advert;
  Instant heard;
};

struct VrrpMachine {
  RouterState state = RouterState::kInit;
  Demotion demotion;  // taken off the priority
  SendHealth sends;
  bool started = false;                 // the start-up delay is over, or there was none
  bool starting = false;                // it runs
  bool preempt_held = false;            // the preempt delay runs
  bool handing_over = false;            // ACTIVE only until another router has taken over
  std::uint32_t announced = 0;          // announcements made since becoming active
  std::uint8_t answers = 0;             // to less preferred routers, since the last timed advert
  std::optional<VrrpInterval> learned;  // version 3: of the active router, while BACKUP
  std::optional<VrrpPeer> peer;
};

struct VrrpStep {
  VrrpMachine machine;
  std::vector<VrrpAction> actions;  // to be performed in this order
  std::string_view transition;      // the table entry that was taken, for the log
};

[[nodiscard]] VrrpStep step(const VrrpMachine& machine, const VrrpConfig& config,
                            const VrrpEvent& event);

// ---- Arithmetic, also for status and checks ----------------------------------------------------

inline constexpr std::uint8_t kVrrpOwner = 255;
inline constexpr std::uint8_t kVrrpLeaving = 0;
inline constexpr std::uint8_t kVrrpHighest = 254;  // of a router that owns nothing
inline constexpr std::uint8_t kVrrpLowest = 1;

// Announcements of one burst follow each other at this distance: a switch port that is still
// learning should not miss all of them.
inline constexpr Duration kAnnounceSpacing = std::chrono::milliseconds(100);

// (256 - priority) / 256 of the interval: the better the priority, the earlier.
[[nodiscard]] constexpr Duration vrrp_skew(VrrpInterval interval, std::uint8_t priority) {
  return Duration(interval) * (256 - priority) / 256;
}
[[nodiscard]] constexpr Duration vrrp_master_down(VrrpInterval interval, std::uint8_t priority) {
  return 3 * Duration(interval) + vrrp_skew(interval, priority);
}
// What is advertised: the priority, plus what is well, less what is not, from 1 to 254. An owner
// stays one.
[[nodiscard]] std::uint8_t effective_priority(const VrrpConfig& config, const Demotion& demotion);

// Announcements that a new active router makes before the refreshes begin.
[[nodiscard]] std::uint32_t first_announcements(const VrrpAnnouncements& plan);
// How long after the `made`-th announcement the next one is due; nothing: that was the last.
[[nodiscard]] std::optional<Duration> next_announcement(const VrrpAnnouncements& plan,
                                                        std::uint32_t made);

// ---- Text --------------------------------------------------------------------------------------

[[nodiscard]] std::string_view vrrp_name(RouterState state);  // "INIT", "BACKUP", "ACTIVE"
[[nodiscard]] std::string_view vrrp_text(StateCause cause);   // "no active router was heard"

// "send advert 100 every 1.00s", "arm master-down 3.609s", "INIT -> BACKUP (port usable)".
[[nodiscard]] std::string describe(const VrrpAction& action, Instant now);

}  // namespace carpool
