// What operators want of servers and frontends beside the configuration, as text and back: it
// outlives this process. One line for each, in words; nothing for those that are as configured.
// Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/health/admin_state.h"
#include "controlplane/health/check_plan.h"

namespace carpool {

// Another address than the configured one. It holds as long as the configuration says the same.
struct AddressWish {
  config::Endpoint configured;
  config::Endpoint wanted;

  friend bool operator==(const AddressWish&, const AddressWish&) = default;
};

struct RuntimeState {
  std::map<ServerKey, AdminState> servers;
  std::map<ServerKey, AddressWish> addresses;
  std::set<std::string, std::less<>> paused_frontends;

  friend bool operator==(const RuntimeState&, const RuntimeState&) = default;
};

[[nodiscard]] std::string write_runtime_state(const RuntimeState& state);

struct ReadRuntimeState {
  RuntimeState state;
  std::vector<std::string> complaints;  // of lines that are not used, and why
};
[[nodiscard]] ReadRuntimeState read_runtime_state(std::string_view text);

}  // namespace carpool
