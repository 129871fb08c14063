#include "tools/carpool/status_fields.h"

#include <nlohmann/json.hpp>

namespace carpool::tool {
namespace {

using nlohmann::json;

const json kNothing = json::object();
const json kEmptyList = json::array();

}  // namespace

const json& member(const json& from, const char* key) {
  const auto found = from.is_object() ? from.find(key) : from.end();
  return found == from.end() || found->is_null() ? kNothing : *found;
}

const json& list(const json& from, const char* key) {
  const json& found = member(from, key);
  return found.is_array() ? found : kEmptyList;
}

std::string string_of(const json& from, const char* key) {
  const json& found = member(from, key);
  return found.is_string() ? found.get<std::string>() : std::string();
}

double number_of(const json& from, const char* key) {
  const json& found = member(from, key);
  return found.is_number() ? found.get<double>() : 0;
}

std::uint64_t integer_of(const json& from, const char* key) {
  const json& found = member(from, key);
  return found.is_number_unsigned() ? found.get<std::uint64_t>() : 0;
}

bool is_true(const json& from, const char* key) {
  const json& found = member(from, key);
  return found.is_boolean() && found.get<bool>();
}

std::vector<std::string> strings_of(const json& from, const char* key) {
  std::vector<std::string> result;
  for (const json& element : list(from, key)) {
    if (element.is_string()) result.push_back(element.get<std::string>());
  }
  return result;
}

Tone tone_of_group(std::string_view state) {
  if (state == "MASTER" || state == "ACTIVE") return Tone::good;  // CARP's and VRRP's words
  return state == "BACKUP" ? Tone::plain : Tone::bad;
}

bool is_up(const json& server) {
  const std::string state = string_of(server, "state");
  return state == "up" || state == "no check";
}

Tone tone_of_server(const json& server) {
  if (is_up(server)) return Tone::good;
  const std::string state = string_of(server, "state");
  return state == "down" || state == "unreachable" ? Tone::bad : Tone::doubtful;
}

}  // namespace carpool::tool
