#include "tools/carpool/move_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace carpool::tool {
namespace {

using nlohmann::json;

std::string string_of(const json& from, const char* key) {
  const auto found = from.is_object() ? from.find(key) : from.end();
  const bool is_text = from.is_object() && found != from.end() && found->is_string();
  return is_text ? found->get<std::string>() : "?";
}

const json& list(const json& from, const char* key) {
  static const json kNone = json::array();
  const auto found = from.is_object() ? from.find(key) : from.end();
  return from.is_object() && found != from.end() && found->is_array() ? *found : kNone;
}

double number_of(const json& from, const char* key) {
  const auto found = from.is_object() ? from.find(key) : from.end();
  return from.is_object() && found != from.end() && found->is_number() ? found->get<double>() : 0;
}

// The old holder gives up only when it hears the new one, so what was measured is an overlap.
std::string move_text(const json& move) {
  return fmt::format(
      "{}: {} -> {}, {:.1f} ms from the farewell until {} was heard; gap 0 ms, as {} "
      "went on until then\n",
      string_of(move, "group"), string_of(move, "from"), string_of(move, "to"),
      number_of(move, "took_ms"), string_of(move, "to"), string_of(move, "from"));
}

std::string moves_text(const json& moves) {
  std::string text;
  for (const json& move : moves)
    text += move_text(move);
  return text;
}

}  // namespace

std::string switchover_text(const json& answer) {
  return moves_text(list(answer, "moved"));
}

std::string drill_text(const json& answer) {
  return "there:\n" + moves_text(list(answer, "there")) + "and back:\n" +
         moves_text(list(answer, "back"));
}

std::string demote_text(const json& answer) {
  std::string groups;
  for (const json& group : list(answer, "groups")) {
    if (group.is_string()) groups += (groups.empty() ? "" : ", ") + group.get<std::string>();
  }
  const bool on = answer.is_object() && answer.contains("on") && answer["on"] == true;
  std::string text = moves_text(list(answer, "moved"));
  text += on ? fmt::format("{}: in maintenance on this node until 'carpool demote off'\n", groups)
             : fmt::format("{}: not demoted by an operator any more\n", groups);
  if (answer.is_object() && answer.contains("kept")) {
    text += fmt::format("still here: {}\n", string_of(answer, "kept"));
  }
  return text;
}

std::string refusal_text(const json& answer, unsigned status) {
  const std::string why = string_of(answer, "error");
  return why == "?" ? fmt::format("carpoold answers {}", status) : why;
}

}  // namespace carpool::tool
