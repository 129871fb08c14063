// Keeps an answer for a moment, and lets at most one check run at a time, so that a storm of
// questions does not become a storm of queries. Pure: instants come from outside.
#pragma once

#include <cstdint>
#include <optional>

#include "tools/probe/verdict.h"

namespace carpool::probe {

class AnswerCache {
 public:
  enum class Ask : std::uint8_t {
    Answered,    // answer() says it
    StartCheck,  // the caller starts a check, and waits for it like everybody
    Wait,        // for the check under way
  };

  // `keep`: for how long an answer serves after its check has ended; 0 for as long as a check runs.
  // `limit`: how long a check may take before everybody is told that it hangs.
  AnswerCache(Duration keep, Duration limit) : keep_(keep), limit_(limit) {}

  [[nodiscard]] Ask ask(Instant now);
  // Of the last check that ended, or that is overdue.
  [[nodiscard]] const Verdict& answer() const { return *answer_; }

  void finished(Verdict verdict, Instant now);
  // Those who wait are to be told the answer at this instant if the check has not ended by then.
  [[nodiscard]] std::optional<Instant> overdue_at() const;
  // To be called at that instant: from here until the check ends after all, the answer is that it
  // hangs, and no further check starts.
  void overdue();

 private:
  Duration keep_;
  Duration limit_;
  std::optional<Verdict> answer_{};
  Instant answered_{};
  std::optional<Instant> started_{};  // the check under way
  bool hangs_ = false;
};

}  // namespace carpool::probe
