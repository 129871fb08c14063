// Other processes: start one, watch it or one that was there before us, signal it. By pidfd, so
// that a number that the kernel has reused is never mistaken for the process that it was.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "dataplane/base/result.h"

namespace boost::asio {
class io_context;
}

namespace carpool {

struct SpawnRequest {
  std::string program;                 // a path, or a name to be found in PATH
  std::vector<std::string> arguments;  // without the program's name
  std::vector<int> inherited_fds{};    // arrive as 3, 4, ... in this order; ours stay open
};

struct ExitStatus {
  enum class Kind {
    Exited,     // value: the exit status
    Signalled,  // value: the signal
    Unknown,    // it was not our child; only that it is gone is known
  };
  Kind kind = Kind::Unknown;
  int value = 0;

  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};
// "exited with status 3", "killed by signal 9 (Killed)", "gone"
[[nodiscard]] std::string to_string(const ExitStatus& status);

class Process {
 public:
  // The child gets a session of its own, no standard input, our standard output and error, default
  // signal dispositions, and no other descriptor than the inherited ones. It outlives us, however
  // we end: a data plane must not stop because its control plane was killed.
  [[nodiscard]] static Result<Process> start(boost::asio::io_context& io,
                                             const SpawnRequest& request);

  // A process that somebody else started, or that an earlier life of ours did.
  [[nodiscard]] static Result<Process> attach(boost::asio::io_context& io, pid_t pid);

  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  ~Process();  // stops watching; the process goes on

  [[nodiscard]] pid_t pid() const;
  [[nodiscard]] Result<void> signal(int number) const;

  // Calls once, from the event loop, when the process has ended; not if this is destroyed before.
  void on_exit(std::function<void(ExitStatus)> callback);

 private:
  struct Watch;
  explicit Process(std::shared_ptr<Watch> watch);

  std::shared_ptr<Watch> watch_;
};

}  // namespace carpool
