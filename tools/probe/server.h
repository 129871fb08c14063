// The daemon: answers on its listeners until a signal ends it. One thread for all clients, which
// never waits for any of them; one more while a check runs.
#pragma once

#include <filesystem>
#include <vector>

#include "tools/probe/listeners.h"
#include "tools/probe/verdict.h"

namespace carpool::probe {

// Beyond this many the one that has been there longest goes: a real check is a matter of
// milliseconds.
inline constexpr std::size_t kMaxClients = 256;

// HAProxy keeps an agent's `drain` and `maint` until it hears `ready`. It is said for this long
// after either has ended: always saying it would undo what operators tell HAProxy themselves.
inline constexpr auto kReadyTime = std::chrono::minutes(1);

struct ServerSettings {
  Check check{};
  Duration timeout{};                 // for one check
  Duration cache{};                   // how long an answer serves
  std::filesystem::path down_file{};  // empty: none. Looked at for every answer
  int weight = 100;                   // percentage that agents hear while up
};

// Returns once `stop_fd` can be read.
void serve(const ServerSettings& settings, std::vector<Listener> listeners, int stop_fd);

}  // namespace carpool::probe
