// Where the configuration of this machine is, and what runs of it: what every command of
// `carpool config` has to know first.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/appliance/config_source.h"
#include "dataplane/base/result.h"

namespace carpool::tool {

struct WorkplaceOptions {
  std::filesystem::path run_dir = "/run/carpool";
  std::filesystem::path path;  // empty: what the daemon has, else the usual place
  std::string node;            // likewise
  bool allow_degraded = false;
};

struct Running {
  std::string digest;
  std::vector<config::SourceFile> files;
  bool on_trial = false;
};

struct Workplace {
  ConfigSource source;
  std::filesystem::path socket;
  std::optional<Running> running;  // nothing: carpoold does not run
};

// Errors: a daemon that runs and does not answer, or that has another configuration than `path`.
[[nodiscard]] Result<Workplace> find_workplace(const WorkplaceOptions& options);

struct Taken {
  bool taken = false;
  std::vector<std::string> messages;  // why not, or warnings
};

// Has the daemon load what is on the disk, which must have this digest.
[[nodiscard]] Result<Taken> tell_reload(const Workplace& workplace, const std::string& digest,
                                        std::optional<std::chrono::seconds> confirm);
// True: it was on trial. False: nothing was.
[[nodiscard]] Result<bool> tell_confirm(const Workplace& workplace);

// Connections that go on now; empty where the daemon does not say.
struct LiveConnections {
  std::map<std::string, std::uint64_t, std::less<>> of_servers;  // "backend/server"
  std::map<std::string, std::uint64_t, std::less<>>
      of_services;  // a frontend, or its part in one group
};
[[nodiscard]] LiveConnections ask_connections(const Workplace& workplace);

}  // namespace carpool::tool
