#include "controlplane/redundancy/runner.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "controlplane/redundancy/announce.h"
#include "controlplane/redundancy/carp_frame.h"
#include "controlplane/redundancy/carp_wire.h"
#include "controlplane/redundancy/vrrp_frame.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;

// A misconfigured neighbour sends every second, for weeks.
constexpr Duration kForeignLogInterval = 60s;

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

// What a protocol's machine is driven by.
struct Carp {
  using Settings = CarpSettings;
  using Machine = CarpMachine;
  using SendAdvert = SendCarpAdvert;
  using Happening = RouterEventOf<CarpAdvertReceived>;
};
struct Vrrp {
  using Settings = VrrpSettings;
  using Machine = VrrpMachine;
  using SendAdvert = SendVrrpAdvert;
  using Happening = RouterEventOf<VrrpAdvertReceived>;
};

bool is_same_group(const GroupSettings& left, const GroupSettings& right) {
  return left.name == right.name && left.protocol.index() == right.protocol.index() &&
         left.id() == right.id() && left.port == right.port;
}

}  // namespace

// ---- What is seen of a group --------------------------------------------------------------------

std::uint8_t GroupSettings::id() const {
  if (const auto* vrrp = std::get_if<VrrpSettings>(&protocol)) return vrrp->config.vrid;
  return std::get<CarpSettings>(protocol).config.vhid;
}
Ipv4Address GroupSettings::source() const {
  return std::visit([](const auto& of) { return of.config.source; }, protocol);
}

RouterState GroupReport::state() const {
  return std::visit([](const auto& of) { return of.state; }, machine);
}
const Demotion& GroupReport::demotion() const {
  return std::visit([](const auto& of) -> const Demotion& { return of.demotion; }, machine);
}
std::string_view GroupReport::state_name() const {
  return settings.is_vrrp() ? vrrp_name(state()) : name(state());
}

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
      if (fresh.settings.is_vrrp()) {
        fresh.machine = VrrpMachine{};
      } else {
        fresh.machine = make_carp_machine(random_());
      }
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

void RedundancyRunner::retire(std::string_view name, std::string_view why, Instant now) {
  GroupReport* group = find(name);
  if (group == nullptr) return;
  group->why_unusable = why;
  if (!std::exchange(group->usable, false)) return;
  handle(*group, Leave{}, now);
}

void RedundancyRunner::adopt(std::string_view name, Instant now) {
  GroupReport* group = find(name);
  if (group == nullptr || group->usable) return;
  group->usable = true;
  group->why_unusable.clear();
  handle(*group, AdoptMaster{}, now);
}

void RedundancyRunner::set_demotions(std::string_view name,
                                     std::span<const Demotion::Source> reasons, Instant now) {
  const GroupReport* group = find(name);
  if (group == nullptr) return;
  const std::vector<Demotion::Source> before = group->demotion().sources();
  for (const Demotion::Source& old : before) {
    const bool stays =
        std::ranges::find(reasons, old.name, &Demotion::Source::name) != reasons.end();
    if (!stays && old.name != kSendErrorSource) demote(name, old.name, 0, "", now);
  }
  for (const Demotion::Source& reason : reasons)
    demote(name, reason.name, reason.value, reason.why, now);
}

void RedundancyRunner::demote(std::string_view name, std::string_view source, unsigned value,
                              std::string_view why, Instant now) {
  GroupReport* group = find(name);
  if (group == nullptr) return;
  const auto& sources = group->demotion().sources();
  const auto known = std::ranges::find(sources, source, &Demotion::Source::name);
  const bool unchanged =
      known == sources.end() ? value == 0 : known->value == value && known->why == why;
  if (!unchanged) {
    handle(*group, DemotionChanged{std::string(source), value, std::string(why)}, now);
  }
}

void RedundancyRunner::hand_over(std::string_view name, Instant now) {
  if (GroupReport* group = find(name)) handle(*group, HandOver{}, now);
}

