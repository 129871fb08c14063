// What differs between two sets of files, as git shows it, without the passwords in them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/diagnostic.h"
#include "tools/carpool/text.h"

namespace carpool::tool {

// A unified diff of files of the same names; empty: nothing differs.
[[nodiscard]] std::string diff_text(const std::vector<config::SourceFile>& before,
                                    const std::vector<config::SourceFile>& after,
                                    const Paint& paint);

// One text after the other, each below a comment with its name.
[[nodiscard]] std::string assembled_text(const std::vector<config::SourceFile>& files,
                                         bool with_secrets);

}  // namespace carpool::tool
