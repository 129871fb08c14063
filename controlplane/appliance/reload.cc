#include "controlplane/appliance/reload.h"

namespace carpool {

std::vector<std::string> needs_restart(const config::Config& running,
                                       const config::Config& wanted) {
  const config::Node& before = running.node;
  const config::Node& after = wanted.node;
  std::vector<std::string> different;
  const auto note = [&](bool differs, const char* what) {
    if (differs) different.emplace_back(what);
  };
  note(before.ports != after.ports, "the ports");
  note(before.workers != after.workers, "workers");
  note(before.flows != after.flows, "flows");
  note(before.memory_mb != after.memory_mb, "memory");
  note(before.idle != after.idle, "idle");
  note(before.fence != after.fence, "fence");
  return different;
}

}  // namespace carpool