void RedundancyRunner::keep_mastership(std::string_view name, Instant now) {
  if (GroupReport* group = find(name)) handle(*group, KeepMastership{}, now);
}

void RedundancyRunner::receive(std::uint16_t port, std::span<const std::uint8_t> frame,
                               Instant now) {
  for (GroupReport& group : groups_) {
    if (group.settings.port != port) continue;
    if (const auto* vrrp = std::get_if<VrrpSettings>(&group.settings.protocol)) {
      take(group, classify_advert(frame, vrrp->group), now);
    } else {
      const auto& carp = std::get<CarpSettings>(group.settings.protocol);
      take(group, classify_advert(frame, CarpGroup{carp.key, carp.config.source}), now);
    }
  }
}

void RedundancyRunner::take(GroupReport& group, const CarpClassification& classified, Instant now) {
  std::visit(Overloaded{
                 [&](const OurCarpAdvert& ours) { drive<Carp>(group, ours.advert, now); },
                 [&](const ForeignCarpAdvert& foreign) {
                   note_foreign(group, foreign.source, foreign.source_mac, text(foreign.reason),
                                now);
                 },
                 [](const OtherCarpFrame&) {},
                 [&](const MalformedCarpFrame&) { ++group.malformed; },
             },
             classified);
}

void RedundancyRunner::take(GroupReport& group, const VrrpClassification& classified, Instant now) {
  const auto note = [&](const auto& advert, Ipv4Address source, VrrpForeign reason) {
    note_foreign(group, source, advert.source_mac, text(reason), now);
  };
  std::visit(
      Overloaded{
          [&](const OurVrrpAdvert& ours) {
            if (ours.remark) note(ours, ours.advert.source, *ours.remark);
            drive<Vrrp>(group, ours.advert, now);
          },
          [&](const ForeignVrrpAdvert& foreign) { note(foreign, foreign.source, foreign.reason); },
          [](const OtherVrrpFrame&) {},
          [&](const MalformedVrrpFrame&) { ++group.malformed; },
      },
      classified);
}

void RedundancyRunner::note_foreign(GroupReport& group, Ipv4Address source,
                                    const MacAddress& source_mac, std::string_view reason,
                                    Instant now) {
  ForeignAdverts& foreign = group.foreign;
  const bool is_news = foreign.count == 0 || foreign.reason != reason ||
                       foreign.last_sender != source ||
                       now - foreign.last_logged > kForeignLogInterval;
  ++foreign.count;
  foreign.last_sender = source;
  foreign.reason = reason;
  foreign.last_seen = now;
  if (!is_news) return;
  foreign.last_logged = now;
  effects_.note_foreign(group.settings.name,
                        fmt::format("advert from {} ({}) not accepted: {}", to_string(source),
                                    to_string(source_mac), reason));
}

