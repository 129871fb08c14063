// carpool: what an operator types.
#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include "controlplane/console/version.h"
#include "tools/carpool/config_cli.h"
#include "tools/carpool/import_command.h"
#include "tools/carpool/move_command.h"
#include "tools/carpool/status_command.h"
#include "tools/carpool/top_command.h"

namespace carpool::tool {
namespace {

void add_status(CLI::App& app, StatusOptions& options) {
  auto* status = app.add_subcommand("status", "How this node is: redundancy, servers, traffic");
  status->add_flag("--json", options.json, "The daemon's answer as it is");
  status->add_flag("--traffic", options.traffic,
                   "What is seen of each server's traffic: answer times, resets, ...");
  status->add_flag("--watch", options.watch, "Again every second, until interrupted");
  status->add_option("--run-dir", options.run_dir, "The run directory of carpoold")
      ->capture_default_str();
  status->footer(
      "Exit status: 0 carpoold answered; 1 it answered nonsense; 2 wrong usage;\n"
      "3 only the data plane runs; 4 nothing runs.");
}

void add_top(CLI::App& app, TopOptions& options) {
  auto* top = app.add_subcommand("top", "The same, live: services, servers, checks, drops");
  top->add_option("--run-dir", options.run_dir, "The run directory of carpoold")
      ->capture_default_str();
  top->footer("Keys: 1 status, 2 traffic, 3 checks, 4 drops, / filter, s sort, h help, q quit.");
}

constexpr const char* kMoveStatuses =
    "Exit status: 0 done; 1 not done, and why; 2 wrong usage; 4 carpoold does not answer.";

CLI::App* add_move(CLI::App& app, MoveOptions& options, const char* name, const char* what) {
  auto* command = app.add_subcommand(name, what);
  command->add_option("group", options.group, "The group, with its sync-group (default: all)");
  command->add_flag("--json", options.json, "The daemon's answer as it is");
  command->add_option("--run-dir", options.run_dir, "The run directory of carpoold")
      ->capture_default_str();
  command->footer(kMoveStatuses);
  return command;
}

void add_moves(CLI::App& app, MoveOptions& options) {
  add_move(app, options, "switchover", "Hand groups over to the other node, without a loss");
  add_move(app, options, "drill", "Hand groups over and fetch them back, to see that it works");
  auto* demote = app.add_subcommand("demote", "Keep groups off this node, for maintenance");
  demote->require_subcommand(1);
  add_move(*demote, options, "on", "Hand groups over, and do not take them until 'off'");
  add_move(*demote, options, "off", "Maintenance, or the effect of a switchover, is over");
}

int main(int argc, char** argv) {
  CLI::App app("Asks and tells the load balancer on this machine.", "carpool");
  app.require_subcommand(1);
  app.set_version_flag("--version", "carpool " + std::string(kVersion));
  StatusOptions status;
  TopOptions top;
  MoveOptions move;
  std::function<int()> chosen;
  add_status(app, status);
  add_top(app, top);
  add_moves(app, move);
  add_config(app, chosen);
  add_import(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kAnswered : kUsageError;
  }
  if (app.got_subcommand("top")) return run_top(top);
  if (app.got_subcommand("switchover")) return run_switchover(move);
  if (app.got_subcommand("drill")) return run_drill(move);
  if (app.got_subcommand("demote")) {
    return run_demote(move, app.get_subcommand("demote")->got_subcommand("on"));
  }
  return chosen ? chosen() : run_status(status);
}

}  // namespace
}  // namespace carpool::tool

int main(int argc, char** argv) {
  return carpool::tool::main(argc, argv);
}
