// The control plane of one node: its parts, and what passes between them. One thread; everything
// happens in the event loop.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>

#include "controlplane/appliance/config_control.h"
#include "controlplane/appliance/config_source.h"
#include "controlplane/appliance/fast_hello.h"
#include "controlplane/appliance/forwarding.h"
#include "controlplane/appliance/groups.h"
#include "controlplane/appliance/mirroring.h"
#include "controlplane/appliance/notifier.h"
#include "controlplane/appliance/operations.h"
#include "controlplane/appliance/script_watch.h"
#include "controlplane/appliance/split_brain.h"
#include "controlplane/appliance/tracking.h"
#include "controlplane/appliance/traffic_watch.h"
#include "controlplane/appliance/view_watch.h"
#include "controlplane/appliance/worker_watch.h"
#include "controlplane/console/http_server.h"
#include "controlplane/health/runner.h"
#include "controlplane/link/advert_channel.h"
#include "controlplane/redundancy/runner.h"
#include "controlplane/runtime/netlink.h"
#include "controlplane/supervisor/supervisor.h"
#include "dataplane/abi/region.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace carpool {

// In the run directory: the addresses of servers' names.
inline constexpr const char* kNamesFile = "names";

class Appliance final : private RedundancyEffects, private OperationsNode {
 public:
  struct Settings {
    ConfigSource source;
    std::filesystem::path run_dir;
    std::string dataplane;     // the program carpool-dp
    bool attach_only = false;  // somebody else starts and stops it
    std::size_t max_open_probes = kMaxOpenProbes;
  };

  Appliance(boost::asio::io_context& io, Settings settings, LoadedConfig loaded);
  ~Appliance() override;

  // Returns after stop(), or at once with the reason why this node cannot work.
  boost::asio::awaitable<Result<void>> run();
  // Leaves every group, ends the data plane if it is ours, and makes run() return.
  void stop() { stopping_ = true; }
  // Takes over a changed configuration, or says why not and goes on with the one that runs.
  void reload() { control_.reload_unasked(); }

 private:
  // RedundancyEffects
  bool send(std::uint16_t port, std::span<const std::uint8_t> frame) override;
  std::optional<MacAddress> resolve(std::uint16_t port, Ipv4Address address) override;
  void set_group(std::string_view group, bool active) override;
  void note_transition(std::string_view group, std::string_view what) override;
  void note_foreign(std::string_view group, std::string_view what) override;
  void announce_state(const GroupReport& group) override;

  // OperationsNode
  const config::Config& config() const override { return loaded_.config; }
  std::span<const GroupReport> groups() const override { return groups_.groups(); }
  std::optional<mirror::Snapshot> mirroring() const override { return mirroring_.snapshot(); }
  std::string why_no_mirroring() const override { return mirroring_.why_off(); }
  std::string out_of_sync() override;
  void hand_over(const std::string& group) override { groups_.hand_over(group, monotonic_now()); }
  void keep_mastership(const std::string& group) override;
  void wishes_changed() override { apply_demotions(judgements(), monotonic_now()); }
  void ask_peer(const mirror::RequestItem& request) override { mirroring_.ask(request); }
  void answer_peer(const mirror::AnswerItem& answer) override { mirroring_.answer(answer); }

  boost::asio::awaitable<Result<void>> open_network();
  boost::asio::awaitable<void> supervise();
  boost::asio::awaitable<void> leave();
  boost::asio::awaitable<void> pause(Duration duration);

  // The turn of the loop, every kTick, and what is done in every kBeatEvery-th.
  void tick(Instant now);
  void notice_absence(Instant now);
  void receive_adverts(Instant now);
  void judge_groups(Instant now);
  // In the order of the configuration's groups.
  [[nodiscard]] std::vector<GroupJudgement> judgements() const;
  void apply_demotions(const std::vector<GroupJudgement>& judgements, Instant now);
  [[nodiscard]] const GroupReport* find_group(std::string_view name) const;
  void judge_mirroring(Instant now);

  void dataplane_up(abi::Region region, bool adopted);
  void dataplane_down(const std::string& why);
  void configure_groups(Instant now);
  void recall_health();
  void save_health(Instant now);
  void watch_traffic(Instant now);
  void tell_check_warning(const ServerKey& server, const std::string& warning);
  void note_view(const ServerEvent& event);
  void take_health(Instant now);
  [[nodiscard]] link::ServerStates server_states() const;
  [[nodiscard]] std::vector<PortHealth> port_health() const;
  [[nodiscard]] std::optional<std::string> why_no_forwarding() const;

  [[nodiscard]] Result<void> apply(LoadedConfig loaded, Instant now);
  [[nodiscard]] console::Reply status();
  [[nodiscard]] std::vector<std::string> problems(std::span<const ServerSnapshot> health,
                                                  const std::optional<mirror::Snapshot>& mirroring,
                                                  Instant now) const;

  boost::asio::io_context& io_;
  Settings settings_;
  LoadedConfig loaded_;
  const Instant started_ = monotonic_now();

  std::unique_ptr<NetworkWatch> network_;
  HealthRunner health_;
  TrafficWatch traffic_;
  ViewWatch views_;
  Forwarding forwarding_;
  Mirroring mirroring_;
  FastHello hellos_;
  SplitBrain split_brain_;
  RedundancyRunner groups_;
  Operations operations_;
  ScriptWatch scripts_;
  Notifier notifier_;
  WorkerWatch workers_;
  DataplaneSupervisor supervisor_;
  console::HttpServer http_;
  ConfigControl control_;
  boost::asio::cancellation_signal stop_supervising_;

  std::optional<abi::Region> region_;  // of the data plane that runs
  std::optional<link::AdvertChannel> adverts_;

  bool stopping_ = false;
  bool supervising_ = false;
  bool health_changed_ = true;
  bool health_unsaved_ = false;
  std::map<ServerKey, std::string> check_warnings_;  // as last logged
  bool network_changed_ = true;
  std::optional<Error> start_error_;
  std::string group_error_;  // why groups cannot be set up as configured
  std::string save_error_;   // of the file of servers' health; empty: it is written
  std::string out_of_sync_;  // why no group should be taken from the peer now
  std::string absence_;      // why no group may be claimed until the next turn
  Instant last_tick_{};
  Instant next_beat_{};
  Instant next_traffic_{};
  Instant health_saved_{};
};

}  // namespace carpool
