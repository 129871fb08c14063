// Judges the reply to an HTTP check. Unless a text in the body is asked for, the status line alone
// decides: the scripts that answer checks in the field (mysqlchk, clustercheck under xinetd) send
// malformed headers or none, and close without reading the request, which resets the connection. So
// nothing after the status line is looked at, and how the connection ends does not matter once the
// status is known. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/config/model.h"
#include "controlplane/health/check_result.h"

namespace carpool {

// A status line longer than this is judged by its beginning.
inline constexpr std::size_t kMaxStatusLine = 512;
// Headers and body beyond this are not searched for the expected text; HAProxy's buffer size.
inline constexpr std::size_t kMaxSearchedReply = 16384;

// Bytes go in as they arrive, in chunks of any size; status and code of the outcome do not depend
// on how they were cut. `took` of the results is left to the caller.
class HttpReply {
 public:
  // `check` must outlive this.
  explicit HttpReply(const config::HttpCheck& check) : check_(check) {}

  // A result as soon as one is certain; no more bytes need be fed then.
  [[nodiscard]] std::optional<CheckResult> feed(std::string_view bytes);

  // The peer closed or reset the connection: judge what has arrived.
  [[nodiscard]] CheckResult finish();

 private:
  void take_status_line(std::string_view& bytes);
  [[nodiscard]] std::optional<CheckResult> judge(bool ended) const;
  [[nodiscard]] CheckResult judge_status(int code, std::string_view reason) const;
  [[nodiscard]] std::optional<CheckResult> judge_body(int code, bool ended) const;

  const config::HttpCheck& check_;
  std::string line_;  // without leading line ends; at most kMaxStatusLine
  std::string rest_;  // headers and body, only where a text is expected; at most kMaxSearchedReply
  bool line_ended_ = false;
};

}  // namespace carpool
