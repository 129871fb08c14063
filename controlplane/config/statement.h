// One line while it is read: its keyword is known, its arguments are taken one by one.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/config/keywords.h"
#include "controlplane/config/lexer.h"
#include "controlplane/config/load.h"
#include "controlplane/config/values.h"

namespace carpool::config {

// Says what becomes of a keyword that is not acted on: a warning, or an error with the reason.
void explain_fate(const Keyword& keyword, std::string_view as_written, Origin at,
                  const LoadOptions& options, Report& report);

// Taking something that is missing or malformed reports it and yields nothing; a handler then
// returns without having changed its section.
class Statement {
 public:
  Statement(const Line& line, std::size_t keyword_index, std::size_t keyword_words, bool negated,
            const LoadOptions& options, Report& report);

  [[nodiscard]] const std::string& keyword() const { return keyword_; }
  [[nodiscard]] Origin at() const { return line_.words[keyword_index_].at; }
  [[nodiscard]] bool negated() const { return negated_; }
  [[nodiscard]] const LoadOptions& options() const { return options_; }
  [[nodiscard]] Report& report() { return report_; }

  // From here on, messages speak of this parameter: "'inter' wants TIME".
  void set_subject(std::string_view subject) { subject_ = subject; }

  [[nodiscard]] bool more() const { return next_ < line_.words.size(); }
  [[nodiscard]] const Word& peek() const { return line_.words[next_]; }
  bool accept(std::string_view word);
  void skip(std::size_t words) { next_ = std::min(next_ + words, line_.words.size()); }
  void skip_rest() { next_ = line_.words.size(); }

  [[nodiscard]] const Word* take(std::string_view what);
  [[nodiscard]] std::optional<std::uint32_t> take_number(std::string_view what, std::uint32_t low,
                                                         std::uint32_t high);
  [[nodiscard]] std::optional<Duration> take_time(std::string_view what);
  [[nodiscard]] std::optional<std::uint64_t> take_size(std::string_view what);
  [[nodiscard]] std::optional<std::string> take_name(std::string_view what);
  // An address and port without wildcard, name or range.
  [[nodiscard]] std::optional<Endpoint> take_endpoint(std::string_view what);
  // One of these words, as its index.
  [[nodiscard]] std::optional<std::size_t> take_choice(
      std::initializer_list<std::string_view> choices);
  // All words that are left, joined by blanks.
  [[nodiscard]] std::optional<std::string> take_text(std::string_view what);

  // Nothing may be left over. True if so.
  bool end();

  void error(Origin place, std::string message, std::string hint = {});
  void error(Origin place, const Complaint& complaint);

 private:
  template <class Value>
  std::optional<Value> accepted(const Word& word, Parsed<Value> value);

  const Line& line_;
  std::size_t keyword_index_;
  std::size_t next_;
  bool negated_;
  std::string keyword_;
  std::string subject_;
  const LoadOptions& options_;
  Report& report_;
};

// What acts on a keyword of a section (or on a parameter of a server).
template <class Section>
struct Handler {
  std::string_view keyword;
  void (*run)(Section&, Statement&);
};

template <class Section>
[[nodiscard]] const Handler<Section>* find_handler(std::span<const Handler<Section>> handlers,
                                                   std::string_view keyword) {
  for (const auto& handler : handlers) {
    if (handler.keyword == keyword) return &handler;
  }
  return nullptr;
}

}  // namespace carpool::config
