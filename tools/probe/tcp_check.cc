#include "tools/probe/tcp_check.h"

#include "tools/probe/cat.h"
#include "tools/probe/stream.h"

namespace carpool::probe {

Verdict check_tcp(const HostPort& target, Instant deadline) {
  const auto stream = Stream::connect_tcp(target, deadline);
  if (!stream) return down(cat("cannot connect to ", stream.error().message));
  return up(cat(to_string(target), " accepts connections"));
}

}  // namespace carpool::probe
