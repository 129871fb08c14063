// How long a check may take. As in HAProxy: with `timeout check` a connection must be made within
// the smaller of `timeout connect` and `inter`, and the reply may then take `timeout check`;
// without it, connection and reply together have `inter`. Pure.
#pragma once

#include <algorithm>
#include <optional>

#include "dataplane/base/time.h"

namespace carpool {

struct ProbeTimeouts {
  Duration connect{};               // for the whole check where `reply` is unset
  std::optional<Duration> reply{};  // from the moment of connection

  friend bool operator==(const ProbeTimeouts&, const ProbeTimeouts&) = default;
};

[[nodiscard]] inline ProbeTimeouts probe_timeouts(Duration inter,
                                                  std::optional<Duration> timeout_connect,
                                                  std::optional<Duration> timeout_check) {
  if (!timeout_check) return {.connect = inter};
  return {.connect = std::min(inter, timeout_connect.value_or(inter)), .reply = timeout_check};
}

}  // namespace carpool
