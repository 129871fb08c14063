#include "controlplane/config/read_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

#include <fmt/format.h>

#include "controlplane/config/limits.h"

namespace carpool::config {
namespace {

namespace fs = std::filesystem;

Result<SourceFile> read_file(const fs::path& path) {
  std::error_code error;
  if (const auto size = fs::file_size(path, error); !error && size > kMaxFileSize) {
    return fail(fmt::format("{}: has more than {} MiB", path.string(), kMaxFileSize >> 20));
  }
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (!stream.is_open() || stream.bad()) {
    return fail(fmt::format("{}: cannot be read: {}", path.string(),
                            errno != 0 ? std::strerror(errno) : "input error"));
  }
  return SourceFile{path.string(), std::move(text)};
}

bool is_wanted(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".cfg") && !name.starts_with('.');
}

Result<std::vector<fs::path>> list_directory(const fs::path& directory) {
  std::vector<fs::path> paths;
  std::error_code error;
  fs::directory_iterator at(directory, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    if (is_wanted(at->path()) && !at->is_directory()) paths.push_back(at->path());
  }
  if (error) {
    return fail(fmt::format("{}: cannot be read: {}", directory.string(), error.message()));
  }
  std::ranges::sort(paths, {}, [](const fs::path& path) { return path.filename().string(); });
  return paths;
}

}  // namespace

Result<std::vector<SourceFile>> read_files(const fs::path& path) {
  std::vector<fs::path> paths{path};
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    auto listed = list_directory(path);
    if (!listed) return std::unexpected(listed.error());
    if (listed->empty()) {
      return fail(fmt::format("{}: there is no file '*.cfg' in this directory", path.string()));
    }
    paths = std::move(*listed);
  }
  std::vector<SourceFile> files;
  for (const fs::path& each : paths) {
    auto file = read_file(each);
    if (!file) return std::unexpected(file.error());
    files.push_back(std::move(*file));
  }
  return files;
}

}  // namespace carpool::config
