#include "controlplane/appliance/runtime_state.h"

#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace carpool {
namespace {

constexpr std::string_view kTitle = "carpool-runtime-1";
// A damaged file is not to be answered by a million complaints.
constexpr std::size_t kMaxComplaints = 8;

// ---- Writing -----------------------------------------------------------------------------------

std::string words_of(const AdminState& admin) {
  std::string text;
  if (admin.said_by == AdminSource::Operator) text += fmt::format(" mode={}", name(admin.mode));
  if (admin.weight) {
    text += fmt::format(" weight={}{}", admin.weight->value, admin.weight->percent ? "%" : "");
  }
  if (admin.maxconn) text += fmt::format(" maxconn={}", *admin.maxconn);
  if (admin.checks_off) text += " checks=off";
  if (admin.agent_off) text += " agent=off";
  return text;
}

// ---- Reading -----------------------------------------------------------------------------------

// The first part of `text` up to the separator, which is removed with it.
std::string_view cut(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return part;
}

std::optional<std::uint32_t> number_of(std::string_view text, std::uint32_t most) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value <= most ? std::optional(value) : std::nullopt;
}

std::optional<config::Endpoint> endpoint_of(std::string_view text) {
  const auto address = parse_ipv4(cut(text, ':'));
  const auto port = number_of(text, 65535);
  if (!address || !port) return std::nullopt;
  return config::Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::optional<AdminMode> mode_of(std::string_view text) {
  for (const AdminMode mode : {AdminMode::Ready, AdminMode::Drain, AdminMode::Maintenance}) {
    if (text == name(mode)) return mode;
  }
  return std::nullopt;
}

// Takes one "key=value" up; false if it is none that we write.
bool take(std::string_view key, std::string_view value, AdminState& admin, AddressWish& address) {
  constexpr std::uint32_t kAny = std::numeric_limits<std::uint32_t>::max();
  if (key == "mode") {
    const auto mode = mode_of(value);
    admin.mode = mode.value_or(AdminMode::Ready);
    admin.said_by = AdminSource::Operator;
    return mode.has_value();
  }
  if (key == "weight") {
    WeightOverride weight;
    weight.percent = value.ends_with('%');
    if (weight.percent) value.remove_suffix(1);
    const auto number = number_of(value, kAny);
    weight.value = number.value_or(0);
    admin.weight = weight;
    return number.has_value();
  }
  if (key == "maxconn") {
    admin.maxconn = number_of(value, kAny);
    return admin.maxconn.has_value();
  }
  if (key == "checks") return admin.checks_off = value == "off";
  if (key == "agent") return admin.agent_off = value == "off";
  if (key == "address" || key == "configured") {
    const auto endpoint = endpoint_of(value);
    (key == "address" ? address.wanted : address.configured) =
        endpoint.value_or(config::Endpoint{});
    return endpoint.has_value();
  }
  return false;
}

bool read_server(std::string_view line, RuntimeState& state) {
  std::string_view whose = cut(line, ' ');
  ServerKey key;
  key.backend = cut(whose, '/');
  key.server = whose;
  if (key.backend.empty() || key.server.empty() || state.servers.contains(key)) return false;
  AdminState admin;
  AddressWish address;
  while (!line.empty()) {
    std::string_view value = cut(line, ' ');
    const std::string_view name = cut(value, '=');
    if (!take(name, value, admin, address)) return false;
  }
  if (!(address == AddressWish{})) {
    if (address.wanted == config::Endpoint{}) return false;
    state.addresses.emplace(key, address);
  }
  state.servers.emplace(std::move(key), admin);
  return true;
}

bool read_line(std::string_view line, RuntimeState& state) {
  const std::string_view kind = cut(line, ' ');
  if (kind == "server") return read_server(line, state);
  if (kind != "frontend") return false;
  const std::string_view name = cut(line, ' ');
  if (name.empty() || line != "disabled") return false;
  state.paused_frontends.emplace(name);
  return true;
}

}  // namespace

std::string write_runtime_state(const RuntimeState& state) {
  std::string text = fmt::format("{}\n", kTitle);
  std::map<ServerKey, std::string> lines;
  for (const auto& [key, admin] : state.servers)
    lines[key] = words_of(admin);
  for (const auto& [key, address] : state.addresses) {
    lines[key] += fmt::format(" address={} configured={}", config::to_string(address.wanted),
                              config::to_string(address.configured));
  }
  for (const auto& [key, words] : lines)
    text += fmt::format("server {}{}\n", to_string(key), words);
  for (const std::string& frontend : state.paused_frontends)
    text += fmt::format("frontend {} disabled\n", frontend);
  return text;
}

ReadRuntimeState read_runtime_state(std::string_view text) {
  ReadRuntimeState read;
  if (cut(text, '\n') != kTitle) {
    read.complaints.push_back("it is of another version");
    return read;
  }
  for (std::size_t line = 2; !text.empty(); ++line) {
    if (read_line(cut(text, '\n'), read.state)) continue;
    read.complaints.push_back(fmt::format("line {} is damaged", line));
    if (read.complaints.size() == kMaxComplaints) break;
  }
  return read;
}

}  // namespace carpool
