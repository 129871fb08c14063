// Small files as a whole.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace carpool {

// Nothing if there is no such file or it cannot be read.
[[nodiscard]] std::optional<std::string> read_text(const std::filesystem::path& path);

// Readers see either the old text or the new one. Only the owner may read it.
[[nodiscard]] Result<void> replace_file(const std::filesystem::path& path, std::string_view text);

// Names this run of the machine; "unknown" where the kernel does not say.
[[nodiscard]] std::string boot_id();

}  // namespace carpool
