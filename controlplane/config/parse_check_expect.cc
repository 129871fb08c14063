#include "controlplane/config/parse_check_expect.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "controlplane/config/suggest.h"

namespace carpool::config {
namespace {

constexpr std::uint32_t kMaxMinRecv = 16384;  // no more of a reply is kept

struct StatusName {
  std::string_view name;
  RuleStatus status;
};
constexpr std::array kOkNames{
    StatusName{"L7OK", RuleStatus::L7Ok}, StatusName{"L7OKC", RuleStatus::L7OkConditional},
    StatusName{"L6OK", RuleStatus::L6Ok}, StatusName{"L4OK", RuleStatus::L4Ok}};
constexpr std::array kErrorNames{
    StatusName{"L7RSP", RuleStatus::L7Response}, StatusName{"L7STS", RuleStatus::L7Status},
    StatusName{"L7OKC", RuleStatus::L7OkConditional}, StatusName{"L6RSP", RuleStatus::L6Response},
    StatusName{"L4CON", RuleStatus::L4Connect}};
constexpr std::array kTimeoutNames{StatusName{"L7TOUT", RuleStatus::L7Timeout},
                                   StatusName{"L6TOUT", RuleStatus::L6Timeout},
                                   StatusName{"L4TOUT", RuleStatus::L4Timeout}};

std::string folded(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  });
  return upper;
}

bool set_status(std::optional<RuleStatus>& into, std::span<const StatusName> names,
                Statement& statement) {
  const Word* word = statement.take("a check status");
  if (word == nullptr) return false;
  const auto found = std::ranges::find(names, folded(word->text), &StatusName::name);
  if (found == names.end()) {
    std::vector<std::string> known;
    for (const StatusName& name : names)
      known.emplace_back(name.name);
    statement.error(word->at, fmt::format("'{}' is not a status for this", word->text),
                    "one of " + list_names(known));
    return false;
  }
  into = found->status;
  return true;
}

bool set_text(std::string& into, Statement& statement) {
  auto text = take_plain_format(statement, "a text");
  if (text) into = std::move(*text);
  return text.has_value();
}

bool set_min_recv(ExpectRule& expect, Statement& statement) {
  if (statement.accept("-1")) {
    expect.min_recv.reset();
    return true;
  }
  const auto number = statement.take_number("a number of bytes", 0, kMaxMinRecv);
  if (number) expect.min_recv = *number;
  return number.has_value();
}

// What says how a result is named, apart from the pattern. Nothing if the word is no such option.
std::optional<bool> take_option(CheckRule& rule, std::string_view name, Statement& statement) {
  auto& expect = std::get<ExpectRule>(rule.act);
  if (name == "min-recv") return set_min_recv(expect, statement);
  if (name == "comment") return take_comment(rule, statement);
  if (name == "on-success") return set_text(expect.on_success, statement);
  if (name == "on-error") return set_text(expect.on_error, statement);
  if (name == "ok-status") return set_status(expect.ok_status, kOkNames, statement);
  if (name == "error-status") return set_status(expect.error_status, kErrorNames, statement);
  if (name == "tout-status") return set_status(expect.timeout_status, kTimeoutNames, statement);
  return std::nullopt;
}

std::optional<Regex> take_regex(Statement& statement, LetterCase letter_case) {
  const Word* word = statement.take("a regular expression");
  if (word == nullptr) return std::nullopt;
  auto regex = Regex::compile(word->text, letter_case);
  if (regex) return std::move(*regex);
  statement.error(word->at, regex.error());
  return std::nullopt;
}

// "200", "200,204", "200-299,404"
std::optional<std::vector<StatusRange>> take_status_list(Statement& statement) {
  const Word* word = statement.take("a status, as in 200");
  if (word == nullptr) return std::nullopt;
  std::vector<StatusRange> ranges;
  for (std::size_t start = 0; start <= word->text.size();) {
    const std::size_t end = std::min(word->text.find(',', start), word->text.size());
    const std::string_view item = std::string_view(word->text).substr(start, end - start);
    const auto dash = item.find('-');
    const auto first = parse_number(item.substr(0, dash), 100, 999);
    const auto last = dash == item.npos ? first : parse_number(item.substr(dash + 1), 100, 999);
    if (!first || !last || *first > *last) {
      statement.error(word->at, fmt::format("'{}' is not a status", item),
                      "write codes and ranges with commas, as in 200-299,404");
      return std::nullopt;
    }
    ranges.push_back({static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)});
    start = end + 1;
  }
  return ranges;
}

// [-m str|beg|end|sub|reg] PATTERN
std::optional<TextPattern> take_text_pattern(Statement& statement, LetterCase letter_case) {
  TextPattern pattern;
  if (statement.accept("-m")) {
    statement.set_subject("-m");
    const auto match = statement.take_choice({"str", "beg", "end", "sub", "reg"});
    if (!match) return std::nullopt;
    pattern.match = static_cast<TextMatch>(*match);
  }
  if (pattern.match == TextMatch::Regex) {
    pattern.regex = take_regex(statement, letter_case);
    if (!pattern.regex) return std::nullopt;
    return pattern;
  }
  const Word* word = statement.take("a text");
  if (word == nullptr) return std::nullopt;
  pattern.text = word->text;
  return pattern;
}

