#include "controlplane/redundancy/machine.h"

#include <utility>

#include <fmt/format.h>

namespace carpool {

void SendHealth::count(bool ok, Demotion& demotion) {
  if (!ok) {
    successes = 0;
    if (errors < kMaxSendErrors && ++errors == kMaxSendErrors) {
      demotion.set(kSendErrorSource, kSendErrorDemotion, "adverts cannot be sent");
    }
  } else if (errors < kMaxSendErrors) {
    errors = 0;
  } else if (++successes == kMinSendSuccesses) {
    errors = successes = 0;
    demotion.set(kSendErrorSource, 0);
  }
}

std::string_view name(RouterState state) {
  switch (state) {
    case RouterState::kInit:
      return "INIT";
    case RouterState::kBackup:
      return "BACKUP";
    case RouterState::kMaster:
      return "MASTER";
  }
  std::unreachable();
}

std::string_view name(RouterTimer timer) {
  switch (timer) {
    case RouterTimer::kAdvert:
      return "advert";
    case RouterTimer::kMasterDown:
      return "master-down";
    case RouterTimer::kAnnounce:
      return "announce";
    case RouterTimer::kPreemptDelay:
      return "preempt-delay";
    case RouterTimer::kStartupDelay:
      return "startup-delay";
  }
  std::unreachable();
}

std::string_view name(EventKind event) {
  switch (event) {
    case EventKind::kLinkUp:
      return "link up";
    case EventKind::kLinkDown:
      return "link down";
    case EventKind::kAdvert:
      return "advert";
    case EventKind::kAdvertTimer:
      return "advert timer";
    case EventKind::kMasterDownTimer:
      return "master-down timer";
    case EventKind::kAnnounceTimer:
      return "announce timer";
    case EventKind::kPreemptDelayTimer:
      return "preempt-delay timer";
    case EventKind::kStartupDelayTimer:
      return "startup-delay timer";
    case EventKind::kDemotion:
      return "demotion";
    case EventKind::kConfig:
      return "config";
    case EventKind::kLeave:
      return "leave";
    case EventKind::kAdopt:
      return "adopt";
    case EventKind::kSendResult:
      return "send result";
    case EventKind::kPeerLost:
      return "peer lost";
    case EventKind::kHandOver:
      return "hand over";
    case EventKind::kKeepMastership:
      return "keep mastership";
  }
  std::unreachable();
}

std::string_view text(StateCause cause) {
  switch (cause) {
    case StateCause::kPortUsable:
      return "port usable";
    case StateCause::kPortUnusable:
      return "port unusable";
    case StateCause::kMasterSilent:
      return "no master was heard";
    case StateCause::kMasterLeaving:
      return "the master is leaving";
    case StateCause::kMasterLost:
      return "the master is lost";
    case StateCause::kPreempting:
      return "preempting a less preferred master";
    case StateCause::kPreferredPeer:
      return "a preferred master was heard";
    case StateCause::kTieLost:
      return "an equal master wins the tie";
    case StateCause::kPlannedExit:
      return "planned exit";
    case StateCause::kAdopted:
      return "the data plane is master already";
    case StateCause::kOwner:
      return "it owns the addresses";
    case StateCause::kHandedOver:
      return "handed over as asked";
  }
  std::unreachable();
}

EventKind kind_of(RouterTimer timer) {
  switch (timer) {
    case RouterTimer::kAdvert:
      return EventKind::kAdvertTimer;
    case RouterTimer::kMasterDown:
      return EventKind::kMasterDownTimer;
    case RouterTimer::kAnnounce:
      return EventKind::kAnnounceTimer;
    case RouterTimer::kPreemptDelay:
      return EventKind::kPreemptDelayTimer;
    case RouterTimer::kStartupDelay:
      return EventKind::kStartupDelayTimer;
  }
  std::unreachable();
}

std::string describe(const ArmTimer& action, Instant now) {
  const std::chrono::duration<double> after = action.deadline - now;
  return fmt::format("arm {} {:.3f}s", name(action.timer), after.count());
}
std::string describe(const CancelTimer& action, Instant) {
  return fmt::format("cancel {}", name(action.timer));
}
std::string describe(const BecomeMaster&, Instant) {
  return "become master";
}
std::string describe(const BecomeBackup&, Instant) {
  return "become backup";
}
std::string describe(const Announce&, Instant) {
  return "announce";
}
std::string describe(const StateChanged& action, Instant) {
  return fmt::format("{} -> {} ({})", name(action.from), name(action.to), text(action.cause));
}

}  // namespace carpool
