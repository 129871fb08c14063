// One answer on the connection that inetd, xinetd or a systemd socket with Accept=yes has accepted
// for us: standard input and output.
#pragma once

#include <functional>

#include "tools/probe/verdict.h"

namespace carpool::probe {

// How long a client may take for its request here. One that sends nothing is answered all the same,
// like by the scripts that this replaces.
inline constexpr auto kInetdRequestTime = std::chrono::milliseconds(500);

// Reads the request first, so that closing does not reset the connection under the client's eyes.
// `in` and `out` may be the same.
void answer_once(int in, int out, const std::function<Verdict()>& ask);

}  // namespace carpool::probe
