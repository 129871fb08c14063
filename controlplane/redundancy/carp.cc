#include "controlplane/redundancy/carp.h"

#include <algorithm>
#include <compare>
#include <iterator>

#include <fmt/format.h>

namespace carpool {
namespace {

// One step while it is being made. Handlers change the machine and append actions.
struct Turn {
  CarpMachine& machine;
  const CarpConfig& config;
  const CarpEvent& event;
  std::vector<CarpAction>& actions;

  void act(CarpAction action) { actions.push_back(action); }
  void arm(RouterTimer timer, Duration after) { act(ArmTimer{timer, event.now + after}); }
  void cancel(RouterTimer timer) { act(CancelTimer{timer}); }

  template <class Event>
  const Event& as() const {
    return std::get<Event>(event.what);
  }
  const CarpAdvertReceived& advert() const { return as<CarpAdvertReceived>(); }

  std::uint8_t advskew() const { return demoted_advskew(config.advskew, machine.demotion); }
  Duration interval() const { return carp_interval(config.advbase, advskew()); }
  Duration master_down() const { return carp_master_down(config.advbase, advskew()); }

  // The pad byte stays zero among interval-ordered peers: an OpenBSD peer would let it win over the
  // interval, we would not, and two masters would both stay.
  std::uint8_t demotion_sent() const {
    return config.order == CarpOrder::kDemotionFirst
               ? static_cast<std::uint8_t>(machine.demotion.total())
               : std::uint8_t{0};
  }
};

// ---- Judgement ---------------------------------------------------------------------------------

Duration interval_of(const CarpAdvertReceived& advert) {
  return carp_interval(advert.advbase, advert.advskew);
}

// The peer against us: less is preferred. Ties are left to the caller.
std::strong_ordering compare_peer(const Turn& turn) {
  if (turn.config.order == CarpOrder::kDemotionFirst) {
    const auto demotion = turn.advert().demotion <=> turn.demotion_sent();
    if (demotion != 0) return demotion;
  }
  return interval_of(turn.advert()).count() <=> turn.interval().count();
}

// FreeBSD lets both of two equal masters back off, and the addresses are gone for a master-down
// time. One staying is compatible: the one that stays outlives the peer's retreat. Nodes without
// addresses of their own send from the same one; then the counters, random in their high bits,
// decide. The higher one stays, so that our own old adverts, replayed, never beat us.
bool wins_tie(const Turn& turn) {
  const auto by_address = turn.config.source <=> turn.advert().source;
  if (by_address != 0) return by_address < 0;
  return turn.machine.next_counter > turn.advert().counter;
}

// Both source and counter must be ours. FreeBSD and UCarp adopt the counter that they hear and go
// on from there, so a peer's advert may well carry a number that we have used.
bool is_echo(const CarpMachine& machine, const CarpConfig& config,
             const CarpAdvertReceived& advert) {
  const std::uint64_t sent = machine.next_counter - machine.first_counter;  // wraps as counters do
  return advert.source == config.source && advert.counter - machine.first_counter < sent;
}

bool is_leaving(const CarpAdvertReceived& advert) {
  return advert.advbase == kCarpLeavingBase && advert.advskew == kCarpLeavingSkew;
}

// ---- Building blocks ---------------------------------------------------------------------------

void change_state(Turn& turn, RouterState to, StateCause cause) {
  turn.act(StateChanged{turn.machine.state, to, cause});
  turn.machine.state = to;
  turn.machine.handing_over = false;
}

void send_farewell(Turn& turn) {
  turn.act(SendCarpAdvert{kCarpLeavingBase, kCarpLeavingSkew, turn.demotion_sent(),
                          turn.machine.next_counter++});
}

void send_advert(Turn& turn) {
  if (turn.machine.handing_over) {
    send_farewell(turn);  // the one before may have been lost
  } else {
    turn.act(SendCarpAdvert{turn.config.advbase, turn.advskew(), turn.demotion_sent(),
                            turn.machine.next_counter++});
  }
  turn.arm(RouterTimer::kAdvert, turn.interval());
}

void announce(Turn& turn) {
  auto& made = turn.machine.announced;
  if (made >= std::size(kAnnounceAt)) return;
  turn.act(Announce{});
  ++made;
  if (made < std::size(kAnnounceAt)) {
    turn.arm(RouterTimer::kAnnounce, kAnnounceAt[made] - kAnnounceAt[made - 1]);
  }
}

void announce_afresh(Turn& turn) {
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

void become_master(Turn& turn, StateCause cause) {
  change_state(turn, RouterState::kMaster, cause);
  turn.cancel(RouterTimer::kMasterDown);
  end_preempt_hold(turn);
  turn.machine.answers = 0;
  turn.act(BecomeMaster{});
  send_advert(turn);
  announce_afresh(turn);
}

// Out of MASTER: no timer of that state may stay behind.
void cancel_master_timers(Turn& turn) {
  turn.cancel(RouterTimer::kAdvert);
  if (turn.machine.announced < std::size(kAnnounceAt)) turn.cancel(RouterTimer::kAnnounce);
}

void become_backup(Turn& turn, StateCause cause) {
  change_state(turn, RouterState::kBackup, cause);
  cancel_master_timers(turn);
  turn.act(BecomeBackup{});
  turn.arm(RouterTimer::kMasterDown, turn.master_down());
}

// ---- Handlers, one per kind of table entry -----------------------------------------------------

void ignore(Turn&) {}

void come_up(Turn& turn) {
  // A port that comes back is a fresh start. Send errors would otherwise demote a backup for ever:
  // it sends nothing that could succeed.
  turn.machine.sends = {};
  turn.machine.demotion.set(kSendErrorSource, 0);
  change_state(turn, RouterState::kBackup, StateCause::kPortUsable);
  turn.arm(RouterTimer::kMasterDown, turn.master_down());
  begin_preempt_hold(turn);
}

// The data plane answers for the addresses already: servers, switches and clients know it, so only
// the peers need to hear that somebody is here.
void adopt(Turn& turn) {
  change_state(turn, RouterState::kMaster, StateCause::kAdopted);
  turn.machine.announced = std::size(kAnnounceAt);
  turn.machine.answers = 0;
  send_advert(turn);
}

void leave_backup(Turn& turn, StateCause cause) {
  change_state(turn, RouterState::kInit, cause);
  turn.cancel(RouterTimer::kMasterDown);
  end_preempt_hold(turn);
  turn.machine.peer.reset();
}

void backup_loses_port(Turn& turn) {
  leave_backup(turn, StateCause::kPortUnusable);
}

void backup_leaves(Turn& turn) {
  leave_backup(turn, StateCause::kPlannedExit);
}

void backup_hears_advert(Turn& turn) {
  const auto& advert = turn.advert();
  if (is_echo(turn.machine, turn.config, advert)) return;
  turn.machine.peer = CarpPeer{advert, turn.event.now};

  // Also a master that is not leaving but so slow that it would time out before its next advert.
  if (is_leaving(advert) || interval_of(advert) > turn.master_down()) {
    return become_master(turn, StateCause::kMasterLeaving);
  }
  const bool may_preempt = turn.config.preempt && !turn.machine.preempt_held;
  // OpenBSD takes over from a more demoted master whether it preempts or not.
  const bool must_relieve = turn.config.order == CarpOrder::kDemotionFirst &&
                            advert.demotion > turn.demotion_sent() && !turn.machine.preempt_held;
  if (compare_peer(turn) > 0 && (may_preempt || must_relieve)) {
    return become_master(turn, StateCause::kPreempting);
  }
  turn.arm(RouterTimer::kMasterDown, turn.master_down());
}

void backup_hears_nothing(Turn& turn) {
  become_master(turn, StateCause::kMasterSilent);
}

void backup_loses_peer(Turn& turn) {
  const auto& peer = turn.machine.peer;
  if (peer && peer->advert.source == turn.as<PeerLost>().source) {
    become_master(turn, StateCause::kMasterLost);
  }
}

// The next advert of a less preferred master is answered by taking over.
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
  const unsigned before = turn.machine.demotion.total();
  note_demotion(turn);
  if (turn.machine.demotion.total() < before) begin_preempt_hold(turn);
}

void backup_is_reconfigured(Turn& turn) {
  if (turn.config.preempt_delay <= Duration::zero()) end_preempt_hold(turn);
  turn.arm(RouterTimer::kMasterDown, turn.master_down());
}

void master_loses_port(Turn& turn) {
  change_state(turn, RouterState::kInit, StateCause::kPortUnusable);
  cancel_master_timers(turn);
  turn.act(BecomeBackup{});
  turn.machine.peer.reset();
}

// The advert goes first: until the peer has taken over, this node still forwards.
void master_leaves(Turn& turn) {
  send_farewell(turn);
  change_state(turn, RouterState::kInit, StateCause::kPlannedExit);
  cancel_master_timers(turn);
  turn.act(BecomeBackup{});
  turn.machine.peer.reset();
}

// A less preferred master is on the network, for instance after a partition. Its adverts moved the
// virtual MAC to its switch port, so we answer at once, and announce, instead of waiting for our
// next advert. A few times per interval, since there may be several such masters, and no more,
// since adverts can be replayed.
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

void master_hears_advert(Turn& turn) {
  const auto& advert = turn.advert();
  if (is_echo(turn.machine, turn.config, advert)) return;
  turn.machine.peer = CarpPeer{advert, turn.event.now};
  if (is_leaving(advert)) return;
  if (turn.machine.handing_over) return become_backup(turn, StateCause::kHandedOver);

  const auto order = compare_peer(turn);
  if (order < 0) return become_backup(turn, StateCause::kPreferredPeer);
  if (order == 0 && !wins_tie(turn)) return become_backup(turn, StateCause::kTieLost);
  answer_rival(turn);
}

void master_is_demoted(Turn& turn) {
  const std::uint8_t before = turn.advskew();
  const std::uint8_t sent_before = turn.demotion_sent();
  note_demotion(turn);
  // A healthier peer should take over now, not an interval later.
  if (turn.advskew() != before || turn.demotion_sent() != sent_before) send_advert(turn);
}

// Addresses may be new, and the peers should learn our new interval before the old one has passed.
void master_is_reconfigured(Turn& turn) {
  turn.act(BecomeMaster{});
  send_advert(turn);
  announce_afresh(turn);
}

// Until the peer is heard, nothing changes for traffic: there is no moment without a master.
void master_hands_over(Turn& turn) {
  turn.machine.handing_over = true;
  turn.machine.answers = 0;
  send_advert(turn);
}

void master_keeps_it(Turn& turn) {
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
    // INIT: the port or the data plane does not work, or the node has left. Claims nothing, hears
    // nothing; only a port that works, or a data plane that is master already, leads out of it.
    {
        {come_up, "come up"},              // link up
        kIgnore,                           // link down
        kIgnore,                           // advert
        kIgnore,                           // advert timer: all timers were cancelled
        kIgnore,                           // master-down timer
        kIgnore,                           // announce timer
        kIgnore,                           // preempt-delay timer
        kIgnore,                           // startup-delay timer
        {note_demotion, "note demotion"},  // demotion: counts from the first advert on
        kIgnore,                           // config: read afresh by each step
        kIgnore,                           // leave: nothing to leave
        {adopt, "adopt"},                  // adopt
        kIgnore,                           // send result: of an advert sent before
        kIgnore,                           // peer lost
        kIgnore,                           // hand over: nothing to hand over
        kIgnore,                           // keep mastership
    },
    // BACKUP: listens. Silence, a leaving master, or a less preferred one if we preempt, makes us
    // MASTER.
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
        {count_send, "count send"},                // send result: of the last advert as master
        {backup_loses_peer, "backup loses peer"},  // peer lost
        kIgnore,                                   // hand over: another one is master
        kIgnore,                                   // keep mastership
    },
    // MASTER: claims the addresses and says so every interval, until a preferred master is heard.
    {
        kIgnore,                                             // link up: known
        {master_loses_port, "master loses port"},            // link down
        {master_hears_advert, "master hears advert"},        // advert
        {advertise, "advertise"},                            // advert timer
        kIgnore,                                             // master-down timer
        {announce, "announce again"},                        // announce timer
        kIgnore,                                             // preempt-delay timer
        kIgnore,                                             // startup-delay timer
        {master_is_demoted, "master is demoted"},            // demotion
        {master_is_reconfigured, "master is reconfigured"},  // config
        {master_leaves, "master leaves"},                    // leave
        kIgnore,                                             // adopt: known
        {count_send, "count send"},                          // send result
        kIgnore,                                             // peer lost: we are master already
        {master_hands_over, "master hands over"},            // hand over
        {master_keeps_it, "master keeps it"},                // keep mastership
    },
};

}  // namespace

