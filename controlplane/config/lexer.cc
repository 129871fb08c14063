#include "controlplane/config/lexer.h"

#include <charconv>

#include <fmt/format.h>

#include "controlplane/config/limits.h"

namespace carpool::config {
namespace {

// Not <cctype>: that depends on the locale.
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
constexpr bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
constexpr bool is_name(char c) {
  return is_name_start(c) || (c >= '0' && c <= '9');
}

}  // namespace

char Lexer::peek(std::size_t ahead) const {
  return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0';
}

// 1 for "\n", 2 for "\r\n", 0 where no line ends.
std::size_t Lexer::line_end_length(std::size_t at) const {
  if (text_.substr(at).starts_with('\n')) return 1;
  return text_.substr(at).starts_with("\r\n") ? 2 : 0;
}

bool Lexer::at_line_end() const {
  return pos_ >= text_.size() || line_end_length(pos_) > 0;
}

Origin Lexer::here() const {
  return {file_, line_number_, static_cast<std::uint32_t>(pos_ - line_start_ + 1)};
}

bool Lexer::at_directive() const {
  const std::size_t first = text_.find_first_not_of(" \t", pos_);
  return first != text_.npos && text_[first] == '.';
}

void Lexer::pass_line_end() {
  pos_ += line_end_length(pos_);
  line_start_ = pos_;
  ++line_number_;
}

void Lexer::skip_to_line_end() {
  while (!at_line_end())
    ++pos_;
}

void Lexer::complain(Origin at, std::string message, std::string hint) {
  if (!quiet_ && !line_.broken) {
    report_.error(at, std::move(message), std::move(hint));
  }
  line_.broken = true;
}

std::optional<Line> Lexer::next(Mode mode) {
  mode_ = mode;
  while (pos_ < text_.size()) {
    read_line();
    if (!line_.words.empty()) return std::move(line_);
  }
  return std::nullopt;
}

void Lexer::read_line() {
  line_ = {};
  line_.indented = is_blank(peek());
  quiet_ = mode_ == Mode::Skip || (mode_ == Mode::Directives && !at_directive());
  quote_ = Quote::None;
  in_word_ = false;
  length_ = 0;
  while (!at_line_end())
    read_special(text_[pos_]);
  if (quote_ != Quote::None) {
    complain(quote_at_, fmt::format("the quote {} is not closed on this line",
                                    quote_ == Quote::Weak ? "\"" : "'"));
  }
  end_word();
  if (pos_ < text_.size()) pass_line_end();
}

void Lexer::read_special(char c) {
  if (quote_ == Quote::Strong) {
    if (c == '\'') {
      quote_ = Quote::None;
    } else {
      append(c);
    }
    ++pos_;
    return;
  }
  const bool weak = quote_ == Quote::Weak;
  if (c == '\\') {
    read_escape();
  } else if (c == '"' || (c == '\'' && !weak)) {
    begin_word();
    quote_at_ = here();
    quote_ = weak ? Quote::None : c == '"' ? Quote::Weak : Quote::Strong;
    ++pos_;
  } else if (c == '$' && (weak || peek(1) == '{')) {
    read_variable();
  } else if (!weak && c == '#') {
    skip_to_line_end();
  } else if (!weak && is_blank(c)) {
    end_word();
    ++pos_;
  } else {
    if (c == '\0') complain(here(), "a NUL byte: this is not a text file");
    append(c);
    ++pos_;
  }
}

void Lexer::read_escape() {
  if (line_end_length(pos_ + 1) > 0) return continue_line();
  const char c = peek(1);
  switch (c) {
    case 'n':
      append('\n');
      break;
    case 'r':
      append('\r');
      break;
    case 't':
      append('\t');
      break;
    case 'x':
      return read_hex_escape();
    case ' ':
    case '\\':
    case '#':
    case '"':
    case '\'':
    case '$':
      append(c);
      break;
    default:  // not an escape: the backslash stands for itself, as in a regular expression
      append('\\');
      ++pos_;
      return;
  }
  pos_ += 2;
}

void Lexer::read_hex_escape() {
  const std::string_view digits = text_.substr(std::min(pos_ + 2, text_.size()), 2);
  unsigned value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc{} || end != digits.data() + 2 || value == 0) {
    complain(here(), "'\\x' wants two hexadecimal digits, and not 00");
    pos_ += 2;
    return;
  }
  append(static_cast<char>(value));
  pos_ += 4;
}

void Lexer::continue_line() {
  ++pos_;
  pass_line_end();
  // Within quotes the indentation of the next line is layout, not content. Outside it separates.
  if (quote_ != Quote::None) {
    while (is_blank(peek()))
      ++pos_;
  }
}

// "$NAME", "${NAME}", "${NAME-fallback}" and "${NAME[*]}", which becomes one word per word.
void Lexer::read_variable() {
  const Origin at = here();
  const bool braces = peek(1) == '{';
  pos_ += braces ? 2 : 1;
  const std::size_t start = pos_;
  if (is_name_start(peek())) {
    while (is_name(peek()))
      ++pos_;
  }
  const std::string_view name = text_.substr(start, pos_ - start);
  if (name.empty()) {
    return complain(at, "'$' without the name of an environment variable",
                    "write \\$ for a dollar");
  }
  std::optional<std::string> fallback;
  bool split = false;
  if (braces) {
    if (text_.substr(pos_).starts_with("[*]")) {
      split = true;
      pos_ += 3;
    }
    if (peek() == '-') {
      const std::size_t fallback_start = ++pos_;
      while (!at_line_end() && peek() != '}')
        ++pos_;
      fallback = text_.substr(fallback_start, pos_ - fallback_start);
    }
    if (peek() != '}') {
      return complain(at, fmt::format("'${{{}' is not closed by '}}'", name));
    }
    ++pos_;
  }
  expand(name, fallback, split, at);
}

void Lexer::expand(std::string_view name, const std::optional<std::string>& fallback, bool split,
                   Origin at) {
  if (quiet_) return;
  std::optional<std::string> value = environment_ ? environment_(name) : std::nullopt;
  if (!value) value = fallback;
  if (!value) {
    // HAProxy takes nothing for it in silence. We say so: what is missing then is hard to find.
    report_.warn(at, fmt::format("environment variable '{}' is not set: empty text is used", name),
                 fmt::format("\"${{{}-default}}\" gives a default", name));
    value = "";
  }
  if (!split) return append(std::string_view(*value));
  bool first = true;
  for (std::string_view rest = *value; !rest.empty();) {
    const std::size_t end = std::min(rest.find_first_of(" \t"), rest.size());
    if (end > 0) {
      if (!first) end_word();
      append(rest.substr(0, end));
      first = false;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void Lexer::begin_word() {
  if (in_word_) return;
  in_word_ = true;
  word_ = {.text = {}, .at = here()};
}

void Lexer::end_word() {
  if (!in_word_) return;
  in_word_ = false;
  if (line_.words.size() >= kMaxWordsPerLine) {
    return complain(word_.at, fmt::format("more than {} words on a line", kMaxWordsPerLine));
  }
  line_.words.push_back(std::move(word_));
}

void Lexer::append(char c) {
  append(std::string_view(&c, 1));
}

void Lexer::append(std::string_view text) {
  begin_word();
  if ((length_ += text.size()) > kMaxLineLength) {
    return complain(word_.at, fmt::format("a line of more than {} bytes", kMaxLineLength));
  }
  word_.text += text;
}

}  // namespace carpool::config
