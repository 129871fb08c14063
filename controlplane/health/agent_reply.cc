#include "controlplane/health/agent_reply.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "controlplane/health/check_result.h"

namespace carpool {
namespace {

constexpr std::string_view kBetweenWords = " \t,";
constexpr std::string_view kMaxconn = "maxconn:";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

template <class Value, std::size_t kCount>
using Words = std::array<std::pair<std::string_view, Value>, kCount>;
constexpr Words<AgentHealth, 4> kHealthWords{{{"up", AgentHealth::Up},
                                              {"down", AgentHealth::Down},
                                              {"stopped", AgentHealth::Stopped},
                                              {"fail", AgentHealth::Fail}}};
constexpr Words<AdminMode, 3> kModeWords{
    {{"ready", AdminMode::Ready}, {"drain", AdminMode::Drain}, {"maint", AdminMode::Maintenance}}};

template <class Table>
auto find_word(const Table& table, std::string_view word) {
  return std::ranges::find_if(table,
                              [word](const auto& row) { return same_word(row.first, word); });
}

// The number at the start of the text; the rest of it stays.
std::optional<std::uint32_t> take_number(std::string_view& text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// Reads the words one by one, and keeps the first thing that is odd.
struct Reader {
  AgentReply reply;
  std::string_view health_word;  // as it was written
  std::string_view error;        // the first word that means nothing
  std::string_view warning;      // what is wrong with the first number that cannot be used

  void warn(std::string_view text) {
    if (warning.empty()) warning = text;
  }

  void read(std::string_view word) {
    if (const auto row = find_word(kHealthWords, word); row != kHealthWords.end()) {
      reply.health = row->second;
      health_word = word;
    } else if (const auto mode = find_word(kModeWords, word); mode != kModeWords.end()) {
      reply.mode = mode->second;
    } else if (word.front() >= '0' && word.front() <= '9' && word.find('%') != word.npos) {
      read_weight(word);
    } else if (same_word(word.substr(0, kMaxconn.size()), kMaxconn)) {
      read_maxconn(word.substr(kMaxconn.size()));
    } else if (error.empty()) {
      error = word;
    }
  }

  void read_weight(std::string_view word) {
    const auto number = take_number(word);
    if (!number) return warn("Relative weight is too large");
    if (word != "%") return warn("Trailing garbage in weight string");
    reply.weight = WeightOverride{*number, true};
  }

  void read_maxconn(std::string_view value) {
    const auto number = take_number(value);
    if (!number) return warn("maxconn string empty or preceded by garbage");
    if (!value.empty()) return warn("Trailing garbage in maxconn string");
    reply.maxconn = *number;
  }

  // A description belongs to what is said of the health; a server that is down keeps its own words,
  // else there is room for what was odd.
  void describe(std::string_view description) {
    std::string text;
    const std::string_view odd = !error.empty() ? error : warning;
    if (reply.health) {
      const bool down = *reply.health != AgentHealth::Up;
      const std::string_view why =
          (description.empty() || !down) && !odd.empty() ? odd : description;
      text = "via agent : " + std::string(health_word);
      if (!why.empty()) text += " (" + std::string(why) + ")";
    } else if (!error.empty()) {
      text = "agent reports an error : " + std::string(error);
    } else if (!warning.empty()) {
      text = "agent warns : " + std::string(warning);
    }
    reply.text = printable(text);
  }
};

}  // namespace

AgentReply parse_agent_line(std::string_view line) {
  Reader reader;
  while (true) {
    const auto start = line.find_first_not_of(kBetweenWords);
    if (start == line.npos || line[start] == '#') {
      line.remove_prefix(std::min(start, line.size()));
      break;
    }
    line.remove_prefix(start);
    const std::string_view word = line.substr(0, line.find_first_of(kBetweenWords));
    reader.read(word);
    line.remove_prefix(word.size());
  }
  if (!line.empty()) line.remove_prefix(1);  // the '#'
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  reader.describe(line);
  return std::move(reader.reply);
}

std::optional<std::string_view> AgentLine::feed(std::string_view bytes) {
  const auto end = bytes.find_first_of("\r\n");
  const std::size_t room = kMaxAgentLine - line_.size();
  line_.append(bytes.substr(0, std::min({end, bytes.size(), room})));
  if (end == bytes.npos || overflowed()) return std::nullopt;
  return line_;
}

}  // namespace carpool
