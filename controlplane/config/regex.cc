#include "controlplane/config/regex.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace carpool::config {
namespace {

template <auto kFree>
struct Freed {
  template <class Object>
  void operator()(Object* object) const {
    kFree(object);
  }
};
using CodePtr = std::unique_ptr<pcre2_code, Freed<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Freed<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Freed<pcre2_match_context_free>>;

MatchContext make_context() {
  MatchContext context(pcre2_match_context_create(nullptr));
  if (context == nullptr) throw std::bad_alloc();
  pcre2_set_match_limit(context.get(), kMaxRegexSteps);
  pcre2_set_depth_limit(context.get(), kMaxRegexSteps);
  pcre2_set_heap_limit(context.get(), kMaxRegexHeapKb);
  return context;
}

PCRE2_SPTR bytes_of(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

}  // namespace

struct Regex::Code {
  CodePtr code;
};

Parsed<Regex> Regex::compile(std::string_view pattern, LetterCase letter_case) {
  const std::uint32_t options = PCRE2_NO_AUTO_CAPTURE | PCRE2_USE_OFFSET_LIMIT |
                                (letter_case == LetterCase::Ignored ? PCRE2_CASELESS : 0u);
  int error = 0;
  PCRE2_SIZE offset = 0;
  CodePtr code(pcre2_compile(bytes_of(pattern), pattern.size(), options, &error, &offset, nullptr));
  if (code == nullptr) {
    std::array<PCRE2_UCHAR, 256> message{};
    pcre2_get_error_message(error, message.data(), message.size());
    return std::unexpected(
        Complaint{fmt::format("'{}' is not a regular expression: {} at offset {}", pattern,
                              reinterpret_cast<const char*>(message.data()), offset),
                  "the syntax is PCRE's"});
  }
  return Regex(pattern, letter_case, std::make_shared<const Code>(Code{std::move(code)}));
}

RegexVerdict Regex::search(std::string_view text) const {
  const auto context = make_context();
  const MatchData match(pcre2_match_data_create_from_pattern(code_->code.get(), nullptr));
  if (match == nullptr) throw std::bad_alloc();
  const auto deadline = std::chrono::steady_clock::now() + kMaxRegexTime;
  for (std::size_t start = 0;; start += kRegexStartsAtOnce) {
    pcre2_set_offset_limit(context.get(), std::min(start + kRegexStartsAtOnce - 1, text.size()));
    const int found = pcre2_match(code_->code.get(), bytes_of(text), text.size(), start, 0,
                                  match.get(), context.get());
    if (found >= 0) return RegexVerdict::Match;
    if (found != PCRE2_ERROR_NOMATCH) return RegexVerdict::GaveUp;
    if (start + kRegexStartsAtOnce > text.size()) return RegexVerdict::NoMatch;
    if (std::chrono::steady_clock::now() > deadline) return RegexVerdict::GaveUp;
  }
}

}  // namespace carpool::config
