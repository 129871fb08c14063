// Loading texts in tests: one or more files, as node lb1, with names and an environment of our own.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/config/load.h"

namespace carpool::config {

// A pair of nodes and a group: what every configuration needs around the lines under test. Eleven
// lines, so that what is appended begins at line 12.
inline constexpr std::string_view kPrelude =
    "node lb1\n"
    "    port wan xdp eth1\n"
    "    redundancy public advskew 0\n"
    "node lb2\n"
    "    port wan xdp eth1\n"
    "    redundancy public advskew 100\n"
    "redundancy public\n"
    "    vhid 53\n"
    "    port wan\n"
    "    pass secret\n"
    "    address 192.0.2.10/24\n";
inline constexpr std::uint32_t kPreludeLines = 11;

struct TestWorld {
  std::map<std::string, Ipv4Address, std::less<>> hosts = {
      {"db1.example", Ipv4Address::of(10, 0, 0, 11)}};
  std::map<std::string, std::string, std::less<>> environment = {{"PORT", "3306"}, {"EMPTY", ""}};
  // Files that hold secrets, by path.
  std::map<std::string, std::string, std::less<>> secrets = {
      {"/etc/carpool/peer.key", std::string(64, 'b') + "\n"}, {"/etc/carpool/short.key", "abc"}};
  bool allow_degraded = false;
  std::string node = "lb1";

  [[nodiscard]] LoadOptions options() const {
    LoadOptions options;
    options.node_name = node;
    options.allow_degraded = allow_degraded;
    options.resolve = [this](std::string_view name) -> Result<Ipv4Address> {
      const auto found = hosts.find(name);
      if (found == hosts.end()) return fail("no such host");
      return found->second;
    };
    options.environment = [this](std::string_view name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      if (found == environment.end()) return std::nullopt;
      return found->second;
    };
    options.read_secret = [this](std::string_view path) -> Result<std::string> {
      const auto found = secrets.find(path);
      if (found == secrets.end()) return fail("cannot be read: No such file or directory");
      return found->second;
    };
    return options;
  }
};

inline std::expected<Config, std::vector<Diagnostic>> load_files(
    const std::vector<SourceFile>& files, const TestWorld& world = {}) {
  return load(files, world.options());
}

inline std::expected<Config, std::vector<Diagnostic>> load_text(std::string_view text,
                                                                const TestWorld& world = {}) {
  return load_files({{"test.cfg", std::string(text)}}, world);
}

// After the prelude, which must be good together with it; fails the test otherwise.
inline Config good(std::string_view text, const TestWorld& world = {}) {
  auto config = load_text(std::string(kPrelude) + std::string(text), world);
  if (config) return *std::move(config);
  ADD_FAILURE() << format_diagnostics(config.error());
  return {};
}

// Everything said about the prelude and this text, good or bad.
inline std::vector<Diagnostic> said_about(std::string_view text, const TestWorld& world = {}) {
  auto config = load_text(std::string(kPrelude) + std::string(text), world);
  return config ? config->warnings : config.error();
}

inline bool says(const std::vector<Diagnostic>& diagnostics, Severity severity, std::uint32_t line,
                 std::string_view fragment) {
  return std::ranges::any_of(diagnostics, [&](const Diagnostic& d) {
    return d.severity == severity && d.line == line &&
           (d.message.find(fragment) != std::string::npos ||
            d.hint.find(fragment) != std::string::npos);
  });
}

}  // namespace carpool::config
