// One simulated appliance with one redundancy group: a runner that performs the machine's actions
// on the virtual clock, and a data plane reduced to the question whether it claims the addresses.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "tests/sim/event_queue.h"
#include "tests/sim/protocol.h"
#include "tests/sim/random.h"

namespace carpool::sim {

// What a node needs from its surroundings.
template <class Protocol>
struct Surroundings {
  EventQueue& queue;
  Random& random;
  std::function<void(const typename Protocol::AdvertReceived&)> multicast;
  std::function<void(const std::string&)> trace;  // empty: nobody reads it
  std::function<void(const std::string&)> violated;
};

template <class Protocol>
class RouterNode {
 public:
  using Config = typename Protocol::Config;
  using Machine = typename Protocol::Machine;
  using AdvertReceived = typename Protocol::AdvertReceived;
  using SendAdvert = typename Protocol::SendAdvert;
  using Happening = RouterEventOf<AdvertReceived>;

  // The data plane stops claiming when it has not seen its control plane for this long.
  static constexpr Duration kFence = std::chrono::milliseconds(1500);
  static constexpr Duration kTimerLag = std::chrono::milliseconds(2);  // at most, of its event loop

  RouterNode(std::string name, Config config, Surroundings<Protocol> surroundings)
      : name_(std::move(name)), config_(config), surroundings_(std::move(surroundings)) {}

  // ---- What may happen to it -------------------------------------------------------------------

  // Both planes, from nothing.
  void boot() {
    if (powered_) return;
    powered_ = true;
    boot_control_plane();
  }

  // Back, finding a data plane that may still claim.
  void boot_control_plane() {
    if (!powered_ || running()) return;
    ++lives_;
    last_sent_.reset();
    machine_ = Protocol::make_machine(surroundings_.random);
    trace("boots");
    if (!link_) {
      claims_ = false;
    } else if (claims_) {
      happen(AdoptMaster{});
    } else {
      happen(LinkUp{});
    }
  }

  // Power off.
  void crash() {
    if (!powered_) return;
    trace("crashes");
    stop();
    powered_ = claims_ = false;
  }

  // Gone for a while, see boot_control_plane.
  void restart_control_plane() {
    if (!running()) return;
    trace("loses its control plane");
    stop();
    surroundings_.queue.after(kFence, [this, life = lives_] {
      if (!running() && life == lives_) claims_ = false;
    });
    surroundings_.queue.after(
        surroundings_.random.between(std::chrono::milliseconds(50), 2 * kFence),
        [this] { boot_control_plane(); });
  }

  // Planned exit.
  void leave() {
    if (!running()) return;
    happen(Leave{});
    stop();
    powered_ = false;
  }

  void set_link(bool up) {
    if (link_ == up) return;
    link_ = up;
    if (!up) trace("link goes down");
    if (running()) {
      happen(up ? Happening(LinkUp{}) : LinkDown{});
    } else if (!up) {
      claims_ = false;  // nobody can reach it
    }
  }

  void break_sending(bool broken) { sending_broken_ = broken; }
  void demote(const std::string& source, unsigned value) {
    if (running()) happen(DemotionChanged{source, value, {}});
  }
  void configure(const Config& config) {
    config_ = config;
    if (running()) happen(ConfigChanged{});
  }
  void receive(const AdvertReceived& advert) {
    if (running() && link_) happen(advert);
  }
  void peer_lost(Ipv4Address source) {
    if (running()) happen(PeerLost{source});
  }

  // ---- What can be seen of it ------------------------------------------------------------------
  [[nodiscard]] bool running() const { return machine_.has_value(); }
  [[nodiscard]] bool powered() const { return powered_; }
  [[nodiscard]] bool link() const { return link_; }
  [[nodiscard]] bool can_send() const { return link_ && !sending_broken_; }
  [[nodiscard]] bool claims() const { return claims_; }
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] auto rank() const { return Protocol::rank(config_, *machine_); }
  [[nodiscard]] Duration interval() const { return Protocol::interval(config_, *machine_); }
  [[nodiscard]] Duration master_down() const { return Protocol::master_down(config_, *machine_); }
  [[nodiscard]] Duration preempts_within() const {
    return Protocol::preempts_within(config_, *machine_);
  }

