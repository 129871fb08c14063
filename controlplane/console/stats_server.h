// Serves statistics pages over TCP, where `listen` sections with `stats` lines say. Through the
// kernel, so on addresses of the node's own. Runs on the daemon's one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controlplane/config/model.h"

namespace boost::asio {
class io_context;
}

namespace carpool::console {

class Operations;

// Connections to all pages together; one more is closed unanswered.
inline constexpr std::size_t kMaxPageClients = 64;

class StatsServer {
 public:
  // Both have to outlive the event loop's last turn.
  StatsServer(boost::asio::io_context& io, Operations& operations);
  ~StatsServer();
  StatsServer(const StatsServer&) = delete;
  StatsServer& operator=(const StatsServer&) = delete;

  // Serves these pages, and no others any more. Returns what could not be done, in words.
  [[nodiscard]] std::vector<std::string> configure(const std::vector<config::StatsPage>& pages);

 private:
  struct Shared;
  struct Listener;

  std::shared_ptr<Shared> shared_;
  std::vector<std::shared_ptr<Listener>> listeners_;
};

}  // namespace carpool::console
