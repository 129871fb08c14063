// What the redundancy protocols have in common: the states, and the vocabulary of events and
// actions. A protocol is a pure function step(machine, config, event) -> {machine, actions}; it
// adds its own "advert received" event and "send advert" action to this vocabulary. The runner owns
// the clock, the timers and the port: it turns what happens into events and performs actions, in
// order.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "controlplane/redundancy/demotion.h"
#include "dataplane/base/time.h"
#include "dataplane/net/address.h"

namespace carpool {

enum class RouterState : std::uint8_t { kInit, kBackup, kMaster };
inline constexpr std::size_t kRouterStates = 3;

enum class RouterTimer : std::uint8_t {
  kAdvert,        // MASTER: send the next advert
  kMasterDown,    // BACKUP: no master was heard for too long
  kAnnounce,      // MASTER: repeat the announcement of the addresses
  kPreemptDelay,  // BACKUP: a returning node may now take over from a less preferred master
  kStartupDelay,  // INIT: a node that was just started may now take part
};
inline constexpr std::size_t kRouterTimers = 5;

enum class StateCause : std::uint8_t {
  kPortUsable,
  kPortUnusable,
  kMasterSilent,
  kMasterLeaving,
  kMasterLost,
  kPreempting,
  kPreferredPeer,
  kTieLost,
  kPlannedExit,
  kAdopted,
  kOwner,
  kHandedOver,
};

// ---- Events ------------------------------------------------------------------------------------

// The group's port can send and receive, and the data plane forwards. Without both, a node must not
// claim addresses.
struct LinkUp {};
struct LinkDown {};

struct TimerExpired {
  RouterTimer timer;
};

// One source of demotion was set (value > 0) or went away (0).
struct DemotionChanged {
  std::string source;
  unsigned value = 0;
  std::string why;
};

// The configuration passed to this step differs from the one before. A change of id or port is not
// a change but another group, with a new machine.
struct ConfigChanged {};

// Planned exit: tell the peer to take over now. The machine stays in INIT until the next LinkUp.
struct Leave {};

// Planned switchover: tell the peer to take over now, and stay MASTER until it has. Every peer
// understands it, whatever its preemption: the advert is that of a node that leaves.
struct HandOver {};
// Nobody took over, or nobody should any more.
struct KeepMastership {};

// The control plane restarted while the data plane kept claiming the addresses; instead of LinkUp.
struct AdoptMaster {};

// How sending an advert ended.
struct SendResult {
  bool ok = true;
};

// Evidence from another channel (fast-hello, peer channel) that this node is gone. Counts only if
// it is the master that was heard last.
struct PeerLost {
  Ipv4Address source;
};

template <class AdvertReceived>
using RouterEventOf =
    std::variant<LinkUp, LinkDown, AdvertReceived, TimerExpired, DemotionChanged, ConfigChanged,
                 Leave, AdoptMaster, SendResult, PeerLost, HandOver, KeepMastership>;

// Columns of a transition table: the alternatives of the variant, one column per timer.
enum class EventKind : std::uint8_t {
  kLinkUp,
  kLinkDown,
  kAdvert,
  kAdvertTimer,
  kMasterDownTimer,
  kAnnounceTimer,
  kPreemptDelayTimer,
  kStartupDelayTimer,
  kDemotion,
  kConfig,
  kLeave,
  kAdopt,
  kSendResult,
  kPeerLost,
  kHandOver,
  kKeepMastership,
};
inline constexpr std::size_t kEventKinds = 16;

// ---- Actions -----------------------------------------------------------------------------------

// Replaces the deadline if the timer is armed already. A deadline that has passed expires at once.
struct ArmTimer {
  RouterTimer timer;
  Instant deadline;
  friend bool operator==(const ArmTimer&, const ArmTimer&) = default;
};
struct CancelTimer {
  RouterTimer timer;
  friend bool operator==(const CancelTimer&, const CancelTimer&) = default;
};

// Claim all addresses of the group as configured now. Repeated when the configuration changes.
struct BecomeMaster {
  friend bool operator==(const BecomeMaster&, const BecomeMaster&) = default;
};
// Stop claiming them.
struct BecomeBackup {
  friend bool operator==(const BecomeBackup&, const BecomeBackup&) = default;
};

// Send one gratuitous ARP per address.
struct Announce {
  friend bool operator==(const Announce&, const Announce&) = default;
};

// For the log and for status; the machine itself is there already.
struct StateChanged {
  RouterState from;
  RouterState to;
  StateCause cause;
  friend bool operator==(const StateChanged&, const StateChanged&) = default;
};

template <class SendAdvert>
using RouterActionOf = std::variant<SendAdvert, ArmTimer, CancelTimer, BecomeMaster, BecomeBackup,
                                    Announce, StateChanged>;

// ---- What the protocols judge alike ------------------------------------------------------------

// Less preferred masters that a master answers between two adverts of its own.
inline constexpr std::uint8_t kMaxAnswers = 4;

// Three failed sends in a row demote by this much, until as many succeeded.
inline constexpr std::uint8_t kMaxSendErrors = 3;
inline constexpr std::uint8_t kMinSendSuccesses = 3;
inline constexpr unsigned kSendErrorDemotion = 240;
inline constexpr std::string_view kSendErrorSource = "send errors";

// After FreeBSD's carp_send_ad_error: a node that cannot be heard must not stay preferred.
struct SendHealth {
  std::uint8_t errors = 0;     // in a row; kept while they demote
  std::uint8_t successes = 0;  // in a row, while errors demote

  void count(bool ok, Demotion& demotion);
};

// ---- Names and text ----------------------------------------------------------------------------

[[nodiscard]] std::string_view name(RouterState state);  // "INIT", "BACKUP", "MASTER"
[[nodiscard]] std::string_view name(RouterTimer timer);  // "advert", "master-down", ...
[[nodiscard]] std::string_view name(EventKind event);
[[nodiscard]] std::string_view text(StateCause cause);  // "no master was heard"

[[nodiscard]] EventKind kind_of(RouterTimer timer);

template <class AdvertReceived>
[[nodiscard]] EventKind kind_of(const RouterEventOf<AdvertReceived>& event) {
  constexpr EventKind kKinds[] = {
      EventKind::kLinkUp,      EventKind::kLinkDown, EventKind::kAdvert,
      EventKind::kAdvertTimer, EventKind::kDemotion, EventKind::kConfig,
      EventKind::kLeave,       EventKind::kAdopt,    EventKind::kSendResult,
      EventKind::kPeerLost,    EventKind::kHandOver, EventKind::kKeepMastership};
  static_assert(std::size(kKinds) == std::variant_size_v<RouterEventOf<AdvertReceived>>);
  if (const auto* expired = std::get_if<TimerExpired>(&event)) return kind_of(expired->timer);
  return kKinds[event.index()];
}

// One action in words, times relative to `now`: "arm master-down 3.391s".
[[nodiscard]] std::string describe(const ArmTimer& action, Instant now);
[[nodiscard]] std::string describe(const CancelTimer& action, Instant now);
[[nodiscard]] std::string describe(const BecomeMaster& action, Instant now);
[[nodiscard]] std::string describe(const BecomeBackup& action, Instant now);
[[nodiscard]] std::string describe(const Announce& action, Instant now);
[[nodiscard]] std::string describe(const StateChanged& action, Instant now);

}  // namespace carpool
