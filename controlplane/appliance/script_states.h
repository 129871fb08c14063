// What tracked scripts said last. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "controlplane/config/model.h"

namespace carpool {

struct ScriptState {
  bool known = false;  // it has run
  bool well = false;
  std::uint32_t streak = 0;  // of runs in a row that contradict it
  std::string why = "has not run yet";

  friend bool operator==(const ScriptState&, const ScriptState&) = default;
};

// By group and what is run: each `track script` line has its own.
using ScriptKey = std::pair<std::string, config::Script>;
using ScriptStates = std::map<ScriptKey, ScriptState>;

// One run has ended. The first one decides at once, later ones as `rise` and `fall` want it.
inline void note_run(ScriptState& state, const config::TrackScript& track, bool passed,
                     const std::string& why) {
  const bool contradicts = passed != state.well;
  state.streak = contradicts ? state.streak + 1 : 0;
  if (!state.known || state.streak >= (passed ? track.rise : track.fall)) {
    state.known = true;
    state.well = passed;
    state.streak = 0;
  }
  if (!passed) state.why = why;
}

}  // namespace carpool
