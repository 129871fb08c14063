// Runs the health checks of all servers: one coroutine each, so that no check waits for another.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "controlplane/health/check_plan.h"
#include "controlplane/health/check_state.h"

namespace boost::asio {
class io_context;
}

namespace carpool {

// Connections of checks that may be open at once; a check that finds none free begins later. Far
// from being reached unless thousands of servers are silent: it protects our descriptors.
inline constexpr std::size_t kMaxOpenProbes = 1024;

struct ServerSnapshot {
  ServerKey key;
  std::optional<CheckSettings> settings;  // none: no check
  ServerHealth health;
  bool probing = false;  // a check is under way: HAProxy's "* " before the status
  bool paused = false;
};

class HealthRunner {
 public:
  // `transition` is null where a result changed no verdict. Called from the event loop; may call
  // anything here but the destructor.
  using OnChange =
      std::function<void(const ServerKey&, const ServerHealth&, const Transition* transition)>;

  explicit HealthRunner(boost::asio::io_context& io, std::size_t max_open_probes = kMaxOpenProbes);
  ~HealthRunner();
  HealthRunner(const HealthRunner&) = delete;
  HealthRunner& operator=(const HealthRunner&) = delete;

  void set_on_change(OnChange callback);

  // Takes over a new configuration, the first one included. A server whose check and address are
  // the same keeps its state, and its next check comes when it is due; others start anew, of which
  // nothing is said before their first result: see snapshot().
  void apply(const config::Config& config);

  // Maintenance: a paused server keeps its state and is not probed. On resumption it counts as up
  // and is checked at once, and the first failure takes it down. No effect on unknown servers.
  void set_paused(const ServerKey& key, bool paused);

  // All servers, in the order of the configuration.
  [[nodiscard]] std::vector<ServerSnapshot> snapshot() const;
  [[nodiscard]] std::optional<ServerSnapshot> find(const ServerKey& key) const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace carpool
