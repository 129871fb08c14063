#include "tools/carpool/change.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <utility>

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "controlplane/config/read_files.h"
#include "controlplane/config/store_files.h"
#include "controlplane/supervisor/lock_file.h"
#include "tools/carpool/diff_text.h"
#include "tools/carpool/plan.h"
#include "tools/carpool/status_command.h"

namespace carpool::tool {
namespace {

namespace fs = std::filesystem;

// What was said about a configuration on trial, until it is confirmed.
fs::path message_file(const Workplace& workplace) {
  return History::folder_of(workplace.source.path) / "trial-message";
}

Result<LockFile> lock_folder(const Workplace& workplace) {
  auto lock = LockFile::acquire(config::config_folder(workplace.source.path) / ".lock");
  if (!lock) return fail("somebody else is changing the configuration: " + lock.error().message);
  return lock;
}

bool is_same(const Files& a, const Files& b) {
  return std::ranges::equal(a, b, [](const auto& left, const auto& right) {
    return left.path == right.path && left.text == right.text;
  });
}

// What runs, and what is switched off beside it.
Files running_files(const Running& running, const Files& on_disk) {
  Files files = running.files;
  for (const config::SourceFile& file : on_disk) {
    if (!file.path.ends_with(config::kDisabledSuffix)) continue;
    const std::string on = file.path.substr(0, file.path.size() - config::kDisabledSuffix.size());
    const bool runs =
        std::ranges::find(running.files, on, &config::SourceFile::path) != running.files.end();
    if (!runs) files.push_back(file);
  }
  std::ranges::sort(files, {}, &config::SourceFile::path);
  return files;
}

void show_plan(const Workplace& workplace, const LoadedConfig& wanted) {
  if (!workplace.running) return;
  const auto running = load_texts(workplace.source, workplace.running->files);
  if (!running) return;
  const Plan plan = make_plan(running->config, wanted.config, ask_connections(workplace));
  fmt::print("{}", plan_text(plan, Paint(colours_wanted())));
}

// The daemon's own words go out as they are.
Result<void> hand_over(const Workplace& workplace, const LoadedConfig& loaded,
                       const ChangeRequest& request) {
  const auto taken = tell_reload(workplace, loaded.digest, request.confirm);
  if (!taken) return std::unexpected(taken.error());
  if (taken->taken) return {};
  std::string reasons;
  for (const std::string& message : taken->messages)
    reasons += (reasons.empty() ? "" : "\n") + message;
  return fail("carpoold does not take it, and goes on with what it has:\n" + reasons);
}

Result<std::string> remember(const Workplace& workplace, const Files& files,
                             const std::string& message) {
  auto history = History::make(workplace.source.path);
  if (!history) return std::unexpected(history.error());
  const auto revision = history->record(files, author_name(), message);
  if (!revision) return std::unexpected(revision.error());
  return revision->short_id();
}

// Afterwards what was is in the history, whatever becomes of the files.
Result<void> back_up(const Workplace& workplace, const Files& on_disk, bool runs_on_disk) {
  if (workplace.running && !workplace.running->on_trial) {
    const Files running = running_files(*workplace.running, on_disk);
    const auto kept = remember(workplace, running, "as it ran before the next change");
    if (!kept) return std::unexpected(kept.error());
  }
  if (runs_on_disk) return {};
  const auto kept = remember(workplace, on_disk, "as it was found before the next change");
  if (!kept) return std::unexpected(kept.error());
  return {};
}

int conclude(const Workplace& workplace, const Files& files, const LoadedConfig& loaded,
             const ChangeRequest& request) {
  if (request.confirm) {
    const auto noted = config::store_file(message_file(workplace), request.message);
    if (!noted) fmt::print(stderr, "carpool: {}\n", noted.error().message);
    fmt::print("on trial for {} s: 'carpool config confirm' keeps it, else it is rolled back\n",
               request.confirm->count());
    return kAnswered;
  }
  const auto revision = remember(workplace, files, request.message);
  if (!revision) {
    fmt::print(stderr, "carpool: it is applied, but {}\n", revision.error().message);
    return kFailed;
  }
  fmt::print("{}: revision {}, digest {}\n",
             workplace.running ? "applied" : "stored, carpoold does not run", *revision,
             loaded.digest.substr(0, 16));
  return kAnswered;
}

std::optional<Error> why_no_trial(const Workplace& workplace, const ChangeRequest& request) {
  if (!request.confirm || workplace.running) return std::nullopt;
  return Error{"--confirm needs carpoold, which would roll back, and it does not run"};
}

}  // namespace

Files switched_on(const Files& files) {
  Files on;
  for (const config::SourceFile& file : files) {
    if (!file.path.ends_with(config::kDisabledSuffix)) on.push_back(file);
  }
  std::ranges::sort(on, {}, &config::SourceFile::path);
  return on;
}

std::optional<LoadedConfig> validate(const Workplace& workplace, const Files& files,
                                     bool with_warnings) {
  if (files.empty()) {
    fmt::print(stderr, "carpool: no file of the configuration would be left\n");
    return std::nullopt;
  }
  auto loaded = load_texts(workplace.source, files);
  if (!loaded) {
    fmt::print(stderr, "{}", config::format_diagnostics(loaded.error()));
    return std::nullopt;
  }
  if (with_warnings) {
    fmt::print(stderr, "{}", config::format_diagnostics(loaded->config.warnings));
  }
  return std::move(*loaded);
}

int change_files(const Workplace& workplace, const Files& seen, const Files& wanted,
                 const ChangeRequest& request) {
  if (const auto error = why_no_trial(workplace, request)) return complain(*error);
  const auto loaded = validate(workplace, switched_on(wanted), false);
  if (!loaded) return kFailed;
  const std::string diff = diff_text(seen, wanted, Paint(colours_wanted()));
  if (diff.empty()) {
    fmt::print("nothing to change\n");
    return kAnswered;
  }
  fmt::print("{}", diff);
  show_plan(workplace, *loaded);
  std::fflush(stdout);
  if (!request.yes && !ask("apply this?")) return kFailed;

  const auto lock = lock_folder(workplace);
  if (!lock) return complain(lock.error());
  const auto now = config::read_all_files(workplace.source.path);
  if (!now) return complain(now.error());
  if (!is_same(*now, seen)) {
    return complain(
        {"the files have been changed by somebody else meanwhile, nothing is applied: "
         "'carpool config diff' shows what they are now"});
  }
  if (auto kept = back_up(workplace, seen, false); !kept) return complain(kept.error());
  const auto put_back = [&](const Error& why) {
    fmt::print(stderr, "carpool: {}\n", why.message);
    if (auto back = config::store_all_files(workplace.source.path, seen); !back) {
      return complain({"the files cannot be put back: " + back.error().message});
    }
    fmt::print(stderr, "carpool: nothing is changed\n");
    return kFailed;
  };
  if (auto stored = config::store_all_files(workplace.source.path, wanted); !stored) {
    return put_back(stored.error());
  }
  if (workplace.running) {
    if (auto taken = hand_over(workplace, *loaded, request); !taken) return put_back(taken.error());
  }
  return conclude(workplace, wanted, *loaded, request);
}

int apply_files(const Workplace& workplace, const ChangeRequest& request) {
  if (const auto error = why_no_trial(workplace, request)) return complain(*error);
  const auto lock = lock_folder(workplace);
  if (!lock) return complain(lock.error());
  const auto files = config::read_all_files(workplace.source.path);
  if (!files) return complain(files.error());
  const auto loaded = validate(workplace, switched_on(*files), true);
  if (!loaded) return kFailed;
  const bool runs = workplace.running && workplace.running->digest == loaded->digest;
  if (runs && request.confirm) {
    return complain({"there is nothing to try: this configuration runs already"});
  }
  show_plan(workplace, *loaded);
  std::fflush(stdout);
  if (!runs) {
    if (auto kept = back_up(workplace, *files, true); !kept) return complain(kept.error());
  }
  if (workplace.running) {
    if (auto taken = hand_over(workplace, *loaded, request); !taken) return complain(taken.error());
  }
  return conclude(workplace, *files, *loaded, request);
}

int confirm_files(const Workplace& workplace) {
  if (!workplace.running) return complain({"carpoold does not run"});
  const auto lock = lock_folder(workplace);
  if (!lock) return complain(lock.error());
  const auto confirmed = tell_confirm(workplace);
  if (!confirmed) return complain(confirmed.error());
  if (!*confirmed) return complain({"no configuration is on trial"});
  const auto on_disk = config::read_all_files(workplace.source.path);
  if (!on_disk) return complain(on_disk.error());
  std::string message = "confirmed";
  std::error_code ignored;
  if (fs::exists(message_file(workplace), ignored)) {
    if (auto noted = config::read_files(message_file(workplace))) message = noted->front().text;
    fs::remove(message_file(workplace), ignored);
  }
  const auto revision = remember(workplace, running_files(*workplace.running, *on_disk), message);
  if (!revision) return complain(revision.error());
  fmt::print("confirmed: revision {}, digest {}\n", *revision,
             workplace.running->digest.substr(0, 16));
  return kAnswered;
}

std::string author_name() {
  if (const char* user = std::getenv("SUDO_USER"); user != nullptr && *user != '\0') return user;
  const passwd* entry = getpwuid(getuid());
  return entry == nullptr ? "unknown" : entry->pw_name;
}

bool ask(std::string_view question) {
  if (isatty(STDIN_FILENO) == 0) {
    fmt::print(stderr, "carpool: there is no terminal to ask on: --yes says yes\n");
    return false;
  }
  fmt::print("{} [y/N] ", question);
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

bool colours_wanted() {
  return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
}

int complain(const Error& error) {
  fmt::print(stderr, "carpool: {}\n", error.message);
  return kFailed;
}

}  // namespace carpool::tool
