#include "controlplane/health/reply.h"

namespace carpool {
namespace {

// As HAProxy dumps them for `rbinary`.
std::string hex_of(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

CheckStatus status_of(config::RuleStatus status) {
  using enum config::RuleStatus;
  switch (status) {
    case L4Ok:
      return CheckStatus::L4Ok;
    case L6Ok:
      return CheckStatus::L6Ok;
    case L7Ok:
      return CheckStatus::L7Ok;
    case L7OkConditional:
      return CheckStatus::L7OkConditional;
    case L4Connect:
      return CheckStatus::L4Connect;
    case L6Response:
      return CheckStatus::L6Response;
    case L7Response:
      return CheckStatus::L7Response;
    case L7Status:
      return CheckStatus::L7Status;
    case L4Timeout:
      return CheckStatus::L4Timeout;
    case L6Timeout:
      return CheckStatus::L6Timeout;
    case L7Timeout:
      break;
  }
  return CheckStatus::L7Timeout;
}

SearchOutcome search(const config::ExpectBytes& what, std::string_view text) {
  return {.found = text.find(what.bytes) != text.npos};
}

SearchOutcome search(const config::ExpectRegex& what, std::string_view text) {
  const auto verdict = what.regex.search(what.binary ? hex_of(text) : std::string(text));
  return {.found = verdict == config::RegexVerdict::Match,
          .gave_up = verdict == config::RegexVerdict::GaveUp};
}

bool should_wait(const config::ExpectRule& expect, std::string_view text, bool found,
                 bool complete) {
  if (complete) return false;
  if (text.size() < expect.min_recv.value_or(0)) return true;
  return !found && !expect.min_recv;
}

Judgement unmet(const config::CheckRule& rule, const config::ExpectRule& expect, CheckStatus usual,
                int code, std::string_view text) {
  std::string said = expect.on_error.empty() ? std::string(text) : expect.on_error;
  if (!rule.comment.empty()) said += " comment: " + rule.comment;
  return {.judged = Judged::Unmet,
          .result = {.status = expect.error_status ? status_of(*expect.error_status) : usual,
                     .code = code,
                     .text = printable(said)}};
}

Judgement met(const config::ExpectRule& expect, int code, std::string_view text) {
  return {.judged = Judged::Met,
          .result = {.status = expect.ok_status ? status_of(*expect.ok_status) : CheckStatus::L7Ok,
                     .code = code,
                     .text = printable(expect.on_success.empty() ? text : expect.on_success)}};
}

}  // namespace carpool
