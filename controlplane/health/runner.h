// Runs the health checks of all servers and asks their agents: coroutines of their own for each, so
// that no check waits for another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controlplane/health/admin_state.h"
#include "controlplane/health/agent_state.h"
#include "controlplane/health/check_plan.h"
#include "controlplane/health/check_state.h"
#include "controlplane/health/traffic.h"

namespace boost::asio {
class io_context;
}

namespace carpool {

// Connections of checks that may be open at once; a check that finds none free begins later. It
// bounds our memory and descriptors; see ProbeGate for who goes first.
inline constexpr std::size_t kMaxOpenProbes = 16384;
// What everything else needs of descriptors.
inline constexpr std::size_t kOtherDescriptors = 512;
// How many of them fit into this many descriptors.
[[nodiscard]] std::size_t probes_within(std::size_t descriptors);
// Programs of external checks that may run at once, likewise.
inline constexpr std::size_t kMaxOpenCommands = 32;

// All that is known of a server at this moment.
struct ServerSnapshot {
  ServerKey key;
  std::optional<CheckSettings> settings;  // none: no check of its own
  ServerHealth health;
  bool probing = false;               // a check is under way: HAProxy's "* " before the status
  std::optional<AgentState> agent;    // none: it has no agent
  AdminState admin;                   // as said of this server itself
  AdminMode mode = AdminMode::Ready;  // as it holds, also for the sake of the server it tracks
  std::optional<ServerKey> track;
  config::Endpoint target;  // of its checks; 0.0.0.0:0 without one

  friend bool operator==(const ServerSnapshot&, const ServerSnapshot&) = default;
};

enum class EventSource : std::uint8_t { Check, Agent, Traffic, Tracked, Admin };

// Something was learned or said of a server.
struct ServerEvent {
  const ServerKey& key;
  const ServerHealth& health;  // after it
  EventSource source = EventSource::Check;
  std::optional<Transition> transition = {};
  bool affects_forwarding = false;    // a transition, or another mode, weight or maxconn
  std::vector<std::string> log = {};  // lines to be logged
};

class HealthRunner {
 public:
  // Called from the event loop; may call anything here but the destructor.
  using OnEvent = std::function<void(const ServerEvent&)>;

  explicit HealthRunner(boost::asio::io_context& io, std::size_t max_open_probes = kMaxOpenProbes);
  ~HealthRunner();
  HealthRunner(const HealthRunner&) = delete;
  HealthRunner& operator=(const HealthRunner&) = delete;

  void set_on_event(OnEvent callback);

  // What an earlier life of this process knew. Servers of the next configuration that are checked
  // in the same place begin with it; the rest is forgotten then. Call it before apply().
  void remember(std::vector<ServerSnapshot> servers);

  // Takes over a new configuration, the first one included. A server whose check and address are
  // the same keeps its state, and its next check comes when it is due; others start anew, of which
  // nothing is said before their first result: see snapshot().
  void apply(const config::Config& config);

  // What an operator wants. In maintenance a server keeps its state and is not checked. After that
  // it counts as `init-state` says and is checked at once. No effect on unknown servers.
  void set_mode(const ServerKey& key, AdminMode mode);
  void set_weight(const ServerKey& key, std::optional<WeightOverride> weight);
  void set_maxconn(const ServerKey& key, std::optional<std::uint32_t> maxconn);

  // What was seen of the servers' traffic since the last call, in the order of the configuration.
  // `observe layer4` acts on it.
  void observe(std::span<const TrafficEvents> events);

  // All servers, in the order of the configuration.
  [[nodiscard]] std::vector<ServerSnapshot> snapshot() const;
  [[nodiscard]] std::optional<ServerSnapshot> find(const ServerKey& key) const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace carpool
