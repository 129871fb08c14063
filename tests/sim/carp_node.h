// One simulated appliance with one CARP group: a runner that performs the machine's actions on the
// virtual clock, and a data plane reduced to the question whether it claims the addresses.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "controlplane/redundancy/carp.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/random.h"

namespace carpool::sim {

// What a node needs from its surroundings.
struct CarpSurroundings {
  EventQueue& queue;
  Random& random;
  std::function<void(const CarpAdvertReceived&)> multicast;
  std::function<void(const std::string&)> trace;  // empty: nobody reads it
  std::function<void(const std::string&)> violated;
};

class CarpNode {
 public:
  // The data plane stops claiming when it has not seen its control plane for this long.
  static constexpr Duration kFence = std::chrono::milliseconds(1500);
  static constexpr Duration kTimerLag = std::chrono::milliseconds(2);  // at most, of its event loop

  CarpNode(std::string name, CarpConfig config, CarpSurroundings surroundings);

  // ---- What may happen to it -----------------------------------------------------------------
  void boot();                   // both planes, from nothing
  void crash();                  // power off
  void restart_control_plane();  // gone for a while, see boot_control_plane
  void boot_control_plane();     // back, finding a data plane that may still claim
  void leave();                  // planned exit
  void set_link(bool up);
  void break_sending(bool broken) { sending_broken_ = broken; }
  void demote(const std::string& source, unsigned value);
  void configure(const CarpConfig& config);
  void receive(const CarpAdvertReceived& advert);
  void peer_lost(Ipv4Address source);

  // ---- What can be seen of it ----------------------------------------------------------------
  [[nodiscard]] bool running() const { return machine_.has_value(); }
  [[nodiscard]] bool powered() const { return powered_; }
  [[nodiscard]] bool link() const { return link_; }
  [[nodiscard]] bool can_send() const { return link_ && !sending_broken_; }
  [[nodiscard]] bool claims() const { return claims_; }
  [[nodiscard]] const CarpConfig& config() const { return config_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  // How it would rank as a master, from what it would advertise; less is preferred.
  [[nodiscard]] std::pair<unsigned, Duration> claim() const;
  [[nodiscard]] Duration interval() const;
  [[nodiscard]] Duration master_down() const;

 private:
  struct Timer {
    bool armed = false;
    std::uint64_t generation = 0;  // an older one's expiry is void
  };

  void happen(const RouterEventOf<CarpAdvertReceived>& what);
  void perform(const SendCarpAdvert& action);
  void perform(const ArmTimer& action);
  void perform(const CancelTimer& action);
  void perform(const BecomeMaster&) { claims_ = true; }
  void perform(const BecomeBackup&) { claims_ = false; }
  void perform(const Announce&) {}
  void perform(const StateChanged&) {}
  void check() const;
  void stop();
  [[nodiscard]] Timer& timer(RouterTimer which) { return timers_[static_cast<std::size_t>(which)]; }
  [[nodiscard]] bool armed(RouterTimer which) const {
    return timers_[static_cast<std::size_t>(which)].armed;
  }
  void trace(const std::string& line) const;

  std::string name_;
  CarpConfig config_;
  CarpSurroundings surroundings_;
  std::optional<CarpMachine> machine_;  // none: no control plane runs
  std::array<Timer, kRouterTimers> timers_{};
  bool powered_ = false;
  bool link_ = true;
  bool claims_ = false;
  bool sending_broken_ = false;
  std::uint64_t lives_ = 0;  // of the control plane; a send result of an earlier one is void
  std::optional<std::uint64_t> last_counter_;
};

}  // namespace carpool::sim
