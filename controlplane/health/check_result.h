// What one health check found. The names and their meaning are HAProxy's, since dashboards and
// scripts match them ("L7STS/503").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/base/time.h"

namespace carpool {

enum class CheckStatus : std::uint8_t {
  Unknown,          // UNK
  Initial,          // INI: no check has finished yet
  Checked,          // CHECKED: an answer that says nothing of the server's health
  Observed,         // HANA: not a check, but errors in the server's traffic
  SocketError,      // SOCKERR: our own side failed, or the connection broke in mid-check
  L4Ok,             // L4OK: connected, nothing more was asked
  L4Timeout,        // L4TOUT
  L4Connect,        // L4CON: refused, unreachable
  L6Ok,             // L6OK
  L6Timeout,        // L6TOUT: the TLS handshake did not finish in time
  L6Response,       // L6RSP: not TLS, or a handshake that failed
  L7Ok,             // L7OK
  L7OkConditional,  // L7OKC: alive, but asks for no new connections
  L7Timeout,        // L7TOUT
  L7Response,       // L7RSP: not the protocol that was asked for
  L7Status,         // L7STS: the service says that it is not well
  ProcessOk,        // PROCOK: the command exited with 0
  ProcessError,     // PROCERR: it exited with something else, or did not run
  ProcessTimeout,   // PROCTOUT
};
inline constexpr std::size_t kCheckStatusCount = 19;

enum class CheckVerdict : std::uint8_t { Neutral, Failed, Passed };

// "L7OK", as HAProxy prints it in its statistics.
[[nodiscard]] std::string_view name(CheckStatus status);
// "Layer7 check passed", HAProxy's check_desc.
[[nodiscard]] std::string_view description(CheckStatus status);
[[nodiscard]] CheckVerdict verdict(CheckStatus status);

// HAProxy's HCHK_DESC_LEN: a server cannot make us keep or log more of its text than this.
inline constexpr std::size_t kMaxCheckText = 128;

struct CheckResult {
  CheckStatus status = CheckStatus::Initial;
  int code = 0;  // HTTP or SMTP status; 0 where the protocol has none
  Duration took{};
  std::string text{};     // the server's own words or the system's error; printable, bounded
  std::string warning{};  // what is well still, but not for long: of its certificate

  friend bool operator==(const CheckResult&, const CheckResult&) = default;
};

// Text from the network made fit for logs and pages: control and non-ASCII bytes become '.', and
// what is beyond kMaxCheckText is cut.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace carpool
