#include "controlplane/health/tcp_reply.h"

#include <algorithm>

#include <fmt/format.h>

namespace carpool {
namespace {

// " 'PONG'", " (binary)": the words that HAProxy has for what was not found.
std::string named(const config::ExpectBytes& what) {
  return what.binary ? " (binary)" : fmt::format(" '{}'", what.bytes);
}
std::string named(const config::ExpectRegex& what) {
  return what.binary ? " (binary regex)" : " (regex)";
}

template <class What>
Judgement judge_bytes(const config::CheckRule& rule, const config::ExpectRule& expect,
                      const What& what, std::string_view bytes, bool complete) {
  const SearchOutcome outcome = search(what, bytes);
  if (should_wait(expect, bytes, outcome.found, complete)) return {};
  if (outcome.gave_up) {
    return unmet(rule, expect, CheckStatus::L7Response, 0,
                 "the regex costs too much on this reply");
  }
  if (outcome.found != expect.negate) return met(expect, 0, "(tcp-check)");
  return unmet(rule, expect, CheckStatus::L7Response, 0,
               fmt::format("TCPCHK {}{} at step {}",
                           outcome.found ? "matched unwanted content" : "did not match content",
                           named(what), rule.step));
}

}  // namespace

void TcpReply::feed(std::string_view bytes) {
  bytes_.append(bytes.substr(0, kMaxReply - bytes_.size()));
}

Judgement TcpReply::judge(const config::CheckRule& rule, const config::ExpectRule& expect) const {
  const bool complete = ended_ || bytes_.size() == kMaxReply;
  return std::visit(
      [&](const auto& what) -> Judgement {
        if constexpr (requires { search(what, bytes_); }) {
          return judge_bytes(rule, expect, what, bytes_, complete);
        } else {
          return unmet(rule, expect, CheckStatus::L7Response, 0, "this rule is for HTTP");
        }
      },
      expect.what);
}

}  // namespace carpool
