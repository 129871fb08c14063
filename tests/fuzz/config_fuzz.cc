// Any text as a configuration: it loads into a model that keeps its promises, or it is refused with
// at least one error; never anything else.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "controlplane/config/load.h"

namespace carpool::config {
namespace {

void require(bool condition, const char* promise) {
  if (condition) return;
  fmt::print(stderr, "broken promise: {}\n", promise);
  std::abort();
}

LoadOptions options_for(std::string_view text) {
  LoadOptions options;
  options.node_name = "lb1";
  options.allow_degraded = text.size() % 2 == 1;
  options.resolve = [](std::string_view name) -> Result<Ipv4Address> {
    if (name.size() % 3 == 0) return fail("no such host");
    return Ipv4Address::of(10, 9, 0, static_cast<std::uint8_t>(name.size()));
  };
  options.environment = [](std::string_view name) -> std::optional<std::string> {
    if (name.size() % 2 == 0) return std::nullopt;
    return std::string(name) + " " + std::string(name);
  };
  options.read_secret = [](std::string_view path) -> Result<std::string> {
    if (path.size() % 2 == 0) return fail("cannot be read");
    return std::string(2 * kPeerKeyBytes, 'a') + "\n";
  };
  return options;
}

void check_promises(const Config& config) {
  require(config.node.name == "lb1" && !config.node.ports.empty(), "the node is there");
  require(config.node.workers >= 1 && config.node.workers <= kMaxWorkers, "workers");
  require(config.node.flows >= kMinFlows && config.node.flows <= kMaxFlows, "flows");
  require(config.global.peer_keys.size() <= kMaxPeerKeys, "peer keys");
  for (const RedundancyGroup& group : config.groups) {
    require(group.vhid != 0 && !group.addresses.empty() && group.advbase >= 1, "group complete");
    require(config.node.find_port(group.port) != nullptr, "the group's port exists");
    require(group.password.size() <= (group.is_vrrp() ? kMaxVrrpPassLength : kMaxCarpPassLength),
            "password");
    require(group.vrrp.priority >= 1 && group.vrrp.interval >= kVrrp3IntervalStep, "vrrp");
    for (const TrackBackend& track : group.tracks) {
      require(config.backends.at(track.backend_index).name == track.backend, "tracked backend");
    }
  }
  for (const Frontend& frontend : config.frontends) {
    require(config.backends.at(frontend.backend_index).name == frontend.default_backend,
            "default backend");
    for (const Bind& bind : frontend.binds) {
      require(bind.group < config.groups.size(), "the bind's group exists");
      require(bind.port_first >= 1 && bind.port_first <= bind.port_last, "ports of a bind");
    }
  }
  for (const Backend& backend : config.backends) {
    for (const Server& server : backend.servers) {
      require(!server.address.is_unspecified() && server.weight <= kMaxWeight, "server");
      require(!server.check || server.check_endpoint().port != 0, "port of a check");
    }
  }
}

}  // namespace
}  // namespace carpool::config

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carpool::config;
  const std::string text(reinterpret_cast<const char*>(data), size);
  // A second file sees what the first left behind.
  const std::size_t cut = text.find("\n%%\n");
  std::vector<SourceFile> files{{"a.cfg", text.substr(0, cut)}};
  if (cut != text.npos) files.push_back({"b.cfg", text.substr(cut + 4)});
  const auto config = load(files, options_for(text));
  const auto& said = config ? config->warnings : config.error();
  bool failed = false;
  for (const Diagnostic& diagnostic : said)
    failed |= diagnostic.severity == Severity::Error;
  require(failed == !config, "an error and a refusal come together");
  require(said.empty() || !format_diagnostics(said).empty(), "diagnostics print");
  if (config) check_promises(*config);
  return 0;
}
