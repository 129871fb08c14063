#include "controlplane/redundancy/runner.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "controlplane/redundancy/announce.h"
#include "controlplane/redundancy/carp_frame.h"
#include "controlplane/redundancy/carp_wire.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;

// A misconfigured neighbour sends every second, for weeks.
constexpr Duration kForeignLogInterval = 60s;

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

bool is_same_group(const GroupSettings& left, const GroupSettings& right) {
  return left.name == right.name && left.carp.vhid == right.carp.vhid && left.port == right.port;
}

}  // namespace

// ---- Configuration -----------------------------------------------------------------------------

void RedundancyRunner::configure(std::vector<GroupSettings> groups, Instant now) {
  for (std::size_t index = groups_.size(); index-- > 0;) {
    const GroupSettings& old = groups_[index].settings;
    if (std::ranges::none_of(groups, [&](const auto& group) { return is_same_group(group, old); }))
      remove(index, now);
  }
  for (GroupSettings& settings : groups) {
    GroupReport* known = find(settings.name);
    if (known == nullptr) {
      GroupReport fresh;
      fresh.settings = std::move(settings);
      fresh.machine = make_carp_machine(random_());
      fresh.since = now;
      fresh.cause = "start";
      groups_.push_back(std::move(fresh));
      timers_.emplace_back();
    } else if (known->settings != settings) {
      known->settings = std::move(settings);
      handle(*known, ConfigChanged{}, now);
    }
  }
}

void RedundancyRunner::remove(std::size_t index, Instant now) {
  handle(groups_[index], Leave{}, now);
  groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(index));
  timers_.erase(timers_.begin() + static_cast<std::ptrdiff_t>(index));
}

// ---- Events ------------------------------------------------------------------------------------

void RedundancyRunner::set_usable(std::string_view name, bool usable, std::string_view why,
                                  Instant now) {
  GroupReport* group = find(name);
  if (group == nullptr) return;
  group->why_unusable = usable ? "" : why;
  if (group->usable == usable) return;
  group->usable = usable;
  if (usable) {
    handle(*group, LinkUp{}, now);
  } else {
    handle(*group, LinkDown{}, now);
  }
}

void RedundancyRunner::adopt(std::string_view name, Instant now) {
  GroupReport* group = find(name);
  if (group == nullptr || group->usable) return;
  group->usable = true;
  group->why_unusable.clear();
  handle(*group, AdoptMaster{}, now);
}

void RedundancyRunner::demote(std::string_view name, std::string_view source, unsigned value,
                              std::string_view why, Instant now) {
  GroupReport* group = find(name);
  if (group == nullptr) return;
  const auto& sources = group->machine.demotion.sources();
  const auto known = std::ranges::find(sources, source, &Demotion::Source::name);
  const bool unchanged =
      known == sources.end() ? value == 0 : known->value == value && known->why == why;
  if (!unchanged) {
    handle(*group, DemotionChanged{std::string(source), value, std::string(why)}, now);
  }
}

void RedundancyRunner::receive(std::uint16_t port, std::span<const std::uint8_t> frame,
                               Instant now) {
  for (GroupReport& group : groups_) {
    if (group.settings.port != port) continue;
    const CarpGroup classified_for{group.settings.key, group.settings.carp.source};
    std::visit(Overloaded{
                   [&](const OurCarpAdvert& ours) { handle(group, ours.advert, now); },
                   [&](const ForeignCarpAdvert& foreign) { note_foreign(group, foreign, now); },
                   [](const OtherCarpFrame&) {},
                   [&](const MalformedCarpFrame&) { ++group.malformed; },
               },
               classify_advert(frame, classified_for));
  }
}

void RedundancyRunner::note_foreign(GroupReport& group, const ForeignCarpAdvert& advert,
                                    Instant now) {
  ForeignAdverts& foreign = group.foreign;
  const std::string_view reason = text(advert.reason);
  const bool is_news = foreign.count == 0 || foreign.reason != reason ||
                       foreign.last_sender != advert.source ||
                       now - foreign.last_logged > kForeignLogInterval;
  ++foreign.count;
  foreign.last_sender = advert.source;
  foreign.reason = reason;
  foreign.last_seen = now;
  if (!is_news) return;
  foreign.last_logged = now;
  effects_.note_foreign(group.settings.name, fmt::format("advert from {} ({}) not accepted: {}",
                                                         to_string(advert.source),
                                                         to_string(advert.source_mac), reason));
}

// ---- Time --------------------------------------------------------------------------------------

