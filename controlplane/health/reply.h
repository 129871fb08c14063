// What a server has answered since the last request, and what an `expect` rule makes of it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "controlplane/config/check_rules.h"
#include "controlplane/health/check_result.h"

namespace carpool {

// No more of an answer is kept and searched; HAProxy's buffer size.
inline constexpr std::size_t kMaxReply = 16384;

enum class Judged : std::uint8_t { Wait, Met, Unmet };

struct Judgement {
  Judged judged = Judged::Wait;
  // Where Unmet, what the check ends with; where Met, what it ends with if no rule follows.
  CheckResult result{};
};

// Bytes go in as they arrive, in chunks of any size: what is judged in the end does not depend on
// how they were cut. `took` of the results is left to the caller.
class Reply {
 public:
  virtual ~Reply() = default;

  virtual void feed(std::string_view bytes) = 0;
  // The peer has closed or reset the connection: nothing more will come.
  virtual void end() = 0;

  // Never Wait once nothing more can come.
  [[nodiscard]] virtual Judgement judge(const config::CheckRule& rule,
                                        const config::ExpectRule& expect) const = 0;

  // Whether nothing has arrived.
  [[nodiscard]] virtual bool empty() const = 0;
};

// ---- What the kinds of replies have in common

[[nodiscard]] CheckStatus status_of(config::RuleStatus status);

// Whether the pattern occurs.
struct SearchOutcome {
  bool found = false;
  bool gave_up = false;  // the regex costs too much on this text
};
[[nodiscard]] SearchOutcome search(const config::ExpectBytes& what, std::string_view text);
[[nodiscard]] SearchOutcome search(const config::ExpectRegex& what, std::string_view text);

// Whether more bytes may change what a search for bytes or a regex found. As in HAProxy: without
// `min-recv` anything but a match is waited for, with it that many bytes are enough.
[[nodiscard]] bool should_wait(const config::ExpectRule& expect, std::string_view text, bool found,
                               bool complete);

// The end of a check at this rule. `text` goes before what the rule says itself only where that is
// nothing.
[[nodiscard]] Judgement unmet(const config::CheckRule& rule, const config::ExpectRule& expect,
                              CheckStatus usual, int code, std::string_view text);
[[nodiscard]] Judgement met(const config::ExpectRule& expect, int code, std::string_view text);

}  // namespace carpool
