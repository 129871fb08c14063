// The one place that writes configuration files: whole files, so that readers see the old text or
// the new one, never half of it, and a machine that loses its power keeps one of the two.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/diagnostic.h"
#include "dataplane/base/result.h"

namespace carpool::config {

// What a file is called while it is switched off: "10-web.cfg.disabled".
inline constexpr std::string_view kDisabledSuffix = ".disabled";
// What a text is kept as that nobody confirmed in time.
inline constexpr std::string_view kUnconfirmedSuffix = ".unconfirmed";

[[nodiscard]] inline bool operator==(const SourceFile& a, const SourceFile& b) {
  return a.path == b.path && a.text == b.text;
}

// The folder that a configuration lives in: `source` itself, or that of the file.
[[nodiscard]] std::filesystem::path config_folder(const std::filesystem::path& source);

// Everything that belongs to the configuration, switched off or not: "*.cfg" and
// "*.cfg.disabled" of a folder, or the one file. Paths are as in read_files().
[[nodiscard]] Result<std::vector<SourceFile>> read_all_files(const std::filesystem::path& source);

// Replaces a file, or makes it. One that is there keeps its owner and mode; a new one is for its
// owner alone.
[[nodiscard]] Result<void> store_file(const std::filesystem::path& path, std::string_view text);

// Makes the folder (or file) consist of exactly these files. Errors leave it as far as it got and
// name the file. Files that do not belong to a configuration are not touched.
[[nodiscard]] Result<void> store_all_files(const std::filesystem::path& source,
                                           const std::vector<SourceFile>& files);

// Makes the files that are switched on those of `before`. What has to give way is kept beside them
// with kUnconfirmedSuffix.
[[nodiscard]] Result<void> put_files_back(const std::filesystem::path& source,
                                          const std::vector<SourceFile>& before);

}  // namespace carpool::config