void RedundancyRunner::expire(Instant now) {
  for (std::size_t index = 0; index < groups_.size(); ++index) {
    for (std::size_t timer = 0; timer < kRouterTimers; ++timer) {
      auto& deadline = timers_[index].deadlines[timer];
      if (!deadline || *deadline > now) continue;
      deadline.reset();  // the handler may arm it again
      handle(groups_[index], TimerExpired{static_cast<RouterTimer>(timer)}, now);
    }
  }
}

std::optional<Instant> RedundancyRunner::next_deadline() const {
  std::optional<Instant> earliest;
  for (const Timers& timers : timers_) {
    for (const auto& deadline : timers.deadlines) {
      if (deadline && (!earliest || *deadline < *earliest)) earliest = deadline;
    }
  }
  return earliest;
}

void RedundancyRunner::leave_all(Instant now) {
  for (GroupReport& group : groups_) {
    handle(group, Leave{}, now);
    group.usable = false;
    group.why_unusable = "the control plane is stopping";
  }
}

void RedundancyRunner::repeat_claims() {
  for (const GroupReport& group : groups_) {
    effects_.set_group(group.settings.name, group.machine.state == RouterState::kMaster);
  }
}

// ---- Steps and actions -------------------------------------------------------------------------

void RedundancyRunner::handle(GroupReport& group, Event event, Instant now) {
  CarpStep next = step(group.machine, group.settings.carp, {now, std::move(event)});
  group.machine = std::move(next.machine);
  bool sent = false;
  bool sent_ok = true;
  for (const CarpAction& action : next.actions) {
    sent = sent || std::holds_alternative<SendCarpAdvert>(action);
    perform(group, action, now, sent_ok);
  }
  // How it went is an event of its own; it sends nothing, so this goes one level deep at most.
  if (sent) {
    CarpStep after = step(group.machine, group.settings.carp, {now, SendResult{sent_ok}});
    group.machine = std::move(after.machine);
    for (const CarpAction& action : after.actions)
      perform(group, action, now, sent_ok);
  }
}

void RedundancyRunner::perform(GroupReport& group, const CarpAction& action, Instant now,
                               bool& sent_ok) {
  auto& deadlines = timers_of(group).deadlines;
  std::visit(Overloaded{
                 [&](const SendCarpAdvert& advert) { sent_ok = send_advert(group, advert); },
                 [&](const ArmTimer& arm) {
                   deadlines[static_cast<std::size_t>(arm.timer)] = arm.deadline;
                 },
                 [&](const CancelTimer& cancel) {
                   deadlines[static_cast<std::size_t>(cancel.timer)].reset();
                 },
                 [&](const BecomeMaster&) { effects_.set_group(group.settings.name, true); },
                 [&](const BecomeBackup&) { effects_.set_group(group.settings.name, false); },
                 [&](const Announce&) { announce(group); },
                 [&](const StateChanged& change) {
                   group.since = now;
                   group.cause = text(change.cause);
                   if (change.cause == StateCause::kPortUnusable && !group.why_unusable.empty()) {
                     group.cause = group.why_unusable;
                   }
                   ++group.transitions;
                   effects_.note_transition(group.settings.name,
                                            fmt::format("{} -> {}: {}", name(change.from),
                                                        name(change.to), group.cause));
                 },
             },
             action);
}

bool RedundancyRunner::send_advert(const GroupReport& group, const SendCarpAdvert& action) {
  const GroupSettings& settings = group.settings;
  CarpAdvert advert;
  advert.vhid = settings.carp.vhid;
  advert.advbase = action.advbase;
  advert.advskew = action.advskew;
  advert.demotion = action.demotion;
  advert.counter = action.counter;
  advert.digest = compute_digest(settings.key, action.counter);
  const CarpFrame frame = build_carp_frame(settings.mac, settings.carp.source, encode(advert));
  return effects_.send(settings.port, frame);
}

// A lost one is repeated by the machine a moment later.
void RedundancyRunner::announce(const GroupReport& group) {
  for (const auto& [address, port] : group.settings.announced) {
    const ArpFrame frame = build_gratuitous_arp(group.settings.mac, address);
    (void)effects_.send(port, frame);
  }
}

// ---- Looking up --------------------------------------------------------------------------------

GroupReport* RedundancyRunner::find(std::string_view name) {
  const auto found =
      std::ranges::find_if(groups_, [&](const auto& group) { return group.settings.name == name; });
  return found == groups_.end() ? nullptr : &*found;
}

RedundancyRunner::Timers& RedundancyRunner::timers_of(const GroupReport& group) {
  return timers_[static_cast<std::size_t>(&group - groups_.data())];
}

}  // namespace carpool
