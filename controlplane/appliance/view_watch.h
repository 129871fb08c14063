// What this node thinks of its servers, to be told to the peer: gathers what has changed. A check
// that finds what the one before found costs a look-up here. Pure.
#pragma once

#include <map>
#include <set>
#include <span>
#include <vector>

#include "controlplane/health/runner.h"
#include "controlplane/mirror/server_views.h"

namespace carpool {

class ViewWatch {
 public:
  // All servers of a configuration.
  void configure(std::span<const ServerSnapshot> servers);
  // Something was learned of one; its mode is what it was.
  void note(const ServerKey& key, const ServerHealth& health);
  // Somebody wanted something of one.
  void note_mode(const ServerKey& key, const ServerHealth& health, AdminMode mode);

  // Since the last call. Servers that are gone are among them.
  [[nodiscard]] std::vector<mirror::ServerView> take_changes();

 private:
  struct Known {
    AdminMode mode = AdminMode::Ready;
    bool up = false;
    bool stopping = false;
    CheckStatus status = CheckStatus::Initial;
    int code = 0;
    mirror::ServerView view;
  };
  void look(const ServerKey& key, Known& known, const ServerHealth& health);

  std::map<ServerKey, Known> servers_;
  std::set<ServerKey> changed_;
};

}  // namespace carpool
