// `.if`, `.elif`, `.else`, `.endif`: which lines of a file count.
#pragma once

#include <string_view>
#include <vector>

#include "controlplane/config/lexer.h"
#include "dataplane/base/result.h"

namespace carpool::config {

// The HAProxy whose grammar we follow: what version_atleast() compares with.
inline constexpr int kGrammarMajor = 2;
inline constexpr int kGrammarMinor = 8;

// A condition: defined(NAME), streq(A,B), strneq(A,B), strstr(TEXT,PART), version_atleast(V),
// version_before(V), feature(NAME), enabled(NAME), numbers, true, false, with ! && || and
// parentheses.
[[nodiscard]] Result<bool> evaluate_condition(std::string_view text,
                                              const Environment& environment);

// The open conditions of one file.
class Conditions {
 public:
  Conditions(const Environment& environment, Report& report)
      : environment_(environment), report_(report) {}

  [[nodiscard]] bool active() const;
  // How the next line has to be read.
  [[nodiscard]] Lexer::Mode mode() const;

  // True if the line was one of the four directives, which is then done with.
  bool handle(const Line& line);
  // At the end of a file: every .if must have had its .endif.
  void finish();

 private:
  // Waiting: no branch was true as yet. Done: one was, or an outer condition is false.
  enum class Branch { Active, Waiting, Done };
  struct Level {
    Branch branch;
    bool seen_else;
    Origin at;
  };

  void open(const Line& line);
  void alternative(const Line& line);
  [[nodiscard]] Branch evaluate(const Line& line);

  const Environment& environment_;
  Report& report_;
  std::vector<Level> levels_;
};

}  // namespace carpool::config
