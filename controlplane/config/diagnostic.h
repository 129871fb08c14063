// What is said about a configuration: where, how bad, what and what to do.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carpool::config {

// One file of the configuration: its name as it is printed, and its whole text.
struct SourceFile {
  std::string path;
  std::string text;
};

// A place in the configuration. `file` counts the source files from 0 in the order in which they
// were given; `line` and `column` (in bytes) count from 1; line 0 is "no place".
// Two values that differ only in where they were written are the same value: that is what a diff of
// two models needs, so an Origin takes no part in comparisons.
struct Origin {
  std::uint32_t file = 0;
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  [[nodiscard]] constexpr bool known() const { return line != 0; }
  friend constexpr bool operator==(const Origin&, const Origin&) { return true; }
};

enum class Severity : std::uint8_t { Notice, Warning, Error };

struct Diagnostic {
  Severity severity = Severity::Error;
  std::string file = {};     // empty: about the configuration as a whole
  std::uint32_t line = 0;    // from 1; 0: the whole file
  std::uint32_t column = 0;  // in bytes, from 1; 0: the whole line
  std::string message = {};  // no trailing full stop
  std::string hint = {};     // what to do, may be empty
  // The line's text as it stands in the file, with its passwords masked; may be empty.
  std::string source_line = {};

  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

[[nodiscard]] std::string_view to_string(Severity severity);

// As compilers print it:
//   /etc/carpool/conf.d/10-web.cfg:12:5: error: unknown keyword 'blance' in section 'backend'
//       blance roundrobin
//       ^
//     hint: did you mean 'balance'?
// without the final newline. Lines that are not known are left out.
[[nodiscard]] std::string format_diagnostic(const Diagnostic& diagnostic);
[[nodiscard]] std::string format_diagnostics(const std::vector<Diagnostic>& diagnostics);

// Collects what is found in one run. Does not print and does not stop at the first error.
class Report {
 public:
  explicit Report(const std::vector<SourceFile>& files) : files_(files) {}
  explicit Report(std::vector<SourceFile>&&) = delete;  // it keeps looking into the files

  void error(Origin at, std::string message, std::string hint = {});
  void warn(Origin at, std::string message, std::string hint = {});
  void notice(Origin at, std::string message, std::string hint = {});

  // Errors belong to the section that begins here, until the next one does. Of a section that has
  // errors nothing should be said to be missing: it may stand in the line that could not be read.
  void enter_section(Origin section) { section_ = section; }
  [[nodiscard]] bool has_errors(Origin section) const;

  [[nodiscard]] bool failed() const { return error_count_ > 0; }
  [[nodiscard]] std::size_t error_count() const { return error_count_; }
  // "conf.d/10.cfg:12", for messages that point at a second place.
  [[nodiscard]] std::string describe(Origin at) const;

  // Everything found, in the order of files and lines, without repetitions, at most kMaxErrors
  // errors.
  [[nodiscard]] std::vector<Diagnostic> take();

 private:
  struct Entry {
    Origin at;
    Severity severity;
    std::string message;
    std::string hint;
  };
  void add(Severity severity, Origin at, std::string message, std::string hint);
  [[nodiscard]] std::string_view source_line(Origin at);

  const std::vector<SourceFile>& files_;
  std::vector<Entry> entries_;
  std::vector<std::vector<std::size_t>> line_starts_;  // per file, found when first asked for
  std::size_t error_count_ = 0;
  Origin section_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> sections_with_errors_;  // file and line
};

}  // namespace carpool::config
