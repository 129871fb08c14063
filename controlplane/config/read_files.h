// The one place that reads: a file, or a directory of them, into texts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "controlplane/config/diagnostic.h"
#include "dataplane/base/result.h"

namespace carpool::config {

// A file as it is, whatever its name. Of a directory its "*.cfg" files, in the order of the bytes
// of their names (as LC_ALL=C ls shows them), without hidden ones and without descending: so
// "10-web.cfg.disabled" is out, and so are editors' backups. An unreadable file and a directory
// without such files are errors.
[[nodiscard]] Result<std::vector<SourceFile>> read_files(const std::filesystem::path& path);

// The text of a small file that holds a secret: a regular file of root's or our own, which nobody
// else can read or change. Anything else is an error, without the path.
[[nodiscard]] Result<std::string> read_secret_file(const std::filesystem::path& path);

}  // namespace carpool::config
