#include "tools/probe/wait.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include <poll.h>

namespace carpool::probe {

int poll_timeout_ms(Instant now, Instant deadline) {
  using std::chrono::milliseconds;
  const auto left = std::chrono::ceil<milliseconds>(std::max(deadline - now, Duration::zero()));
  return static_cast<int>(
      std::min<milliseconds::rep>(left.count(), std::numeric_limits<int>::max()));
}

Result<void> wait_for(int fd, short events, Instant deadline) {
  for (;;) {
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&entry, 1, poll_timeout_ms(monotonic_now(), deadline));
    if (ready > 0) return {};
    if (ready == 0) return fail(kTimedOut);
    if (errno != EINTR) return fail(system_error_text(errno));
  }
}

std::string system_error_text(int error) {
  return std::system_category().message(error);
}

}  // namespace carpool::probe
