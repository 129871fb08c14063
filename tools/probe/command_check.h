// The exit status of a program of the user's: 0 is up.
#pragma once

#include <string>
#include <vector>

#include "tools/probe/verdict.h"

namespace carpool::probe {

// Pure: what an exit means. `status` as from waitpid(), `output` the beginning of what the program
// wrote; its first line is the reason.
[[nodiscard]] Verdict judge_exit(int status, const std::string& output);

// Runs argv[0], looked up in PATH, in a process group of its own, which is killed at the deadline.
// Standard input is empty, standard error goes where ours goes.
[[nodiscard]] Verdict check_command(const std::vector<std::string>& argv, Instant deadline);

}  // namespace carpool::probe
