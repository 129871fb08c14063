#include "controlplane/redundancy/vrrp.h"

#include <algorithm>
#include <compare>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

namespace carpool {
namespace {

// One step while it is being made. Handlers change the machine and append actions.
struct Turn {
  VrrpMachine& machine;
  const VrrpConfig& config;
  const VrrpEvent& event;
  std::vector<VrrpAction>& actions;

  void act(VrrpAction action) { actions.push_back(action); }
  void arm(RouterTimer timer, Duration after) { act(ArmTimer{timer, event.now + after}); }
  void cancel(RouterTimer timer) { act(CancelTimer{timer}); }

  template <class Event>
  const Event& as() const {
    return std::get<Event>(event.what);
  }
  const VrrpAdvertReceived& advert() const { return as<VrrpAdvertReceived>(); }

  std::uint8_t priority() const { return effective_priority(config, machine.demotion); }
  // Version 3 takes the active router's interval over; of version 2 it is our own anyway.
  VrrpInterval active_interval() const { return machine.learned.value_or(config.interval); }
  Duration skew() const { return vrrp_skew(active_interval(), priority()); }
  Duration master_down() const { return vrrp_master_down(active_interval(), priority()); }
};

// ---- Judgement ---------------------------------------------------------------------------------

// No other router has our address: it is our own advert, which came back.
bool is_echo(const Turn& turn) {
  return turn.advert().source == turn.config.source;
}

// The router that sent the advert, against us. RFC 9568, 6.4.3: the priority decides, then the
// primary address.
std::strong_ordering compare_peer(const Turn& turn) {
  const auto by_priority = turn.advert().priority <=> turn.priority();
  if (by_priority != 0) return by_priority;
  return turn.advert().source <=> turn.config.source;
}

// ---- Building blocks ---------------------------------------------------------------------------

void change_state(Turn& turn, RouterState to, StateCause cause) {
  turn.act(StateChanged{turn.machine.state, to, cause});
  turn.machine.state = to;
  turn.machine.handing_over = false;
}

void send_advert(Turn& turn) {
  // While handing over again and again that it leaves: the advert before may have been lost. The
  // skew that the others wait for is shorter than the interval.
  const std::uint8_t priority = turn.machine.handing_over ? kVrrpLeaving : turn.priority();
  turn.act(SendVrrpAdvert{priority, turn.config.interval});
  turn.arm(RouterTimer::kAdvert, turn.config.interval);
}

void arm_announcement(Turn& turn) {
  const auto next = next_announcement(turn.config.announcements, turn.machine.announced);
  if (next) turn.arm(RouterTimer::kAnnounce, *next);
}

void announce(Turn& turn) {
  turn.act(Announce{});
  ++turn.machine.announced;
  arm_announcement(turn);
}

void announce_afresh(Turn& turn) {
  turn.cancel(RouterTimer::kAnnounce);
  turn.machine.announced = 0;
  announce(turn);
}

void end_preempt_hold(Turn& turn) {
  if (!turn.machine.preempt_held) return;
  turn.machine.preempt_held = false;
  turn.cancel(RouterTimer::kPreemptDelay);
}

void begin_preempt_hold(Turn& turn) {
  if (turn.config.preempt_delay <= Duration::zero()) return;
  turn.machine.preempt_held = true;
  turn.arm(RouterTimer::kPreemptDelay, turn.config.preempt_delay);
}

void become_active(Turn& turn, StateCause cause) {
  const bool was_backup = turn.machine.state == RouterState::kBackup;
  change_state(turn, RouterState::kMaster, cause);
  if (was_backup) turn.cancel(RouterTimer::kMasterDown);
  end_preempt_hold(turn);
  turn.machine.answers = 0;
  turn.machine.learned.reset();
  turn.act(BecomeMaster{});
  send_advert(turn);
  turn.machine.announced = 0;
  announce(turn);
}

// Out of ACTIVE: no timer of that state may stay behind.
void cancel_active_timers(Turn& turn) {
  turn.cancel(RouterTimer::kAdvert);
  turn.cancel(RouterTimer::kAnnounce);
}

void follow(Turn& turn) {
  if (turn.config.version == VrrpVersion::k3) turn.machine.learned = turn.advert().interval;
  turn.arm(RouterTimer::kMasterDown, turn.master_down());
}

// ---- Handlers, one per kind of table entry -----------------------------------------------------

void ignore(Turn&) {}

void come_up(Turn& turn) {
  turn.machine.started = true;
  // A port that comes back is a fresh start. Send errors would otherwise demote a backup for ever:
  // it sends nothing that could succeed.
  turn.machine.sends = {};
  turn.machine.demotion.set(kSendErrorSource, 0);
  if (turn.priority() == kVrrpOwner) return become_active(turn, StateCause::kOwner);
  change_state(turn, RouterState::kBackup, StateCause::kPortUsable);
  turn.arm(RouterTimer::kMasterDown, turn.master_down());
  begin_preempt_hold(turn);
}

void start(Turn& turn) {
  if (turn.machine.started || turn.config.startup_delay <= Duration::zero()) return come_up(turn);
  turn.machine.starting = true;
  turn.arm(RouterTimer::kStartupDelay, turn.config.startup_delay);
}

void end_start(Turn& turn) {
  if (!turn.machine.starting) return;
  turn.machine.starting = false;
  turn.cancel(RouterTimer::kStartupDelay);
}

void startup_delay_ends(Turn& turn) {
  if (!turn.machine.starting) return;
  turn.machine.starting = false;
  come_up(turn);
}

// The data plane answers for the addresses already: servers, switches and clients know it, so only
// the other routers need to hear that somebody is here.
void adopt(Turn& turn) {
  end_start(turn);
  turn.machine.started = true;
  change_state(turn, RouterState::kMaster, StateCause::kAdopted);
  turn.machine.answers = 0;
  send_advert(turn);
  turn.machine.announced = first_announcements(turn.config.announcements);
  arm_announcement(turn);
}

void leave_backup(Turn& turn, StateCause cause) {
  change_state(turn, RouterState::kInit, cause);
  turn.cancel(RouterTimer::kMasterDown);
  end_preempt_hold(turn);
  turn.machine.peer.reset();
  turn.machine.learned.reset();
}

void backup_loses_port(Turn& turn) {
  leave_backup(turn, StateCause::kPortUnusable);
}

void backup_leaves(Turn& turn) {
  leave_backup(turn, StateCause::kPlannedExit);
}

// RFC 9568, 6.4.2. Preempting is done by not hearing: the adverts of a less preferred router do not
// keep the timer from expiring.
void backup_hears_advert(Turn& turn) {
  if (is_echo(turn)) return;
  const auto& advert = turn.advert();
  turn.machine.peer = VrrpPeer{advert, turn.event.now};
  if (advert.priority == kVrrpLeaving) return turn.arm(RouterTimer::kMasterDown, turn.skew());
  const bool may_preempt = turn.config.preempt && !turn.machine.preempt_held;
  if (may_preempt && advert.priority < turn.priority()) return;
  follow(turn);
}

void backup_hears_nothing(Turn& turn) {
  const auto& peer = turn.machine.peer;
  const Instant silence = turn.event.now - 3 * Duration(turn.active_interval());
  if (!peer || peer->heard <= silence) return become_active(turn, StateCause::kMasterSilent);
  const bool leaving = peer->advert.priority == kVrrpLeaving;
  become_active(turn, leaving ? StateCause::kMasterLeaving : StateCause::kPreempting);
}

void backup_loses_peer(Turn& turn) {
  const auto& peer = turn.machine.peer;
  if (peer && peer->advert.source == turn.as<PeerLost>().source) {
    become_active(turn, StateCause::kMasterLost);
  }
}

// From here on, the adverts of a less preferred router are not heard.
void backup_may_preempt(Turn& turn) {
  turn.machine.preempt_held = false;
}

void note_demotion(Turn& turn) {
  const auto& change = turn.as<DemotionChanged>();
  turn.machine.demotion.set(change.source, change.value, change.why);
}

// A node that recovers is a returning node, and waits as long as one that just came up: whatever
// demoted it may flap.
void backup_is_demoted(Turn& turn) {
  const std::uint8_t before = turn.priority();
  note_demotion(turn);
  if (turn.priority() > before) begin_preempt_hold(turn);
}

void backup_is_reconfigured(Turn& turn) {
  if (turn.priority() == kVrrpOwner) return become_active(turn, StateCause::kOwner);
  if (turn.config.preempt_delay <= Duration::zero()) end_preempt_hold(turn);
  turn.arm(RouterTimer::kMasterDown, turn.master_down());
}

void active_loses_port(Turn& turn) {
  change_state(turn, RouterState::kInit, StateCause::kPortUnusable);
  cancel_active_timers(turn);
  turn.act(BecomeBackup{});
  turn.machine.peer.reset();
}

// The advert goes first: until another router has taken over, this one still forwards.
void active_leaves(Turn& turn) {
  turn.act(SendVrrpAdvert{kVrrpLeaving, turn.config.interval});
  change_state(turn, RouterState::kInit, StateCause::kPlannedExit);
  cancel_active_timers(turn);
  turn.act(BecomeBackup{});
  turn.machine.peer.reset();
}

void become_backup(Turn& turn, StateCause cause) {
  change_state(turn, RouterState::kBackup, cause);
  cancel_active_timers(turn);
  turn.act(BecomeBackup{});
  follow(turn);
}

// RFC 9568, 6.4.3: a less preferred router is active, for instance after a partition. Its adverts
// moved the virtual MAC to its switch port, so we answer at once, and announce. A few times per
// interval, since there may be several such routers, and no more, since adverts can be replayed.
void answer_rival(Turn& turn) {
  if (turn.machine.answers == kMaxAnswers) return;
  ++turn.machine.answers;
  send_advert(turn);
  turn.act(Announce{});
}

void advertise(Turn& turn) {
  turn.machine.answers = 0;
  send_advert(turn);
}

void active_hears_advert(Turn& turn) {
  if (is_echo(turn)) return;
  const auto& advert = turn.advert();
  turn.machine.peer = VrrpPeer{advert, turn.event.now};
  if (advert.priority == kVrrpLeaving) return answer_rival(turn);
  if (turn.machine.handing_over) return become_backup(turn, StateCause::kHandedOver);
  if (compare_peer(turn) < 0) return answer_rival(turn);
  const bool tie = advert.priority == turn.priority();
  become_backup(turn, tie ? StateCause::kTieLost : StateCause::kPreferredPeer);
}

void active_is_demoted(Turn& turn) {
  const std::uint8_t before = turn.priority();
  note_demotion(turn);
  // A healthier router should learn it now, not an interval later.
  if (turn.priority() != before) send_advert(turn);
}

// Addresses may be new, and the others should learn our new interval before the old one has passed.
void active_is_reconfigured(Turn& turn) {
  turn.act(BecomeMaster{});
  send_advert(turn);
  announce_afresh(turn);
}

// Until the other router is heard, nothing changes for traffic: there is no moment without one that
// is active.
void active_hands_over(Turn& turn) {
  turn.machine.handing_over = true;
  turn.machine.answers = 0;
  send_advert(turn);
}

void active_keeps_it(Turn& turn) {
  if (!turn.machine.handing_over) return;
  turn.machine.handing_over = false;
  send_advert(turn);
  turn.act(Announce{});
}

void count_send(Turn& turn) {
  turn.machine.sends.count(turn.as<SendResult>().ok, turn.machine.demotion);
}

// ---- The table ---------------------------------------------------------------------------------

struct Transition {
  void (*handle)(Turn&);
  std::string_view name;
};

constexpr Transition kIgnore{ignore, "ignore"};

// Rows are states; columns are EventKind in its order.
constexpr Transition kTransitions[kRouterStates][kEventKinds] = {
    // INIT: the port or the data plane does not work, or the node has left, or it waits after its
    // start. Claims nothing, hears nothing.
    {
        {start, "start"},                             // link up
        {end_start, "end start"},                     // link down
        kIgnore,                                      // advert
        kIgnore,                                      // advert timer: all timers were cancelled
        kIgnore,                                      // master-down timer
        kIgnore,                                      // announce timer
        kIgnore,                                      // preempt-delay timer
        {startup_delay_ends, "start-up delay ends"},  // startup-delay timer
        {note_demotion, "note demotion"},             // demotion: counts from the first advert on
        kIgnore,                                      // config: read afresh by each step
        {end_start, "end start"},                     // leave: nothing to leave
        {adopt, "adopt"},                             // adopt
        kIgnore,                                      // send result: of an advert sent before
        kIgnore,                                      // peer lost
        kIgnore,                                      // hand over: nothing to hand over
        kIgnore,                                      // keep mastership
    },
    // BACKUP: listens. Silence, or what counts as silence, makes us ACTIVE.
    {
        kIgnore,                                             // link up: known
        {backup_loses_port, "backup loses port"},            // link down
        {backup_hears_advert, "backup hears advert"},        // advert
        kIgnore,                                             // advert timer
        {backup_hears_nothing, "backup hears nothing"},      // master-down timer
        kIgnore,                                             // announce timer
        {backup_may_preempt, "backup may preempt"},          // preempt-delay timer
        kIgnore,                                             // startup-delay timer
        {backup_is_demoted, "backup is demoted"},            // demotion
        {backup_is_reconfigured, "backup is reconfigured"},  // config
        {backup_leaves, "backup leaves"},                    // leave: silently, nobody waits for us
        kIgnore,                                             // adopt: a live machine knows better
        {count_send, "count send"},                // send result: of the last advert as active
        {backup_loses_peer, "backup loses peer"},  // peer lost
        kIgnore,                                   // hand over: another one is active
        kIgnore,                                   // keep mastership
    },
    // ACTIVE: claims the addresses and says so every interval, until a preferred router is heard.
    {
        kIgnore,                                             // link up: known
        {active_loses_port, "active loses port"},            // link down
        {active_hears_advert, "active hears advert"},        // advert
        {advertise, "advertise"},                            // advert timer
        kIgnore,                                             // master-down timer
        {announce, "announce again"},                        // announce timer
        kIgnore,                                             // preempt-delay timer
        kIgnore,                                             // startup-delay timer
        {active_is_demoted, "active is demoted"},            // demotion
        {active_is_reconfigured, "active is reconfigured"},  // config
        {active_leaves, "active leaves"},                    // leave
        kIgnore,                                             // adopt: known
        {count_send, "count send"},                          // send result
        kIgnore,                                             // peer lost: we are active already
        {active_hands_over, "active hands over"},            // hand over
        {active_keeps_it, "active keeps it"},                // keep mastership
    },
};

}  // namespace

VrrpStep step(const VrrpMachine& machine, const VrrpConfig& config, const VrrpEvent& event) {
  VrrpStep result{machine, {}, {}};
  const auto row = static_cast<std::size_t>(machine.state);
  const auto column = static_cast<std::size_t>(kind_of<VrrpAdvertReceived>(event.what));
  const Transition& transition = kTransitions[row][column];
  result.transition = transition.name;
  Turn turn{result.machine, config, event, result.actions};
  transition.handle(turn);
  return result;
}

std::uint8_t effective_priority(const VrrpConfig& config, const Demotion& demotion) {
  if (config.priority == kVrrpOwner) return kVrrpOwner;
  const unsigned best = config.priority + config.bonus;
  const unsigned left = best - std::min(best, demotion.sum());
  return static_cast<std::uint8_t>(std::clamp<unsigned>(left, kVrrpLowest, kVrrpHighest));
}

std::uint32_t first_announcements(const VrrpAnnouncements& plan) {
  const std::uint32_t bursts = plan.delay > Duration::zero() ? 2 : 1;
  return bursts * plan.count;
}

std::optional<Duration> next_announcement(const VrrpAnnouncements& plan, std::uint32_t made) {
  const std::uint32_t at_start = first_announcements(plan);
  if (made < at_start) return made % plan.count == 0 ? plan.delay : kAnnounceSpacing;
  if (plan.refresh <= Duration::zero()) return std::nullopt;
  return (made - at_start) % plan.refresh_count == 0 ? plan.refresh : kAnnounceSpacing;
}

std::string_view vrrp_name(RouterState state) {
  return state == RouterState::kMaster ? "ACTIVE" : name(state);
}

std::string_view vrrp_text(StateCause cause) {
  switch (cause) {
    case StateCause::kMasterSilent:
      return "no active router was heard";
    case StateCause::kMasterLeaving:
      return "the active router is leaving";
    case StateCause::kMasterLost:
      return "the active router is lost";
    case StateCause::kPreempting:
      return "preempting a less preferred router";
    case StateCause::kPreferredPeer:
      return "a preferred router was heard";
    case StateCause::kTieLost:
      return "an equal router with a higher address was heard";
    case StateCause::kAdopted:
      return "the data plane is active already";
    default:
      return text(cause);
  }
}

namespace {

std::string describe(const SendVrrpAdvert& action, Instant) {
  return fmt::format("send advert {} every {:.2f}s", action.priority,
                     std::chrono::duration<double>(action.interval).count());
}
std::string describe_state(const StateChanged& action) {
  return fmt::format("{} -> {} ({})", vrrp_name(action.from), vrrp_name(action.to),
                     vrrp_text(action.cause));
}

}  // namespace

std::string describe(const VrrpAction& action, Instant now) {
  return std::visit(
      [now](const auto& alternative) {
        using Alternative = std::decay_t<decltype(alternative)>;
        if constexpr (std::is_same_v<Alternative, StateChanged>) {
          return describe_state(alternative);
        } else {
          return describe(alternative, now);
        }
      },
      action);
}

}  // namespace carpool
