// Text to lines of words, by HAProxy's rules of quoting: comments, escapes, weak and strong quotes,
// environment variables, continued lines. Knows nothing of sections or keywords.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/diagnostic.h"

namespace carpool::config {

using Environment = std::function<std::optional<std::string>(std::string_view)>;

struct Word {
  std::string text;  // after quoting and expansion; may be empty ("")
  Origin at;         // where it begins
};

// A logical line: continued lines are joined. Always has a word.
struct Line {
  std::vector<Word> words;
  bool indented = false;
  bool broken = false;  // something in it was reported; words are what could be read
};

class Lexer {
 public:
  // Skip finds words, but reports and expands nothing. Directives does so but for lines that begin
  // with a dot: an `.elif` has to be read where the lines around it do not count.
  enum class Mode { Read, Directives, Skip };

  Lexer(std::string_view text, std::uint32_t file, const Environment& environment, Report& report)
      : text_(text), file_(file), environment_(environment), report_(report) {}

  // The next line that has words; nothing at the end of the text.
  [[nodiscard]] std::optional<Line> next(Mode mode);

 private:
  enum class Quote { None, Weak, Strong };

  [[nodiscard]] char peek(std::size_t ahead = 0) const;
  [[nodiscard]] bool at_line_end() const;
  [[nodiscard]] std::size_t line_end_length(std::size_t at) const;
  [[nodiscard]] Origin here() const;
  [[nodiscard]] bool at_directive() const;
  void pass_line_end();
  void skip_to_line_end();

  void read_line();
  void read_special(char c);
  void read_escape();
  void read_hex_escape();
  void continue_line();
  void read_variable();
  void expand(std::string_view name, const std::optional<std::string>& fallback, bool split,
              Origin at);

  void begin_word();
  void end_word();
  void append(char c);
  void append(std::string_view text);
  void complain(Origin at, std::string message, std::string hint = {});

  std::string_view text_;
  std::uint32_t file_;
  const Environment& environment_;
  Report& report_;

  std::size_t pos_ = 0;
  std::size_t line_start_ = 0;
  std::uint32_t line_number_ = 1;

  Mode mode_ = Mode::Read;
  bool quiet_ = false;  // of this line
  Line line_;
  Quote quote_ = Quote::None;
  Origin quote_at_;
  Word word_;
  bool in_word_ = false;
  std::size_t length_ = 0;  // of the logical line, after expansion
};

}  // namespace carpool::config
