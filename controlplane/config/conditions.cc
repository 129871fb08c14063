#include "controlplane/config/conditions.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "controlplane/config/limits.h"

namespace carpool::config {
namespace {

constexpr int kMaxExpressionDepth = 32;

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "2.8-dev3" -> 2008; what follows the second number does not count.
std::optional<int> version_number(std::string_view text) {
  int major = 0, minor = 0;
  const char* const last = text.data() + text.size();
  const auto [dot, major_error] = std::from_chars(text.data(), last, major);
  if (major_error != std::errc{} || major < 0 || major > 1000) return std::nullopt;
  if (dot != last && *dot == '.') {
    const auto [end, minor_error] = std::from_chars(dot + 1, last, minor);
    if (minor_error != std::errc{} || minor < 0 || minor > 999) return std::nullopt;
  }
  return major * 1000 + minor;
}

// Recursive descent over  or := and ('||' and)*   and := term ('&&' term)*
// term := '!' term | '(' or ')' | word | word '(' arguments ')'
class ConditionParser {
 public:
  ConditionParser(std::string_view text, const Environment& environment)
      : rest_(text), environment_(environment) {}

  Result<bool> parse() {
    auto value = parse_or();
    if (!value) return value;
    skip_blanks();
    if (!rest_.empty()) return fail(fmt::format("unexpected '{}' in the condition", rest_));
    return value;
  }

 private:
  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
  }
  bool take(std::string_view token) {
    skip_blanks();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  Result<bool> parse_or() {
    auto value = parse_and();
    while (value && take("||")) {
      const auto right = parse_and();
      if (!right) return right;
      value = *value || *right;
    }
    return value;
  }

  Result<bool> parse_and() {
    auto value = parse_term();
    while (value && take("&&")) {
      const auto right = parse_term();
      if (!right) return right;
      value = *value && *right;
    }
    return value;
  }

  Result<bool> parse_term() {
    if (++depth_ > kMaxExpressionDepth) return fail("the condition is nested too deeply");
    auto value = parse_term_at_depth();
    --depth_;
    return value;
  }

  Result<bool> parse_term_at_depth() {
    if (take("!")) {
      auto value = parse_term();
      if (value) value = !*value;
      return value;
    }
    if (take("(")) {
      auto value = parse_or();
      if (value && !take(")")) return fail("')' is missing in the condition");
      return value;
    }
    skip_blanks();
    const std::string_view word = rest_.substr(0, rest_.find_first_of(" \t()&|!"));
    rest_.remove_prefix(word.size());
    if (rest_.starts_with('(')) return parse_call(word);
    return constant(word);
  }

  static Result<bool> constant(std::string_view word) {
    if (word == "true") return true;
    if (word == "false") return false;
    long number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (!word.empty() && error == std::errc{} && end == word.data() + word.size())
      return number != 0;
    if (word.empty()) return fail("the condition is incomplete");
    return fail(fmt::format("unknown condition '{}'", word));
  }

  Result<bool> parse_call(std::string_view name) {
    const auto close = rest_.find(')');
    if (close == rest_.npos) return fail(fmt::format("')' is missing after '{}('", name));
    const std::string_view inside = rest_.substr(1, close - 1);
    rest_.remove_prefix(close + 1);
    const auto comma = inside.find(',');
    const std::string_view first = trim(inside.substr(0, comma));
    const bool has_second = comma != inside.npos;
    const std::string_view second = has_second ? trim(inside.substr(comma + 1)) : "";
    return call(name, first, has_second, second);
  }

  Result<bool> call(std::string_view name, std::string_view first, bool has_second,
                    std::string_view second) const {
    const bool wants_two = name == "streq" || name == "strneq" || name == "strstr";
    if (wants_two != has_second && (wants_two || first.find(',') != first.npos)) {
      return fail(fmt::format("{}() wants two values: {}(A,B)", name, name));
    }
    if (name == "defined") return environment_ && environment_(first).has_value();
    if (name == "streq") return first == second;
    if (name == "strneq") return first != second;
    if (name == "strstr") return first.find(second) != first.npos;
    if (name == "version_atleast" || name == "version_before") {
      const auto wanted = version_number(first);
      if (!wanted) return fail(fmt::format("'{}' is not a version", first));
      const bool at_least = kGrammarMajor * 1000 + kGrammarMinor >= *wanted;
      return at_least == (name == "version_atleast");
    }
    // Build features and run-time switches of HAProxy: TLS libraries, Lua and the like.
    if (name == "feature" || name == "enabled") return false;
    if (name == "openssl_version_atleast" || name == "openssl_version_before") return false;
    return fail(fmt::format("unknown condition '{}()'", name));
  }

  std::string_view rest_;
  const Environment& environment_;
  int depth_ = 0;
};

}  // namespace

Result<bool> evaluate_condition(std::string_view text, const Environment& environment) {
  return ConditionParser(text, environment).parse();
}

bool Conditions::active() const {
  return levels_.empty() || levels_.back().branch == Branch::Active;
}

Lexer::Mode Conditions::mode() const {
  if (active()) return Lexer::Mode::Read;
  const bool waiting = levels_.back().branch == Branch::Waiting;
  return waiting ? Lexer::Mode::Directives : Lexer::Mode::Skip;
}

bool Conditions::handle(const Line& line) {
  const std::string& directive = line.words.front().text;
  if (directive == ".if") {
    open(line);
  } else if (directive == ".elif" || directive == ".else") {
    alternative(line);
  } else if (directive == ".endif") {
    if (levels_.empty()) {
      report_.error(line.words.front().at, "'.endif' without '.if'");
    } else {
      levels_.pop_back();
    }
  } else {
    return false;
  }
  return true;
}

void Conditions::open(const Line& line) {
  const Origin at = line.words.front().at;
  if (levels_.size() == kMaxConditionDepth) {
    report_.error(at, fmt::format("more than {} conditions inside each other", kMaxConditionDepth));
  }
  levels_.push_back({active() ? evaluate(line) : Branch::Done, false, at});
}

void Conditions::alternative(const Line& line) {
  const Word& directive = line.words.front();
  if (levels_.empty()) {
    return report_.error(directive.at, fmt::format("'{}' without '.if'", directive.text));
  }
  Level& level = levels_.back();
  if (level.seen_else) {
    report_.error(directive.at, fmt::format("'{}' after '.else'", directive.text));
  }
  const bool is_else = directive.text == ".else";
  level.seen_else |= is_else;
  if (level.branch == Branch::Waiting) {
    level.branch = is_else ? Branch::Active : evaluate(line);
  } else {
    level.branch = Branch::Done;
  }
}

Conditions::Branch Conditions::evaluate(const Line& line) {
  if (line.broken) return Branch::Done;  // reported already
  std::string text;
  for (std::size_t i = 1; i < line.words.size(); ++i)
    text += line.words[i].text + " ";
  const auto value = evaluate_condition(text, environment_);
  if (!value) {
    report_.error(line.words.front().at, value.error().message);
    return Branch::Done;
  }
  return *value ? Branch::Active : Branch::Waiting;
}

void Conditions::finish() {
  for (const Level& level : levels_)
    report_.error(level.at, "'.if' without '.endif'");
  levels_.clear();
}

}  // namespace carpool::config
