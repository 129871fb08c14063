#include "controlplane/config/statement.h"

#include <algorithm>

#include <fmt/format.h>

#include "controlplane/config/suggest.h"

namespace carpool::config {

void explain_fate(const Keyword& keyword, std::string_view as_written, Origin at,
                  const LoadOptions& options, Report& report) {
  std::string hint(keyword.advice);
  if (keyword.fate == Fate::Warned) {
    return report.warn(at, fmt::format("'{}' {}", as_written, keyword.reason), std::move(hint));
  }
  if (keyword.ignorable && options.allow_degraded) {
    return report.warn(at, fmt::format("'{}' is ignored: it {}", as_written, keyword.reason),
                       std::move(hint));
  }
  if (keyword.ignorable) {
    if (!hint.empty()) hint += "; ";
    hint += "--allow-degraded ignores it";
  }
  const std::string_view suffix = keyword.fate == Fate::NotYet ? ": not supported yet" : "";
  report.error(at, fmt::format("'{}' {}{}", as_written, keyword.reason, suffix), std::move(hint));
}

Statement::Statement(const Line& line, std::size_t keyword_index, std::size_t keyword_words,
                     bool negated, const LoadOptions& options, Report& report)
    : line_(line),
      keyword_index_(keyword_index),
      next_(keyword_index + keyword_words),
      negated_(negated),
      keyword_(line.words[keyword_index].text),
      options_(options),
      report_(report) {
  for (std::size_t i = keyword_index + 1; i < next_; ++i)
    keyword_ += " " + line.words[i].text;
  subject_ = keyword_;
}

bool Statement::accept(std::string_view word) {
  if (!more() || peek().text != word) return false;
  ++next_;
  return true;
}

const Word* Statement::take(std::string_view what) {
  if (!more()) {
    error(at(), fmt::format("'{}' wants {}", subject_, what));
    return nullptr;
  }
  return &line_.words[next_++];
}

template <class Value>
std::optional<Value> Statement::accepted(const Word& word, Parsed<Value> value) {
  if (value) return std::move(*value);
  error(word.at, value.error());
  return std::nullopt;
}

std::optional<std::uint32_t> Statement::take_number(std::string_view what, std::uint32_t low,
                                                    std::uint32_t high) {
  const Word* word = take(what);
  if (word == nullptr) return std::nullopt;
  return accepted(*word, parse_number(word->text, low, high));
}

std::optional<Duration> Statement::take_time(std::string_view what) {
  const Word* word = take(what);
  if (word == nullptr) return std::nullopt;
  return accepted(*word, parse_time(word->text));
}

std::optional<std::uint64_t> Statement::take_size(std::string_view what) {
  const Word* word = take(what);
  if (word == nullptr) return std::nullopt;
  return accepted(*word, parse_size(word->text));
}

std::optional<std::string> Statement::take_name(std::string_view what) {
  const Word* word = take(what);
  if (word == nullptr) return std::nullopt;
  return accepted(*word, parse_name(word->text));
}

std::optional<Endpoint> Statement::take_endpoint(std::string_view what) {
  const Word* word = take(what);
  if (word == nullptr) return std::nullopt;
  const auto address = accepted(*word, parse_address(word->text));
  if (!address) return std::nullopt;
  const bool single = address->port_first != 0 && address->port_first == address->port_last;
  if (!address->address || !single) {
    error(word->at, fmt::format("'{}' is not an address and a port", word->text),
          "write it like 192.0.2.1:8848");
    return std::nullopt;
  }
  return Endpoint{*address->address, address->port_first};
}

std::optional<std::size_t> Statement::take_choice(std::initializer_list<std::string_view> choices) {
  std::vector<std::string> names(choices.begin(), choices.end());
  const std::string all =
      names.size() == 1 ? "'" + names.front() + "'" : "one of " + list_names(names, names.size());
  const Word* word = take(all);
  if (word == nullptr) return std::nullopt;
  const auto found = std::ranges::find(names, word->text);
  if (found == names.end()) {
    error(word->at, fmt::format("'{}' wants {}, not '{}'", subject_, all, word->text),
          did_you_mean(word->text, names));
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - names.begin());
}

std::optional<std::string> Statement::take_text(std::string_view what) {
  const Word* word = take(what);
  if (word == nullptr) return std::nullopt;
  std::string text = word->text;
  while (more())
    text += " " + line_.words[next_++].text;
  return text;
}

bool Statement::end() {
  if (!more()) return true;
  error(peek().at, fmt::format("unexpected '{}' after '{}'", peek().text, subject_));
  return false;
}

void Statement::error(Origin place, std::string message, std::string hint) {
  report_.error(place, std::move(message), std::move(hint));
}

void Statement::error(Origin place, const Complaint& complaint) {
  error(place, complaint.message, complaint.hint);
}

}  // namespace carpool::config
