#include "tools/carpool/server_command.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "tools/carpool/runtime_client.h"

namespace carpool::tool {
namespace {

constexpr int kDone = 0;
constexpr int kRefused = 1;
constexpr auto kLookEvery = std::chrono::milliseconds(200);

int complain(const std::string& text) {
  fmt::print(stderr, "carpool: {}\n", text);
  return kRefused;
}

std::string of(const StatRow& row, std::string_view column) {
  const auto found = row.find(column);
  return found == row.end() ? "" : found->second;
}

}  // namespace

struct ServerCommands::Options {
  CLI::App* server = nullptr;
  CLI::App* list = nullptr;
  CLI::App* drain = nullptr;
  CLI::App* ready = nullptr;
  CLI::App* maint = nullptr;
  CLI::App* weight = nullptr;
  CLI::App* frontend = nullptr;
  CLI::App* frontend_list = nullptr;
  CLI::App* enable = nullptr;
  CLI::App* disable = nullptr;
  CLI::App* runtime = nullptr;

  std::filesystem::path run_dir = "/run/carpool";
  std::vector<std::string> names;
  std::string backend;
  std::string value;
  std::vector<std::string> words;
  bool only_names = false;
  bool wait = false;
  double limit_s = 300;

  Result<std::vector<StatRow>> statistics() const {
    auto text = ask_runtime(run_dir, "show stat");
    if (!text) return std::unexpected(text.error());
    return parse_statistics(*text);
  }

  // Says it, and what is answered if that is anything.
  int tell(const std::string& command) const {
    const auto answer = ask_runtime(run_dir, command);
    if (!answer) return complain(answer.error().message);
    return answer->empty() ? kDone : complain(*answer);
  }

  int set_state(const std::string& state) const {
    for (const std::string& name : names) {
      const int outcome = tell(fmt::format("set server {} state {}", name, state));
      if (outcome != kDone) return outcome;
    }
    return wait ? wait_for(state) : kDone;
  }

  // Ready: until it takes connections. Otherwise: until the last one has ended.
  static bool is_reached(const StatRow& row, const std::string& state) {
    const std::string status = of(row, "status");
    if (state == "ready") return status.starts_with("UP") || status == "no check";
    return of(row, "scur") == "0";
  }

  int wait_for(const std::string& state) const {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::duration<double>(limit_s);
    while (true) {
      const auto rows = statistics();
      if (!rows) return complain(rows.error().message);
      std::string waiting;
      for (const StatRow& row : *rows) {
        const std::string name = of(row, "pxname") + "/" + of(row, "svname");
        const bool wanted = std::ranges::find(names, name) != names.end();
        if (!wanted || is_reached(row, state)) continue;
        waiting += fmt::format("{}{} ({}, {} connections)", waiting.empty() ? "" : ", ", name,
                               of(row, "status"), of(row, "scur"));
      }
      if (waiting.empty()) return kDone;
      if (std::chrono::steady_clock::now() >= limit) {
        return complain(fmt::format("not reached within {} s: {}", limit_s, waiting));
      }
      std::this_thread::sleep_for(kLookEvery);
    }
  }

  int list_servers() const {
    const auto rows = statistics();
    if (!rows) return complain(rows.error().message);
    if (!only_names) {
      fmt::print("{:<32} {:<14} {:>6} {:>8} {:>10} {:<21} {}\n", "SERVER", "STATUS", "WEIGHT",
                 "CURRENT", "TOTAL", "ADDRESS", "LAST CHECK");
    }
    bool found = backend.empty();
    for (const StatRow& row : *rows) {
      if (!backend.empty() && of(row, "pxname") != backend) continue;
      found = true;
      if (of(row, "type") != "2") continue;
      const std::string name = of(row, "pxname") + "/" + of(row, "svname");
      if (only_names) {
        fmt::print("{}\n", name);
        continue;
      }
      const std::string code = of(row, "check_code");
      fmt::print("{:<32} {:<14} {:>6} {:>8} {:>10} {:<21} {}{}\n", name, of(row, "status"),
                 of(row, "weight"), of(row, "scur"), of(row, "stot"), of(row, "addr"),
                 of(row, "check_status"), code.empty() ? "" : "/" + code);
    }
    return found ? kDone : complain(fmt::format("there is no backend {}", backend));
  }

