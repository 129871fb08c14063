// A file that one process holds locked for as long as it lives, so that no second one does the same
// work in the same directory. The kernel drops the lock with the process, however it ends.
#pragma once

#include <filesystem>
#include <optional>

#include <sys/types.h>

#include "dataplane/base/result.h"

namespace carpool {

class LockFile {
 public:
  // Takes the lock and writes our process id into the file. Fails if somebody holds it, naming the
  // process.
  [[nodiscard]] static Result<LockFile> acquire(const std::filesystem::path& path);

  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&& other) noexcept;
  ~LockFile();

 private:
  explicit LockFile(int fd) : fd_(fd) {}
  int fd_;
};

// Who holds the lock of that file: a process id; 0 if that cannot be found out; nothing if nobody.
[[nodiscard]] std::optional<pid_t> lock_holder(const std::filesystem::path& path);

}  // namespace carpool
