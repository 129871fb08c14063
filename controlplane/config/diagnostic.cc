#include "controlplane/config/diagnostic.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "controlplane/config/limits.h"
#include "controlplane/config/secrets.h"

namespace carpool::config {
namespace {

// Longer lines (a generated list, say) would bury the message.
constexpr std::size_t kMaxQuotedLine = 200;

// Blanks as wide as what stands before `column`: tabs stay tabs, so that the caret lines up.
std::string caret_indent(std::string_view line, std::size_t column) {
  std::string indent(line.substr(0, column - 1));
  for (char& c : indent) {
    if (c != '\t') c = ' ';
  }
  return indent;
}

std::vector<std::size_t> find_line_starts(std::string_view text) {
  std::vector<std::size_t> starts{0};
  for (std::size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) {
    starts.push_back(at + 1);
  }
  return starts;
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::Notice:
      return "note";
    case Severity::Warning:
      return "warning";
    case Severity::Error:
      return "error";
  }
  return "?";
}

std::string format_diagnostic(const Diagnostic& d) {
  std::string text;
  if (!d.file.empty()) text += d.file + ":";
  if (d.line > 0) text += fmt::format("{}:", d.line);
  if (d.line > 0 && d.column > 0) text += fmt::format("{}:", d.column);
  if (!text.empty()) text += ' ';
  text += fmt::format("{}: {}", to_string(d.severity), d.message);
  const bool quotable = !d.source_line.empty() && d.source_line.size() <= kMaxQuotedLine;
  if (quotable) {
    text += "\n    " + d.source_line;
    if (d.column > 0 && d.column <= d.source_line.size() + 1) {
      text += "\n    " + caret_indent(d.source_line, d.column) + "^";
    }
  }
  if (!d.hint.empty()) text += "\n  hint: " + d.hint;
  return text;
}

std::string format_diagnostics(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics)
    text += format_diagnostic(diagnostic) + "\n";
  return text;
}

void Report::error(Origin at, std::string message, std::string hint) {
  add(Severity::Error, at, std::move(message), std::move(hint));
}
void Report::warn(Origin at, std::string message, std::string hint) {
  add(Severity::Warning, at, std::move(message), std::move(hint));
}
void Report::notice(Origin at, std::string message, std::string hint) {
  add(Severity::Notice, at, std::move(message), std::move(hint));
}

void Report::add(Severity severity, Origin at, std::string message, std::string hint) {
  if (severity == Severity::Error) {
    if (section_.known()) sections_with_errors_.emplace(section_.file, section_.line);
    if (++error_count_ > kMaxErrors) return;
  }
  entries_.push_back({at, severity, std::move(message), std::move(hint)});
}

bool Report::has_errors(Origin section) const {
  return sections_with_errors_.contains({section.file, section.line});
}

std::string Report::describe(Origin at) const {
  if (!at.known() || at.file >= files_.size()) return "the configuration";
  return fmt::format("{}:{}", files_[at.file].path, at.line);
}

std::string_view Report::source_line(Origin at) {
  if (line_starts_.empty()) line_starts_.resize(files_.size());
  const std::string_view text = files_[at.file].text;
  auto& starts = line_starts_[at.file];
  if (starts.empty()) starts = find_line_starts(text);
  if (at.line > starts.size()) return {};
  std::string_view line = text.substr(starts[at.line - 1]);
  line = line.substr(0, line.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::vector<Diagnostic> Report::take() {
  const auto place = [](const Entry& e) {
    return std::tuple(!e.at.known(), e.at.file, e.at.line, e.at.column);
  };
  std::ranges::stable_sort(entries_, {}, place);
  std::vector<Diagnostic> result;
  for (Entry& entry : entries_) {
    Diagnostic diagnostic{.severity = entry.severity,
                          .message = mask_keys(std::move(entry.message)),
                          .hint = std::move(entry.hint)};
    if (entry.at.known() && entry.at.file < files_.size()) {
      diagnostic.file = files_[entry.at.file].path;
      diagnostic.line = entry.at.line;
      diagnostic.column = entry.at.column;
      diagnostic.source_line = mask_secrets(source_line(entry.at));
    }
    if (result.empty() || result.back() != diagnostic) result.push_back(std::move(diagnostic));
  }
  if (error_count_ > kMaxErrors) {
    result.push_back(
        {.severity = Severity::Error,
         .message = fmt::format("{} more errors are not listed", error_count_ - kMaxErrors)});
  }
  entries_.clear();
  return result;
}

}  // namespace carpool::config
