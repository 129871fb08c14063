#include "tools/carpool/config_cli.h"

#include <charconv>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "tools/carpool/config_command.h"
#include "tools/carpool/config_edit.h"
#include "tools/carpool/status_command.h"

namespace carpool::tool {
namespace {

// What the words of the command line are put into; lives as long as the command line does.
struct Options {
  WorkplaceOptions place;
  ChangeRequest change;
  ShowOptions show;
  std::string confirm;
  std::string first, second;
  std::size_t limit = 20;
};
using Shared = std::shared_ptr<Options>;
using Chosen = std::function<int()>;

// "60s", "2m", "90": as people say it; seconds.
std::string read_confirm(const std::string& text, ChangeRequest& change) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  const unsigned factor = unit.empty() || unit == "s" ? 1
                          : unit == "m"               ? 60
                          : unit == "h"               ? 3600
                                                      : 0;
  if (error != std::errc{} || factor == 0 || number == 0 || number > 24 * 3600 / factor) {
    return "--confirm wants a time from 1s to 24h, like 60s";
  }
  change.confirm = std::chrono::seconds(number * factor);
  return {};
}

void add_place(CLI::App& command, const Shared& options) {
  command.add_option("--config", options->place.path,
                     "A file, or a folder of *.cfg files (default: what carpoold runs)");
  command.add_option("--node", options->place.node,
                     "Which 'node' section (default: carpoold's, or the host name)");
  command.add_option("--run-dir", options->place.run_dir, "The run directory of carpoold")
      ->capture_default_str();
  command.add_flag("--allow-degraded", options->place.allow_degraded,
                   "Accept layer-7 keywords that only lose features, with warnings");
}

// For what changes the configuration.
void add_change(CLI::App& command, const Shared& options) {
  command.add_option("-m,--message", options->change.message, "What for; stands in the history");
  command.add_option("--confirm", options->confirm,
                     "Roll back by itself after this time (60s) unless 'carpool config confirm'");
  command.add_flag("-y,--yes", options->change.yes, "Do not ask");
  command.final_callback([options] {
    if (options->confirm.empty()) return;
    if (const auto wrong = read_confirm(options->confirm, options->change); !wrong.empty()) {
      throw CLI::ValidationError(wrong);
    }
  });
}

template <class Run>
CLI::App* add(CLI::App& config, const Shared& options, Chosen& chosen, const char* name,
              const char* help, Run run) {
  CLI::App* command = config.add_subcommand(name, help);
  add_place(*command, options);
  command->parse_complete_callback([options, &chosen, run] {
    chosen = [options, run] {
      const auto workplace = find_workplace(options->place);
      return workplace ? run(*workplace, *options) : complain(workplace.error());
    };
  });
  return command;
}

void add_checks(CLI::App& config, const Shared& options, Chosen& chosen) {
  auto* check = config.add_subcommand("check", "Say everything that is wrong with them");
  auto source = std::make_shared<ConfigSource>();
  source->path = default_config_path();
  source->node = default_node_name();
  check->add_option("path", source->path, "A file, or a folder of *.cfg files")
      ->capture_default_str();
  check->add_option("--node", source->node, "Which 'node' section to check")->capture_default_str();
  check->add_flag("--allow-degraded", source->allow_degraded,
                  "Accept layer-7 keywords that only lose features, with warnings");
  check->footer("Exit status: 0 good, perhaps with warnings; 1 not good; 2 wrong usage.");
  check->parse_complete_callback(
      [source, &chosen] { chosen = [source] { return run_config_check(*source); }; });
  config.add_subcommand("keywords", "Every keyword that is known, and what becomes of it")
      ->parse_complete_callback([&chosen] { chosen = [] { return run_config_keywords(); }; });

  auto* show = add(config, options, chosen, "show", "The files as they are assembled",
                   [](const Workplace& place, const Options& given) {
                     return run_config_show(place, given.show);
                   });
  show->add_flag("--running", options->show.running, "What runs, not what is on the disk");
  show->add_flag("--effective", options->show.effective,
                 "As it acts on this node: 'defaults' filled in, every default written out");
  show->add_flag("--secrets", options->show.secrets, "With passwords and keys");
  auto* diff =
      add(config, options, chosen, "diff", "What differs: from what runs, or from a revision",
          [](const Workplace& place, const Options& given) {
            return run_config_diff(place, given.first, given.second);
          });
  diff->add_option("from", options->first, "A revision (default: what runs)");
  diff->add_option("to", options->second, "Another revision (default: the files)");
  add(config, options, chosen, "plan", "What would change: services, servers, connections, buckets",
      [](const Workplace& place, const Options&) { return run_config_plan(place); });
  add(config, options, chosen, "digest", "Of the files and of what runs; exit 1 if they differ",
      [](const Workplace& place, const Options&) { return run_config_digest(place); });
}

void add_changes(CLI::App& config, const Shared& options, Chosen& chosen) {
  add_change(*add(config, options, chosen, "apply",
                  "Check the files, remember them, have carpoold take them",
                  [](const Workplace& place, const Options& given) {
                    ChangeRequest request = given.change;
                    if (request.message.empty()) request.message = "apply";
                    return apply_files(place, request);
                  }),
             options);
  add(config, options, chosen, "confirm", "Keep what 'apply --confirm' put on trial",
      [](const Workplace& place, const Options&) { return confirm_files(place); });
  auto* edit = add(config, options, chosen, "edit",
                   "$VISUAL or $EDITOR on a copy; then check, show, ask and apply",
                   [](const Workplace& place, const Options& given) {
                     ChangeRequest request = given.change;
                     if (request.message.empty()) {
                       request.message = given.first.empty() ? "edit" : "edit " + given.first;
                     }
                     return edit_files(place, given.first, request);
                   });
  edit->add_option("section", options->first, "A file (web for web.cfg), or the name of a section");
  add_change(*edit, options);
  for (const bool enable : {true, false}) {
    auto* command = add(config, options, chosen, enable ? "enable" : "disable",
                        enable ? "Switch a file on again" : "Rename a file to *.cfg.disabled",
                        [enable](const Workplace& place, const Options& given) {
                          return run_config_enable(place, given.first, enable, given.change);
                        });
    command->add_option("section", options->first, "A file (web for web.cfg), or a section in it")
        ->required();
    add_change(*command, options);
  }
}

void add_memory(CLI::App& config, const Shared& options, Chosen& chosen) {
  auto* history = add(config, options, chosen, "history", "Who changed it when, the newest first",
                      [](const Workplace& place, const Options& given) {
                        return run_config_history(place, given.limit);
                      });
  history->add_option("-n,--limit", options->limit, "How many")->capture_default_str();
  auto* rollback = add(config, options, chosen, "rollback", "Go back to a revision",
                       [](const Workplace& place, const Options& given) {
                         return run_config_rollback(place, given.first, given.change);
                       });
  rollback->add_option("revision", options->first, "As 'history' names it, or HEAD~1")->required();
  add_change(*rollback, options);
  auto* backup = add(config, options, chosen, "backup", "Copy the files into a new folder",
                     [](const Workplace& place, const Options& given) {
                       return run_config_backup(place, given.first);
                     });
  backup->add_option("to", options->first,
                     "The folder (default: by the time, in /var/backups/carpool)");
  auto* restore = add(config, options, chosen, "restore", "Go back to a copy that 'backup' made",
                      [](const Workplace& place, const Options& given) {
                        return run_config_restore(place, given.first, given.change);
                      });
  restore->add_option("from", options->first, "The folder, or a file")->required();
  add_change(*restore, options);
}

}  // namespace

void add_config(CLI::App& app, Chosen& chosen) {
  auto* config = app.add_subcommand("config", "Look at the configuration, and change it safely");
  config->require_subcommand(1);
  const auto options = std::make_shared<Options>();
  add_checks(*config, options, chosen);
  add_changes(*config, options, chosen);
  add_memory(*config, options, chosen);
  config->footer(
      "Exit status: 0 done; 1 not done, and nothing is changed; 2 wrong usage.\n"
      "The history is a git repository: git -C /etc/carpool/conf.d/.history log -p");
}

}  // namespace carpool::tool
