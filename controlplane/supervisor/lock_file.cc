#include "controlplane/supervisor/lock_file.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace carpool {
namespace {

pid_t parse_pid(std::string_view text) {
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return pid > 0 ? pid : 0;
}

// proc_locks(5): "3: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF"
pid_t holder_in_proc_locks(int fd) {
  struct stat info{};
  if (fstat(fd, &info) != 0) return 0;
  const std::string inode =
      fmt::format(" {:02x}:{:02x}:{} ", major(info.st_dev), minor(info.st_dev), info.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    const std::size_t at = line.find(inode);
    if (at == std::string::npos || line.find(" FLOCK ") == std::string::npos) continue;
    const std::size_t start = line.rfind(' ', at - 1);
    if (start != std::string::npos) return parse_pid(std::string_view(line).substr(start + 1));
  }
  return 0;
}

pid_t holder_in_file(int fd) {
  std::array<char, 32> text{};
  const ssize_t length = pread(fd, text.data(), text.size(), 0);
  return length > 0 ? parse_pid({text.data(), static_cast<std::size_t>(length)}) : 0;
}

pid_t find_holder(int fd) {
  const pid_t pid = holder_in_proc_locks(fd);
  return pid != 0 ? pid : holder_in_file(fd);
}

}  // namespace

Result<LockFile> LockFile::acquire(const std::filesystem::path& path) {
  LockFile lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.fd_ < 0) return fail(fmt::format("cannot open {}: {}", path.string(), strerror(errno)));
  if (flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return fail(fmt::format("cannot lock {}: {}", path.string(), strerror(errno)));
    }
    const pid_t pid = find_holder(lock.fd_);
    return fail(fmt::format("{} is locked by process {}", path.string(),
                            pid == 0 ? "of unknown number" : std::to_string(pid)));
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock.fd_, 0) != 0 ||
      pwrite(lock.fd_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail(fmt::format("cannot write {}: {}", path.string(), strerror(errno)));
  }
  return lock;
}

LockFile::LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

LockFile::~LockFile() {
  if (fd_ >= 0) close(fd_);
}

std::optional<pid_t> lock_holder(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::optional<pid_t> holder;
  if (flock(fd, LOCK_SH | LOCK_NB) != 0) holder = find_holder(fd);
  close(fd);  // gives our own lock back, if we got one
  return holder;
}

}  // namespace carpool
