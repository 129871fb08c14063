#include "tools/carpool/workplace.h"

#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "controlplane/appliance/file_bundle.h"
#include "controlplane/supervisor/lock_file.h"
#include "tools/carpool/client.h"

namespace carpool::tool {
namespace {

namespace fs = std::filesystem;

// As long as it may take to load and to take over the largest configuration, names included.
constexpr std::chrono::seconds kReloadLimit{60};
constexpr std::chrono::seconds kConfirmLimit{10};

bool is_same_place(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored) ||
         fs::weakly_canonical(a, ignored) == fs::weakly_canonical(b, ignored);
}

Result<void> join_daemon(const WorkplaceOptions& options, Workplace& workplace) {
  const auto answer = get(workplace.socket, "/api/v1/config");
  if (!answer) return fail(fmt::format("carpoold runs, but {}", answer.error().message));
  auto bundle = read_bundle(*answer);
  if (!bundle) return fail("carpoold's answer is not understood: " + bundle.error().message);
  const fs::path path(bundle->get("path"));
  if (!options.path.empty() && !is_same_place(options.path, path)) {
    return fail(
        fmt::format("carpoold runs with {}, not with {}: leave the path out, or name the "
                    "run directory of another carpoold with --run-dir",
                    path.string(), options.path.string()));
  }
  workplace.source = {path, std::string(bundle->get("node")),
                      bundle->get("allow_degraded") == "yes"};
  workplace.running = Running{std::string(bundle->get("digest")), std::move(bundle->files),
                              !bundle->get("trial").empty()};
  return {};
}

std::string error_in(const Answer& answer) {
  const auto document = nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (document.is_object() && document.contains("error") && document["error"].is_string()) {
    return document["error"];
  }
  return fmt::format("carpoold answers {}", answer.status);
}

}  // namespace

Result<Workplace> find_workplace(const WorkplaceOptions& options) {
  Workplace workplace;
  workplace.socket = options.run_dir / kControlSocket;
  workplace.source = {options.path.empty() ? default_config_path() : options.path,
                      options.node.empty() ? default_node_name() : options.node,
                      options.allow_degraded};
  if (lock_holder(options.run_dir / "control.lock")) {
    if (auto joined = join_daemon(options, workplace); !joined) {
      return std::unexpected(joined.error());
    }
  }
  return workplace;
}

Result<Taken> tell_reload(const Workplace& workplace, const std::string& digest,
                          std::optional<std::chrono::seconds> confirm) {
  nlohmann::json request = {{"digest", digest}};
  if (confirm) request["confirm_s"] = confirm->count();
  const auto answer =
      ask_for(workplace.socket,
              {.target = "/api/v1/config/reload", .body = request.dump(), .limit = kReloadLimit});
  if (!answer) return std::unexpected(answer.error());
  const auto document = nlohmann::json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("taken")) return fail(error_in(*answer));
  Taken taken;
  taken.taken = document.value("taken", false);
  for (const auto& message : document.value("messages", nlohmann::json::array())) {
    if (message.is_string()) taken.messages.push_back(message);
  }
  return taken;
}

Result<bool> tell_confirm(const Workplace& workplace) {
  const auto answer = ask_for(
      workplace.socket, {.target = "/api/v1/config/confirm", .body = "", .limit = kConfirmLimit});
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 409) return false;
  if (answer->status != 200) return fail(error_in(*answer));
  return true;
}

LiveConnections ask_connections(const Workplace& workplace) {
  constexpr std::uint64_t kNone = 0;
  LiveConnections live;
  if (!workplace.running) return live;
  const auto answer = get(workplace.socket, "/api/v1/status");
  if (!answer) return live;
  const auto status = nlohmann::json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!status.is_object() || !status.contains("services")) return live;
  for (const auto& service : status["services"]) {
    const std::string backend = service.value("backend", "");
    live.of_services[service.value("name", "")] += service.value("connections_active", kNone);
    for (const auto& server : service.value("servers", nlohmann::json::array())) {
      live.of_servers[backend + "/" + server.value("name", "")] +=
          server.value("connections_active", kNone);
    }
  }
  return live;
}

}  // namespace carpool::tool
