// Configuration files on their way between programs and over restarts: a line of JSON that says
// what is there, then the texts as they are, byte for byte, whatever their encoding.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/diagnostic.h"
#include "controlplane/config/store_files.h"
#include "dataplane/base/result.h"

namespace carpool {

struct FileBundle {
  std::map<std::string, std::string, std::less<>> about;  // UTF-8
  std::vector<config::SourceFile> files;

  friend bool operator==(const FileBundle& a, const FileBundle& b) = default;
  // Empty if it does not say.
  [[nodiscard]] std::string_view get(std::string_view what) const;
};

[[nodiscard]] std::string write_bundle(const FileBundle& bundle);
[[nodiscard]] Result<FileBundle> read_bundle(std::string_view text);

}  // namespace carpool