// hdr|fhdr name [-m METHOD] PATTERN [value [-m METHOD] PATTERN]
std::optional<Expected> take_header(bool whole, Statement& statement) {
  if (!statement.take_choice({"name"})) return std::nullopt;
  auto name = take_text_pattern(statement, LetterCase::Ignored);
  if (!name) return std::nullopt;
  ExpectHeader header{.name = std::move(*name), .whole = whole};
  if (statement.accept("value")) {
    header.value = take_text_pattern(statement, LetterCase::Matters);
    if (!header.value) return std::nullopt;
  }
  return header;
}

std::optional<Expected> take_bytes(std::string_view kind, Statement& statement) {
  if (kind == "binary") {
    auto bytes = take_hex(statement);
    if (!bytes) return std::nullopt;
    return ExpectBytes{std::move(*bytes), true};
  }
  if (kind == "string-lf") {
    auto text = take_plain_format(statement, "a text");
    if (!text) return std::nullopt;
    return ExpectBytes{std::move(*text)};
  }
  const Word* word = statement.take("a text");
  if (word == nullptr) return std::nullopt;
  return ExpectBytes{word->text};
}

constexpr std::array<std::string_view, 8> kHttpKinds{"status", "rstatus", "string",    "rstring",
                                                     "hdr",    "fhdr",    "string-lf", ""};
constexpr std::array<std::string_view, 8> kTcpKinds{"string",    "rstring", "binary", "rbinary",
                                                    "string-lf", "",        "",       ""};

std::optional<Expected> take_expected(std::string_view kind, Statement& statement) {
  if (kind == "status") {
    auto ranges = take_status_list(statement);
    if (!ranges) return std::nullopt;
    return ExpectStatus{std::move(*ranges)};
  }
  if (kind == "hdr" || kind == "fhdr") return take_header(kind == "fhdr", statement);
  if (kind == "string" || kind == "string-lf" || kind == "binary") {
    return take_bytes(kind, statement);
  }
  auto regex = take_regex(statement, LetterCase::Matters);
  if (!regex) return std::nullopt;
  if (kind == "rstatus") return ExpectStatusRegex{std::move(*regex)};
  return ExpectRegex{std::move(*regex), kind == "rbinary"};
}

void complain_about_kind(const Word& word, std::string_view kind, RuleFamily family,
                         Statement& statement) {
  const bool http = family == RuleFamily::Http;
  const auto& kinds = http ? kHttpKinds : kTcpKinds;
  const auto& others = http ? kTcpKinds : kHttpKinds;
  statement.skip_rest();
  if (kind == "status-code" || kind == "binary-lf") {
    return statement.error(word.at, fmt::format("'{}' is not supported: it takes a log format or "
                                                "an expression",
                                                kind));
  }
  if (std::ranges::find(others, kind) != others.end()) {
    return statement.error(
        word.at, fmt::format("'expect {}' is for '{}'", kind, http ? "tcp-check" : "http-check"));
  }
  std::vector<std::string> known;
  for (const std::string_view name : kinds) {
    if (!name.empty()) known.emplace_back(name);
  }
  statement.error(
      word.at,
      fmt::format("unknown expectation '{}' of '{}'", kind, http ? "http-check" : "tcp-check"),
      did_you_mean(kind, known, "one of " + list_names(known)));
}

}  // namespace

std::optional<std::string> take_hex(Statement& statement) {
  const Word* word = statement.take("bytes in hexadecimal digits");
  if (word == nullptr) return std::nullopt;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string bytes;
  for (std::size_t i = 0; i < word->text.size(); i += 2) {
    const int high = digit(word->text[i]);
    const int low = i + 1 < word->text.size() ? digit(word->text[i + 1]) : -1;
    if (high < 0 || low < 0) {
      statement.error(word->at,
                      fmt::format("'{}' is not a number of bytes in hexadecimal", word->text),
                      "write two digits for each byte, as in 50494e47");
      return std::nullopt;
    }
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

bool parse_expectation(CheckRule& rule, Statement& statement, RuleFamily family) {
  const auto& kinds = family == RuleFamily::Http ? kHttpKinds : kTcpKinds;
  auto& expect = std::get<ExpectRule>(rule.act);
  bool found = false;
  if (!statement.more()) return statement.take("a pattern") != nullptr;
  while (statement.more()) {
    const Word* word = statement.take("a pattern");
    statement.set_subject(word->text);
    if (const auto good = take_option(rule, word->text, statement)) {
      if (!*good) return false;
      continue;
    }
    std::string_view kind = word->text;
    while (kind.starts_with('!')) {
      expect.negate = !expect.negate;
      kind.remove_prefix(1);
    }
    if (kind.empty() && !word->text.empty()) {
      word = statement.take("a pattern");
      if (word == nullptr) return false;
      kind = word->text;
    }
    statement.set_subject(kind);
    if (kind.empty() || std::ranges::find(kinds, kind) == kinds.end()) {
      complain_about_kind(*word, kind, family, statement);
      return false;
    }
    if (found) {
      statement.error(word->at, "a rule has only one pattern", "write another 'expect' for it");
      return false;
    }
    auto expected = take_expected(kind, statement);
    if (!expected) return false;
    expect.what = std::move(*expected);
    found = true;
  }
  if (!found) statement.error(statement.at(), "'expect' without a pattern");
  return found;
}

}  // namespace carpool::config
