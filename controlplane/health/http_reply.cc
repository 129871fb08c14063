#include "controlplane/health/http_reply.h"

#include <algorithm>

namespace carpool {
namespace {

constexpr std::string_view kPrefix = "HTTP/";
constexpr std::size_t kVersionEnd = kPrefix.size() + 3;  // "HTTP/1.1"
constexpr std::string_view kLineEnds = "\r\n";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Whether `line` is, or may still become, "HTTP/d.d" and a space.
bool may_be_http(std::string_view line) {
  const auto head = line.substr(0, kPrefix.size());
  if (head != kPrefix.substr(0, head.size())) return false;
  for (std::size_t i = kPrefix.size(); i < std::min(line.size(), kVersionEnd + 1); ++i) {
    const bool is_dot_expected = i == kPrefix.size() + 1;
    const bool fits = i == kVersionEnd  ? line[i] == ' '
                      : is_dot_expected ? line[i] == '.'
                                        : is_digit(line[i]);
    if (!fits) return false;
  }
  return true;
}

struct StatusLine {
  int code;
  std::string_view reason;
};

// Three digits after the version and any number of spaces, then a space or the end.
std::optional<StatusLine> parse(std::string_view line) {
  if (line.size() <= kVersionEnd || !may_be_http(line)) return std::nullopt;
  const auto at = line.find_first_not_of(' ', kVersionEnd);
  if (at == line.npos || line.size() < at + 3) return std::nullopt;
  const auto digits = line.substr(at, 3);
  if (!std::ranges::all_of(digits, is_digit) || digits[0] == '0') return std::nullopt;
  auto rest = line.substr(at + 3);
  if (!rest.empty() && rest[0] != ' ') return std::nullopt;
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return StatusLine{(digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0'), rest};
}

CheckResult invalid(std::string_view why, std::string_view line) {
  CheckResult result{.status = CheckStatus::L7Response, .text = std::string(why)};
  if (!line.empty()) result.text += ": " + printable(line.substr(0, 64));
  return result;
}

// What follows the first empty line, with line ends of either kind; nothing while there is none.
// `rest` begins behind the reason phrase, with the line end of the status line.
std::optional<std::string_view> body_of(std::string_view rest) {
  const auto crlf = rest.find("\r\n\r\n");
  const auto lf = rest.find("\n\n");
  if (crlf == rest.npos && lf == rest.npos) return std::nullopt;
  return crlf < lf ? rest.substr(crlf + 4) : rest.substr(lf + 2);
}

}  // namespace

std::optional<CheckResult> HttpReply::feed(std::string_view bytes) {
  take_status_line(bytes);
  if (check_.expect.body && line_ended_) {
    rest_.append(bytes.substr(0, kMaxSearchedReply - rest_.size()));
  }
  return judge(false);
}

CheckResult HttpReply::finish() {
  return *judge(true);
}

// Moves the part of `bytes` that belongs to the status line to line_.
void HttpReply::take_status_line(std::string_view& bytes) {
  if (line_ended_) return;
  if (line_.empty()) {
    // RFC 9112, 2.2: be lenient about empty lines before the first one.
    bytes.remove_prefix(std::min(bytes.find_first_not_of(kLineEnds), bytes.size()));
  }
  const auto length = std::min(bytes.find_first_of(kLineEnds), bytes.size());
  line_ended_ = length < bytes.size();
  line_.append(bytes.substr(0, std::min(length, kMaxStatusLine - line_.size())));
  bytes.remove_prefix(length);
}

// A line that can no longer become a status line is judged at once; a good one when it is complete,
// for the sake of its reason phrase.
std::optional<CheckResult> HttpReply::judge(bool ended) const {
  if (ended && line_.empty()) return invalid("no reply before the connection ended", {});
  if (!may_be_http(line_)) return invalid("not an HTTP reply", line_);
  if (!ended && !line_ended_ && line_.size() < kMaxStatusLine) return std::nullopt;
  const auto status = parse(line_);
  if (!status) return invalid("malformed HTTP status line", line_);
  return check_.expect.body ? judge_body(status->code, ended)
                            : judge_status(status->code, status->reason);
}

CheckResult HttpReply::judge_status(int code, std::string_view reason) const {
  CheckResult result{.status = CheckStatus::L7Status, .code = code, .text = printable(reason)};
  if (code == 404 && check_.disable_on_404) {
    result.status = CheckStatus::L7OkConditional;
  } else if (check_.expect.accepts_status(static_cast<unsigned>(code))) {
    result.status = CheckStatus::L7Ok;
  }
  return result;
}

// As in HAProxy the status does not matter where a text is expected. A reply that has no empty line
// has no headers as far as we are concerned.
std::optional<CheckResult> HttpReply::judge_body(int code, bool ended) const {
  const bool complete = ended || rest_.size() == kMaxSearchedReply;
  auto body = body_of(rest_);
  if (!body && complete) body = rest_;
  const bool found = body && body->find(*check_.expect.body) != body->npos;
  if (!found && !complete) return std::nullopt;
  if (found != check_.expect.negate) return CheckResult{.status = CheckStatus::L7Ok, .code = code};
  return CheckResult{
      .status = CheckStatus::L7Status,
      .code = code,
      .text = found ? "the body has the unwanted text" : "the body lacks the expected text"};
}

}  // namespace carpool