CarpMachine make_carp_machine(std::uint64_t random_counter) {
  CarpMachine machine;
  machine.first_counter = machine.next_counter = random_counter;
  return machine;
}

CarpStep step(const CarpMachine& machine, const CarpConfig& config, const CarpEvent& event) {
  CarpStep result{machine, {}, {}};
  const auto row = static_cast<std::size_t>(machine.state);
  const auto column = static_cast<std::size_t>(kind_of<CarpAdvertReceived>(event.what));
  const Transition& transition = kTransitions[row][column];
  result.transition = transition.name;
  Turn turn{result.machine, config, event, result.actions};
  transition.handle(turn);
  return result;
}

std::uint8_t demoted_advskew(std::uint8_t advskew, const Demotion& demotion) {
  const unsigned clamped = std::min(advskew + demotion.total(), kMaxDemotion);
  return std::max(advskew, static_cast<std::uint8_t>(clamped));
}

std::string describe(const SendCarpAdvert& action, Instant) {
  if (action.demotion != 0) {
    return fmt::format("send advert {}/{} demoted {} #{}", action.advbase, action.advskew,
                       action.demotion, action.counter);
  }
  return fmt::format("send advert {}/{} #{}", action.advbase, action.advskew, action.counter);
}

std::string describe(const CarpAction& action, Instant now) {
  return std::visit([now](const auto& alternative) { return describe(alternative, now); }, action);
}

}  // namespace carpool
