// The configuration as it acts: what one node makes of all files, with names looked up, `defaults`
// filled in and every default written out. Pure.
#pragma once

#include <string>

#include "controlplane/config/model.h"

namespace carpool::config {

// In the grammar of the files, each section once, in the order of the model; loaded again it makes
// the same model, but for comments in check rules. Without `with_secrets`, passwords and keys are
// stars, as mask_secrets() has it.
[[nodiscard]] std::string effective_text(const Config& config, bool with_secrets);

}  // namespace carpool::config
