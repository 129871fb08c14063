#include "tests/sim/carp_node.h"

#include <utility>

#include <fmt/format.h>

namespace carpool::sim {
namespace {

std::string describe_step(const RouterEventOf<CarpAdvertReceived>& what, const CarpStep& taken,
                          Instant now) {
  std::string line(carpool::name(kind_of<CarpAdvertReceived>(what)));
  if (const auto* advert = std::get_if<CarpAdvertReceived>(&what)) {
    line +=
        fmt::format(" {}/{} from {}", advert->advbase, advert->advskew, to_string(advert->source));
  }
  line += fmt::format(" [{}]", taken.transition);
  const char* separator = ": ";
  for (const CarpAction& action : taken.actions) {
    line += separator + describe(action, now);
    separator = "; ";
  }
  return line;
}

}  // namespace

CarpNode::CarpNode(std::string name, CarpConfig config, CarpSurroundings surroundings)
    : name_(std::move(name)), config_(config), surroundings_(std::move(surroundings)) {}

void CarpNode::boot() {
  if (powered_) return;
  powered_ = true;
  boot_control_plane();
}

void CarpNode::boot_control_plane() {
  if (!powered_ || running()) return;
  ++lives_;
  last_counter_.reset();
  machine_ = make_carp_machine(surroundings_.random.bits());
  trace("boots");
  if (!link_) {
    claims_ = false;
  } else if (claims_) {
    happen(AdoptMaster{});
  } else {
    happen(LinkUp{});
  }
}

void CarpNode::stop() {
  machine_.reset();
  for (Timer& each : timers_) {
    each.armed = false;
    ++each.generation;
  }
}

void CarpNode::crash() {
  if (!powered_) return;
  trace("crashes");
  stop();
  powered_ = claims_ = false;
}

void CarpNode::restart_control_plane() {
  if (!running()) return;
  trace("loses its control plane");
  stop();
  surroundings_.queue.after(kFence, [this, life = lives_] {
    if (!running() && life == lives_) claims_ = false;
  });
  surroundings_.queue.after(surroundings_.random.between(std::chrono::milliseconds(50), 2 * kFence),
                            [this] { boot_control_plane(); });
}

void CarpNode::leave() {
  if (!running()) return;
  happen(Leave{});
  stop();
  powered_ = false;
}

void CarpNode::set_link(bool up) {
  if (link_ == up) return;
  link_ = up;
  if (!up) trace("link goes down");
  if (running()) {
    happen(up ? RouterEventOf<CarpAdvertReceived>(LinkUp{}) : LinkDown{});
  } else if (!up) {
    claims_ = false;  // nobody can reach it
  }
}

void CarpNode::demote(const std::string& source, unsigned value) {
  if (running()) happen(DemotionChanged{source, value, {}});
}

void CarpNode::configure(const CarpConfig& config) {
  config_ = config;
  if (running()) happen(ConfigChanged{});
}

void CarpNode::receive(const CarpAdvertReceived& advert) {
  if (running() && link_) happen(advert);
}

void CarpNode::peer_lost(Ipv4Address source) {
  if (running()) happen(PeerLost{source});
}

std::pair<unsigned, Duration> CarpNode::claim() const {
  const bool demotion_first = config_.order == CarpOrder::kDemotionFirst;
  return {demotion_first ? machine_->demotion.total() : 0, interval()};
}

Duration CarpNode::interval() const {
  return carp_interval(config_.advbase, demoted_advskew(config_.advskew, machine_->demotion));
}

Duration CarpNode::master_down() const {
  return carp_master_down(config_.advbase, demoted_advskew(config_.advskew, machine_->demotion));
}

void CarpNode::happen(const RouterEventOf<CarpAdvertReceived>& what) {
  const Instant now = surroundings_.queue.now();
  const CarpStep next = step(*machine_, config_, {now, what});
  machine_ = next.machine;
  if (surroundings_.trace) trace(describe_step(what, next, now));
  for (const CarpAction& action : next.actions) {
    std::visit([this](const auto& alternative) { perform(alternative); }, action);
  }
  check();
}

void CarpNode::perform(const SendCarpAdvert& action) {
  if (last_counter_ && action.counter != *last_counter_ + 1) {
    surroundings_.violated(name_ + " skips or repeats a counter");
  }
  last_counter_ = action.counter;
  const bool ok = can_send();
  if (ok) {
    surroundings_.multicast(
        {config_.source, action.advbase, action.advskew, action.demotion, action.counter});
  }
  surroundings_.queue.after(Duration::zero(), [this, ok, life = lives_] {
    if (running() && life == lives_) happen(SendResult{ok});
  });
}

void CarpNode::perform(const ArmTimer& action) {
  Timer& which = timer(action.timer);
  which.armed = true;
  const Instant when = action.deadline + surroundings_.random.between(Duration::zero(), kTimerLag);
  surroundings_.queue.at(when, [this, expired = action.timer, generation = ++which.generation] {
    Timer& current = timer(expired);
    if (!current.armed || current.generation != generation) return;
    current.armed = false;
    happen(TimerExpired{expired});
  });
}

void CarpNode::perform(const CancelTimer& action) {
  Timer& which = timer(action.timer);
  which.armed = false;
  ++which.generation;
}

// What must hold after every step, whatever happened.
void CarpNode::check() const {
  const auto expect = [this](bool holds, const char* what) {
    if (!holds) surroundings_.violated(name_ + " " + what);
  };
  const RouterState state = machine_->state;
  const bool master = state == RouterState::kMaster;
  const bool backup = state == RouterState::kBackup;
  expect(claims_ == master, "claims the addresses exactly while MASTER");
  expect(!master || link_, "is MASTER only while its link is up");
  expect(armed(RouterTimer::kAdvert) == master, "has the advert timer exactly while MASTER");
  expect(armed(RouterTimer::kMasterDown) == backup, "has master-down exactly while BACKUP");
  expect(!armed(RouterTimer::kAnnounce) || master, "announces only while MASTER");
  expect(armed(RouterTimer::kPreemptDelay) == (backup && machine_->preempt_held),
         "has preempt-delay exactly while held back");
}

void CarpNode::trace(const std::string& line) const {
  if (surroundings_.trace) surroundings_.trace(name_ + " " + line);
}

}  // namespace carpool::sim