  int list_frontends() const {
    const auto rows = statistics();
    if (!rows) return complain(rows.error().message);
    for (const StatRow& row : *rows) {
      if (of(row, "type") != "0") continue;
      if (only_names)
        fmt::print("{}\n", of(row, "pxname"));
      else
        fmt::print("{:<32} {:<8} {:>8}\n", of(row, "pxname"), of(row, "status"), of(row, "scur"));
    }
    return kDone;
  }

  // A line of the runtime socket as it is.
  int run_line() const {
    std::string line;
    for (const std::string& word : words)
      line += (line.empty() ? "" : " ") + word;
    const auto answer = ask_runtime(run_dir, line);
    if (!answer) return complain(answer.error().message);
    if (!answer->empty()) fmt::print("{}\n", *answer);
    return kDone;
  }
};

ServerCommands::ServerCommands(CLI::App& app) : options_(std::make_unique<Options>()) {
  Options& options = *options_;
  const auto run_dir = [&](CLI::App* command) {
    command->add_option("--run-dir", options.run_dir, "The run directory of carpoold")
        ->capture_default_str();
    return command;
  };
  const auto names = [&](CLI::App* command) {
    command->add_option("server", options.names, "BACKEND/SERVER, one or several")->required();
    return command;
  };
  const auto waiting = [&](CLI::App* command, const char* until) {
    command->add_flag("--wait", options.wait, until);
    command->add_option("--timeout", options.limit_s, "How long to wait, in seconds")
        ->capture_default_str();
    return command;
  };
  options.server = app.add_subcommand(
      "server", "What is wanted of servers; it holds on after reloads and restarts");
  options.server->require_subcommand(1);
  options.list = run_dir(options.server->add_subcommand("list", "All servers and their states"));
  options.list->add_option("backend", options.backend, "Only those of this backend");
  options.list->add_flag("--names", options.only_names, "Only names, for completion");
  options.drain = run_dir(waiting(names(options.server->add_subcommand(
                                      "drain", "No new connections; those that are there go on")),
                                  "Until the last connection has ended"));
  options.ready = run_dir(waiting(
      names(options.server->add_subcommand("ready", "Back to what the configuration wants")),
      "Until it takes connections"));
  options.maint =
      run_dir(waiting(names(options.server->add_subcommand("maint", "Like drain, and not checked")),
                      "Until the last connection has ended"));
  options.weight = run_dir(options.server->add_subcommand("weight", "Another weight"));
  options.weight->add_option("server", options.names, "BACKEND/SERVER")->required()->expected(1);
  options.weight->add_option("weight", options.value, "0 to 256, or a percentage: 50%")->required();
  options.frontend = app.add_subcommand("frontend", "Open and close frontends");
  options.frontend->require_subcommand(1);
  options.frontend_list = run_dir(options.frontend->add_subcommand("list", "All frontends"));
  options.frontend_list->add_flag("--names", options.only_names, "Only names, for completion");
  for (auto [command, name, help] :
       {std::tuple{&options.enable, "enable", "New connections are taken again"},
        std::tuple{&options.disable, "disable", "New connections are refused; others go on"}}) {
    *command = run_dir(options.frontend->add_subcommand(name, help));
    (*command)->add_option("frontend", options.names, "Its name")->required()->expected(1);
  }
  options.runtime =
      run_dir(app.add_subcommand("runtime", "A line of the HAProxy-compatible runtime socket"));
  options.runtime->add_option("command", options.words, "As in: show stat")->required();
  for (CLI::App* command : {options.server, options.frontend, options.runtime})
    command->footer("Exit status: 0 done; 1 refused, or not reached in time; 2 wrong usage.");
}

ServerCommands::~ServerCommands() = default;

bool ServerCommands::given() const {
  return options_->server->parsed() || options_->frontend->parsed() || options_->runtime->parsed();
}

int ServerCommands::run() {
  const Options& options = *options_;
  if (options.list->parsed()) return options.list_servers();
  if (options.drain->parsed()) return options.set_state("drain");
  if (options.ready->parsed()) return options.set_state("ready");
  if (options.maint->parsed()) return options.set_state("maint");
  if (options.weight->parsed()) {
    return options.tell(
        fmt::format("set server {} weight {}", options.names.front(), options.value));
  }
  if (options.frontend_list->parsed()) return options.list_frontends();
  if (options.enable->parsed()) {
    return options.tell("enable frontend " + options.names.front());
  }
  if (options.disable->parsed()) {
    return options.tell("disable frontend " + options.names.front());
  }
  return options.run_line();
}

}  // namespace carpool::tool
