// How long to wait before trying again: twice as long after every failure, up to a bound, and from
// the beginning once things have held for a while. Pure.
#pragma once

#include <algorithm>
#include <chrono>

#include "dataplane/base/time.h"

namespace carpool {

class Backoff {
 public:
  // A data plane that dies once must be back before anybody notices more than the takeover; one
  // that dies at once, every time, must cost nothing.
  static constexpr Duration kFirst = std::chrono::milliseconds(100);
  static constexpr Duration kLongest = std::chrono::seconds(30);
  // Whoever ran for this long has not failed because of how it was started.
  static constexpr Duration kSteady = std::chrono::seconds(60);

  // It failed after having run for `ran`. Returns how long to wait.
  [[nodiscard]] constexpr Duration after_failure(Duration ran) {
    if (ran >= kSteady) next_ = kFirst;
    const Duration wait = next_;
    next_ = std::min(next_ * 2, kLongest);
    return wait;
  }

 private:
  Duration next_ = kFirst;
};

}  // namespace carpool
