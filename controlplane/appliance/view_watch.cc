#include "controlplane/appliance/view_watch.h"

#include <utility>

#include "controlplane/console/server_views.h"

namespace carpool {

void ViewWatch::configure(std::span<const ServerSnapshot> servers) {
  auto before = std::exchange(servers_, {});
  for (const ServerSnapshot& server : servers) {
    const auto known = before.find(server.key);
    auto& now = known == before.end() ? servers_[server.key]
                                      : (servers_[server.key] = std::move(known->second));
    if (known != before.end()) before.erase(known);
    now.mode = server.mode;
    look(server.key, now, server.health);
  }
  for (const auto& [key, gone] : before)
    changed_.insert(key);
}

void ViewWatch::note(const ServerKey& key, const ServerHealth& health) {
  const auto known = servers_.find(key);
  if (known == servers_.end()) return;
  Known& before = known->second;
  // Of a server that is well only that matters; the words of a check are told with its status.
  const bool same = before.up == health.up && before.stopping == health.stopping &&
                    ((health.up && !health.stopping && health.last.status == before.status) ||
                     (health.last.status == before.status && health.last.code == before.code));
  if (!same) look(key, before, health);
}

void ViewWatch::note_mode(const ServerKey& key, const ServerHealth& health, AdminMode mode) {
  const auto known = servers_.find(key);
  if (known == servers_.end()) return;
  known->second.mode = mode;
  look(key, known->second, health);
}

void ViewWatch::look(const ServerKey& key, Known& known, const ServerHealth& health) {
  known.up = health.up;
  known.stopping = health.stopping;
  known.status = health.last.status;
  known.code = health.last.code;
  auto view = console::view_of(key, health, known.mode);
  if (view == known.view) return;
  known.view = std::move(view);
  changed_.insert(key);
}

std::vector<mirror::ServerView> ViewWatch::take_changes() {
  std::vector<mirror::ServerView> changes;
  for (const ServerKey& key : std::exchange(changed_, {})) {
    const auto known = servers_.find(key);
    changes.push_back(known == servers_.end() ? mirror::ServerView{.name = to_string(key)}
                                              : known->second.view);
  }
  return changes;
}

}  // namespace carpool