 private:
  struct Timer {
    bool armed = false;
    std::uint64_t generation = 0;  // an older one's expiry is void
  };

  void happen(const Happening& what) {
    const Instant now = surroundings_.queue.now();
    const auto next = step(*machine_, config_, {now, what});
    machine_ = next.machine;
    if (surroundings_.trace) trace(describe_step(what, next, now));
    for (const auto& action : next.actions) {
      std::visit([this](const auto& alternative) { this->perform(alternative); }, action);
    }
    check();
  }

  static std::string describe_step(const Happening& what, const typename Protocol::Step& taken,
                                   Instant now) {
    std::string line(carpool::name(kind_of<AdvertReceived>(what)));
    if (const auto* advert = std::get_if<AdvertReceived>(&what)) {
      line += " " + Protocol::text(*advert);
    }
    line += fmt::format(" [{}]", taken.transition);
    const char* separator = ": ";
    for (const typename Protocol::Action& action : taken.actions) {
      line += separator + describe(action, now);
      separator = "; ";
    }
    return line;
  }

  void perform(const SendAdvert& action) {
    if (last_sent_ && !Protocol::follows(*last_sent_, action)) {
      surroundings_.violated(name_ + " skips or repeats a counter");
    }
    last_sent_ = action;
    const bool ok = can_send();
    if (ok) surroundings_.multicast(Protocol::heard(config_, action));
    surroundings_.queue.after(Duration::zero(), [this, ok, life = lives_] {
      if (running() && life == lives_) happen(SendResult{ok});
    });
  }

  void perform(const ArmTimer& action) {
    Timer& which = timer(action.timer);
    which.armed = true;
    const Instant when =
        action.deadline + surroundings_.random.between(Duration::zero(), kTimerLag);
    surroundings_.queue.at(when, [this, expired = action.timer, generation = ++which.generation] {
      Timer& current = timer(expired);
      if (!current.armed || current.generation != generation) return;
      current.armed = false;
      happen(TimerExpired{expired});
    });
  }

  void perform(const CancelTimer& action) {
    Timer& which = timer(action.timer);
    which.armed = false;
    ++which.generation;
  }

  void perform(const BecomeMaster&) { claims_ = true; }
  void perform(const BecomeBackup&) { claims_ = false; }
  void perform(const Announce&) {}
  void perform(const StateChanged&) {}

  // What must hold after every step, whatever happened.
  void check() const {
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
    expect(armed(RouterTimer::kStartupDelay) == Protocol::is_starting(*machine_),
           "has startup-delay exactly while it waits after its start");
  }

  void stop() {
    machine_.reset();
    for (Timer& each : timers_) {
      each.armed = false;
      ++each.generation;
    }
  }

  [[nodiscard]] Timer& timer(RouterTimer which) { return timers_[static_cast<std::size_t>(which)]; }
  [[nodiscard]] bool armed(RouterTimer which) const {
    return timers_[static_cast<std::size_t>(which)].armed;
  }
  void trace(const std::string& line) const {
    if (surroundings_.trace) surroundings_.trace(name_ + " " + line);
  }

  std::string name_;
  Config config_;
  Surroundings<Protocol> surroundings_;
  std::optional<Machine> machine_;  // none: no control plane runs
  std::array<Timer, kRouterTimers> timers_{};
  bool powered_ = false;
  bool link_ = true;
  bool claims_ = false;
  bool sending_broken_ = false;
  std::uint64_t lives_ = 0;  // of the control plane; a send result of an earlier one is void
  std::optional<SendAdvert> last_sent_;
};

}  // namespace carpool::sim
