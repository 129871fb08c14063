// Lets a check run in a thread of its own, so that nothing that it hangs in (the system's name
// resolution, a file system) keeps the probe from answering.
#pragma once

#include <memory>
#include <optional>

#include "tools/probe/verdict.h"

namespace carpool::probe {

// How long after its deadline a check counts as hanging: every wait of its own ends at it.
inline constexpr auto kGrace = std::chrono::milliseconds(100);

class CheckThread {
 public:
  CheckThread();
  ~CheckThread();
  CheckThread(const CheckThread&) = delete;
  CheckThread& operator=(const CheckThread&) = delete;

  // Not while one runs. A check that hangs outlives this object.
  void start(Check check, Instant deadline);
  // Readable once the check has ended.
  [[nodiscard]] int fd() const;
  // The verdict of a check that has ended; at most once each.
  [[nodiscard]] std::optional<Verdict> take();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

// Runs the check to its end, or to `timeout` and a little.
[[nodiscard]] Verdict run_bounded(const Check& check, Duration timeout);

}  // namespace carpool::probe
