// Regular expressions of health checks: PCRE2, as in HAProxy. Servers choose the text that they are
// matched against, so each match has a bounded cost, whatever the pattern. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "controlplane/config/values.h"

namespace carpool::config {

// Backtracking from one starting point, in PCRE2's steps: more than one for each byte of a reply.
inline constexpr std::uint32_t kMaxRegexSteps = 20'000;
// PCRE2 counts anew at each starting point; so many are tried between looks at the clock.
inline constexpr std::size_t kRegexStartsAtOnce = 64;
inline constexpr std::chrono::milliseconds kMaxRegexTime{20};
inline constexpr std::uint32_t kMaxRegexHeapKb = 1024;

enum class LetterCase : std::uint8_t { Matters, Ignored };

enum class RegexVerdict : std::uint8_t { NoMatch, Match, GaveUp };

class Regex {
 public:
  // The complaint has PCRE2's words and the offset.
  [[nodiscard]] static Parsed<Regex> compile(std::string_view pattern,
                                             LetterCase letter_case = LetterCase::Matters);

  // Whether it occurs in the text. Callable from several threads.
  [[nodiscard]] RegexVerdict search(std::string_view text) const;

  [[nodiscard]] const std::string& pattern() const { return pattern_; }
  friend bool operator==(const Regex& a, const Regex& b) {
    return a.pattern_ == b.pattern_ && a.letter_case_ == b.letter_case_;
  }

 private:
  struct Code;
  Regex(std::string_view pattern, LetterCase letter_case, std::shared_ptr<const Code> code)
      : pattern_(pattern), letter_case_(letter_case), code_(std::move(code)) {}

  std::string pattern_;
  LetterCase letter_case_;
  std::shared_ptr<const Code> code_;
};

}  // namespace carpool::config
