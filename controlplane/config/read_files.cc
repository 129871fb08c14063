#include "controlplane/config/read_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

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

Result<std::string> read_secret_file(const fs::path& path) {
  constexpr std::size_t kMaxSecret = 4096;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return fail(fmt::format("cannot be read: {}", std::strerror(errno)));
  const std::unique_ptr<const int, void (*)(const int*)> closer(&fd,
                                                                [](const int* f) { close(*f); });
  struct stat status{};
  if (fstat(fd, &status) != 0) return fail(fmt::format("cannot be read: {}", std::strerror(errno)));
  if (!S_ISREG(status.st_mode)) return fail("is not a file");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail("others than its owner may read or change it: chmod 600");
  }
  if (status.st_uid != 0 && status.st_uid != geteuid()) return fail("belongs to another user");
  std::string text(kMaxSecret, '\0');
  const ssize_t length = read(fd, text.data(), text.size());
  if (length < 0) return fail(fmt::format("cannot be read: {}", std::strerror(errno)));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

}  // namespace carpool::config