void RedundancyRunner::lose_peer(std::string_view name, Ipv4Address source, Instant now) {
  if (GroupReport* group = find(name)) handle(*group, PeerLost{source}, now);
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

void RedundancyRunner::leave_all(std::string_view why, Instant now) {
  for (GroupReport& group : groups_) {
    handle(group, Leave{}, now);
    group.usable = false;
    group.why_unusable = why;
  }
}

void RedundancyRunner::repeat_claims() {
  for (const GroupReport& group : groups_) {
    effects_.set_group(group.settings.name, group.state() == RouterState::kMaster);
  }
}

// ---- Steps and actions -------------------------------------------------------------------------

template <class Event>
void RedundancyRunner::handle(GroupReport& group, const Event& event, Instant now) {
  if (group.settings.is_vrrp()) {
    drive<Vrrp>(group, event, now);
  } else {
    drive<Carp>(group, event, now);
  }
}

template <class Protocol>
void RedundancyRunner::drive(GroupReport& group, const typename Protocol::Happening& what,
                             Instant now) {
  auto& machine = std::get<typename Protocol::Machine>(group.machine);
  const auto& settings = std::get<typename Protocol::Settings>(group.settings.protocol);
  auto next = step(machine, settings.config, {now, what});
  machine = std::move(next.machine);
  bool sent = false;
  bool sent_ok = true;
  for (const auto& action : next.actions) {
    std::visit(Overloaded{
                   [&](const typename Protocol::SendAdvert& advert) {
                     sent = true;
                     sent_ok = send_advert(group, advert);
                   },
                   [&](const auto& common) { perform(group, common, now); },
               },
               action);
  }
  // How it went is an event of its own; it sends nothing, so this goes one level deep at most.
  if (sent) drive<Protocol>(group, SendResult{sent_ok}, now);
}

void RedundancyRunner::perform(GroupReport& group, const ArmTimer& action, Instant) {
  timers_of(group).deadlines[static_cast<std::size_t>(action.timer)] = action.deadline;
}
void RedundancyRunner::perform(GroupReport& group, const CancelTimer& action, Instant) {
  timers_of(group).deadlines[static_cast<std::size_t>(action.timer)].reset();
}
void RedundancyRunner::perform(GroupReport& group, const BecomeMaster&, Instant) {
  effects_.set_group(group.settings.name, true);
}
void RedundancyRunner::perform(GroupReport& group, const BecomeBackup&, Instant) {
  effects_.set_group(group.settings.name, false);
}

// A lost one is repeated by the machine a moment later.
void RedundancyRunner::perform(GroupReport& group, const Announce&, Instant) {
  for (const auto& [address, port] : group.settings.announced) {
    const ArpFrame frame = build_gratuitous_arp(group.settings.mac, address);
    (void)effects_.send(port, frame);
  }
}

void RedundancyRunner::perform(GroupReport& group, const StateChanged& change, Instant now) {
  const bool vrrp = group.settings.is_vrrp();
  const auto state_name = [vrrp](RouterState state) {
    return vrrp ? vrrp_name(state) : name(state);
  };
  group.since = now;
  group.cause = vrrp ? vrrp_text(change.cause) : text(change.cause);
  if (change.to == RouterState::kInit && !group.why_unusable.empty()) {
    group.cause = group.why_unusable;
  }
  ++group.transitions;
  effects_.note_transition(group.settings.name, fmt::format("{} -> {}: {}", state_name(change.from),
                                                            state_name(change.to), group.cause));
  effects_.announce_state(group);
}

bool RedundancyRunner::send_advert(const GroupReport& group, const SendCarpAdvert& action) {
  const GroupSettings& settings = group.settings;
  const auto& [config, key] = std::get<CarpSettings>(settings.protocol);
  CarpAdvert advert;
  advert.vhid = config.vhid;
  advert.advbase = action.advbase;
  advert.advskew = action.advskew;
  advert.demotion = action.demotion;
  advert.counter = action.counter;
  advert.digest = compute_digest(key, action.counter);
  const CarpFrame frame = build_carp_frame(settings.mac, config.source, encode(advert));
  return effects_.send(settings.port, frame);
}

bool RedundancyRunner::send_advert(const GroupReport& group, const SendVrrpAdvert& action) {
  const GroupSettings& settings = group.settings;
  const auto& [config, wire, checksum] = std::get<VrrpSettings>(settings.protocol);
  const VrrpAdvert advert{config.version,  config.vrid,   action.priority,
                          action.interval, wire.password, wire.addresses};
  if (wire.peers.empty()) {
    const auto frame = build_vrrp_frame(settings.mac, config.source, advert, checksum);
    return effects_.send(settings.port, frame);
  }
  bool ok = true;
  for (const Ipv4Address peer : wire.peers) {
    // A peer that does not even answer ARP misses nothing, and is no reason to demote this node.
    const auto mac = effects_.resolve(settings.port, peer);
    if (!mac) continue;
    const auto frame =
        build_vrrp_unicast_frame(settings.port_mac, config.source, *mac, peer, advert, checksum);
    ok = effects_.send(settings.port, frame) && ok;
  }
  return ok;
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
