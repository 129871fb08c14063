#include "controlplane/health/http_reply.h"

#include <algorithm>
#include <charconv>

namespace carpool {
namespace {

constexpr std::string_view kPrefix = "HTTP/";
constexpr std::size_t kVersionEnd = kPrefix.size() + 3;  // "HTTP/1.1"
constexpr std::string_view kLineEnds = "\r\n";
constexpr std::string_view kBlanks = " \t\r";

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

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Cuts the text before the separator off, or all of it.
std::string_view take_until(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

// Not HTTP at all: no rule can name this otherwise.
Judgement invalid(const config::CheckRule& rule, std::string_view why, std::string_view line) {
  std::string text(why);
  if (!line.empty()) text += ": " + printable(line.substr(0, 64));
  if (!rule.comment.empty()) text += " comment: " + rule.comment;
  return {.judged = Judged::Unmet,
          .result = {.status = CheckStatus::L7Response, .text = printable(text)}};
}

}  // namespace

// ---- Taking it apart ---------------------------------------------------------------------------

void HttpReply::feed(std::string_view bytes) {
  take_status_line(bytes);
  if (!line_ended_) return;
  if (head_ended_) return body_.feed(bytes);
  take_head(bytes);
}

// Without an empty line there are no headers as far as we are concerned.
void HttpReply::end() {
  if (line_ended_ && !head_ended_) {
    body_ = HttpBody(HttpBody::Framing::UntilClose);
    body_.feed(head_);
    head_.clear();
    head_ended_ = true;
  }
  ended_ = true;
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

// The head begins with the end of the status line and ends with an empty line, of either kind.
void HttpReply::take_head(std::string_view bytes) {
  const std::size_t before = head_.size();
  head_.append(bytes.substr(0, kMaxReply - before));
  for (; scanned_ < head_.size(); ++scanned_) {
    if (head_[scanned_] != '\n') continue;
    const std::string_view rest = std::string_view(head_).substr(scanned_ + 1);
    if (rest.empty() || rest == "\r") return;  // it may follow
    const std::size_t empty_line = rest[0] == '\n' ? 1 : rest.starts_with("\r\n") ? 2 : 0;
    if (empty_line == 0) continue;
    const std::size_t length = scanned_ + 1 + empty_line;
    return end_head(length, bytes.substr(std::min(length - before, bytes.size())));
  }
  if (head_.size() == kMaxReply) end();
}

void HttpReply::end_head(std::size_t length, std::string_view rest) {
  head_.resize(length);
  head_ended_ = true;
  body_ = make_body();
  body_.feed(rest);
}

// RFC 9112, 6.3
HttpBody HttpReply::make_body() const {
  using enum HttpBody::Framing;
  const auto status = parse(line_);
  if (!status) return HttpBody(UntilClose);
  if (to_head_ || status->code < 200 || status->code == 204 || status->code == 304) {
    return HttpBody(None);
  }
  if (const auto coding = header("transfer-encoding"); coding && same_letters(*coding, "chunked")) {
    return HttpBody(Chunked);
  }
  if (const auto length = header("content-length")) {
    std::uint64_t bytes = 0;
    const auto [end, error] =
        std::from_chars(length->data(), length->data() + length->size(), bytes);
    if (error == std::errc() && end == length->data() + length->size()) {
      return HttpBody(Length, bytes);
    }
  }
  return HttpBody(UntilClose);
}

// Lines that are no headers are left out.
std::vector<HttpReply::Header> HttpReply::headers() const {
  std::vector<Header> found;
  std::string_view rest = head_;
  while (!rest.empty()) {
    const std::string_view line = take_until(rest, '\n');
    const auto colon = line.find(':');
    if (colon == line.npos || colon == 0) continue;
    found.emplace_back(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  return found;
}

std::optional<std::string_view> HttpReply::header(std::string_view name) const {
  for (const auto& [candidate, value] : headers()) {
    if (same_letters(candidate, name)) return value;
  }
  return std::nullopt;
}

// Three digits after the version and any number of spaces, then a space or the end.
std::optional<HttpReply::StatusLine> HttpReply::parse(std::string_view line) {
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

bool HttpReply::status_line_complete() const {
  return ended_ || line_ended_ || line_.size() == kMaxStatusLine;
}

std::optional<int> HttpReply::code() const {
  const auto status = status_line_complete() ? parse(line_) : std::nullopt;
  return status ? std::optional(status->code) : std::nullopt;
}

// ---- Judging it --------------------------------------------------------------------------------

// A line that can no longer become a status line is judged at once; a good one when it is complete,
// for the sake of its reason phrase.
Judgement HttpReply::judge(const config::CheckRule& rule, const config::ExpectRule& expect) const {
  if (ended_ && line_.empty()) return invalid(rule, "no reply before the connection ended", {});
  if (!may_be_http(line_)) return invalid(rule, "not an HTTP reply", line_);
  if (!status_line_complete()) return {};
  const auto status = parse(line_);
  if (!status) return invalid(rule, "malformed HTTP status line", line_);
  const int code = status->code;
  const auto by_status = [&](bool fits) {
    return fits != expect.negate ? met(expect, code, status->reason)
                                 : unmet(rule, expect, CheckStatus::L7Status, code, status->reason);
  };
  if (const auto* wanted = std::get_if<config::ExpectStatus>(&expect.what)) {
    return by_status(wanted->accepts(static_cast<unsigned>(code)));
  }
  if (const auto* wanted = std::get_if<config::ExpectStatusRegex>(&expect.what)) {
    return by_status(wanted->regex.search(std::to_string(code)) == config::RegexVerdict::Match);
  }
  if (const auto* wanted = std::get_if<config::ExpectHeader>(&expect.what)) {
    return head_ended_ || ended_ ? by_status(has_header(*wanted)) : Judgement{};
  }
  if (const auto* wanted = std::get_if<config::ExpectBytes>(&expect.what)) {
    return judge_body(rule, expect, *wanted, code);
  }
  return judge_body(rule, expect, std::get<config::ExpectRegex>(expect.what), code);
}

bool HttpReply::has_header(const config::ExpectHeader& what) const {
  for (const auto& [name, all] : headers()) {
    if (!what.name.matches(name, config::LetterCase::Ignored)) continue;
    if (!what.value) return true;
    std::string_view rest = all;
    do {
      const auto value = what.whole ? std::exchange(rest, {}) : take_until(rest, ',');
      if (what.value->matches(trimmed(value), config::LetterCase::Matters)) return true;
    } while (!rest.empty());
  }
  return false;
}

// As in HAProxy the status does not matter where a text is expected.
template <class What>
Judgement HttpReply::judge_body(const config::CheckRule& rule, const config::ExpectRule& expect,
                                const What& what, int code) const {
  const std::string& text = body_.text();
  const bool complete = ended_ || (head_ended_ && body_.complete());
  if (text.empty()) {
    if (!complete) return {};
    return unmet(rule, expect, CheckStatus::L7Response, code,
                 "HTTP content check could not find a response body");
  }
  const SearchOutcome outcome = search(what, text);
  if (should_wait(expect, text, outcome.found, complete)) return {};
  if (outcome.gave_up) {
    return unmet(rule, expect, CheckStatus::L7Response, code,
                 "the regex costs too much on this body");
  }
  if (outcome.found != expect.negate) return met(expect, code, "");
  return unmet(rule, expect, CheckStatus::L7Response, code,
               expect.negate       ? "HTTP check matched unwanted content"
               : body_.malformed() ? "HTTP content check did not match: malformed chunks"
                                   : "HTTP content check did not match");
}

}  // namespace carpool
