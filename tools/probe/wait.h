// Waiting for a descriptor, with an end.
#pragma once

#include <string>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace carpool::probe {

// What every wait says that came to its deadline.
inline constexpr const char* kTimedOut = "timed out";

// Until `deadline` in whole milliseconds for poll(), never less than 0, rounded up so that nobody
// wakes before it.
[[nodiscard]] int poll_timeout_ms(Instant now, Instant deadline);

// Until one of poll()'s `events`, an error or a hang-up. Errors: kTimedOut, or the system's.
[[nodiscard]] Result<void> wait_for(int fd, short events, Instant deadline);

// The system's words for an errno.
[[nodiscard]] std::string system_error_text(int error);

}  // namespace carpool::probe
