#include "controlplane/appliance/operator_state.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace carpool {
namespace {

using json = nlohmann::ordered_json;

constexpr int kVersion = 1;

// Nothing where it is no text: then the file is not ours.
std::optional<std::string> text_of(const json& from, const char* key) {
  const auto found = from.is_object() ? from.find(key) : from.end();
  if (found == from.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<Maintenance> maintenance_of(const json& from) {
  auto by = text_of(from, "by"), since = text_of(from, "since");
  if (!by || !since) return std::nullopt;
  return Maintenance{std::move(*by), std::move(*since)};
}

std::optional<Moved> moved_of(const json& from) {
  auto by = text_of(from, "by"), since = text_of(from, "since"), to = text_of(from, "to");
  const auto demotion = from.is_object() ? from.find("demotion") : from.end();
  if (!by || !since || !to || demotion == from.end() || !demotion->is_number_unsigned()) {
    return std::nullopt;
  }
  const auto value =
      static_cast<unsigned>(std::min(demotion->get<std::uint64_t>(), std::uint64_t{kMaxDemotion}));
  return Moved{std::move(*by), std::move(*since), std::move(*to), value};
}

}  // namespace

std::vector<Demotion::Source> demotions_of(const OperatorWishes& wishes) {
  std::vector<Demotion::Source> sources;
  if (const auto& maintenance = wishes.maintenance) {
    sources.push_back({std::string(kOperatorSource), kMaxDemotion,
                       fmt::format("in maintenance since {} by {}, until 'carpool demote off'",
                                   maintenance->since, maintenance->by)});
  }
  if (const auto& moved = wishes.moved; moved && moved->demotion > 0) {
    sources.push_back({std::string(kSwitchoverSource), moved->demotion,
                       fmt::format("handed over to {} at {} by {}; ends with a switchover back, "
                                   "with 'carpool demote off', or when {} fails",
                                   moved->to, moved->since, moved->by, moved->to)});
  }
  return sources;
}

std::string write_operator_state(const OperatorState& state) {
  json groups = json::object();
  for (const auto& [group, wishes] : state) {
    if (wishes.empty()) continue;
    json& entry = groups[group] = json::object();
    if (const auto& maintenance = wishes.maintenance) {
      entry["maintenance"] = {{"by", maintenance->by}, {"since", maintenance->since}};
    }
    if (const auto& moved = wishes.moved) {
      entry["moved"] = {{"by", moved->by},
                        {"since", moved->since},
                        {"to", moved->to},
                        {"demotion", moved->demotion}};
    }
  }
  const json file = {{"version", kVersion}, {"groups", std::move(groups)}};
  return file.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<OperatorState> read_operator_state(std::string_view text) {
  const json file = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto version = file.is_object() ? file.find("version") : file.end();
  if (!file.is_object() || version == file.end() || *version != kVersion) {
    return fail("it is not of this version of carpoold");
  }
  const auto groups = file.find("groups");
  if (groups == file.end() || !groups->is_object()) return fail("it has no groups");
  OperatorState state;
  for (const auto& [group, entry] : groups->items()) {
    OperatorWishes wishes;
    if (const auto at = entry.is_object() ? entry.find("maintenance") : entry.end();
        entry.is_object() && at != entry.end()) {
      wishes.maintenance = maintenance_of(*at);
      if (!wishes.maintenance) return fail("the maintenance of " + group + " is malformed");
    }
    if (const auto at = entry.is_object() ? entry.find("moved") : entry.end();
        entry.is_object() && at != entry.end()) {
      wishes.moved = moved_of(*at);
      if (!wishes.moved) return fail("the switchover of " + group + " is malformed");
    }
    if (!wishes.empty()) state.emplace(group, std::move(wishes));
  }
  return state;
}

}  // namespace carpool
