#include "controlplane/runtime/files.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

namespace carpool {
namespace {

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

std::optional<std::string> read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view text) {
  const std::string fresh = path.string() + ".new";
  const auto failed = [&](const char* doing) {
    return fail("cannot " + std::string(doing) + " " + fresh + ": " + std::strerror(errno));
  };
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failed("create");
  const bool written = write_all(file, text);
  const auto outcome = written ? Result<void>() : failed("write");
  close(file);
  if (!outcome) return outcome;
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return failed("rename");
  return {};
}

std::string boot_id() {
  const auto text = read_text("/proc/sys/kernel/random/boot_id");
  return text ? text->substr(0, text->find('\n')) : "unknown";
}

}  // namespace carpool
