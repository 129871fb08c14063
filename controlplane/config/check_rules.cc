#include "controlplane/config/check_rules.h"

#include <algorithm>

namespace carpool::config {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string folded(std::string_view text, LetterCase letter_case) {
  std::string result(text);
  if (letter_case == LetterCase::Ignored) std::ranges::transform(result, result.begin(), lower);
  return result;
}

}  // namespace

bool ExpectStatus::accepts(unsigned code) const {
  return std::ranges::any_of(
      ranges, [code](StatusRange range) { return range.first <= code && code <= range.last; });
}

bool TextPattern::matches(std::string_view candidate, LetterCase letter_case) const {
  if (match == TextMatch::Regex) return regex->search(candidate) == RegexVerdict::Match;
  const std::string found = folded(candidate, letter_case);
  const std::string wanted = folded(text, letter_case);
  switch (match) {
    case TextMatch::Begin:
      return found.starts_with(wanted);
    case TextMatch::End:
      return found.ends_with(wanted);
    case TextMatch::Part:
      return found.find(wanted) != found.npos;
    case TextMatch::Whole:
    case TextMatch::Regex:
      break;
  }
  return found == wanted;
}

std::vector<CheckRule> default_http_rules() {
  return {{.act = ConnectRule{.defaults = true, .implicit = true}},
          {.act = HttpSendRule{}, .step = 1},
          {.act = ExpectRule{}, .step = 1}};
}

bool begins_tls(const std::vector<CheckRule>& rules) {
  return std::ranges::any_of(rules, [](const CheckRule& rule) {
    const auto* connect = std::get_if<ConnectRule>(&rule.act);
    return connect != nullptr && connect->tls;
  });
}

}  // namespace carpool::config
