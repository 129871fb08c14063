#include "tools/carpool/config_command.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "controlplane/config/effective.h"
#include "controlplane/config/keywords.h"
#include "controlplane/config/store_files.h"
#include "tools/carpool/diff_text.h"
#include "tools/carpool/plan.h"
#include "tools/carpool/section.h"
#include "tools/carpool/status_command.h"

namespace carpool::tool {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBackups = "/var/backups/carpool";

Result<History> find_history(const Workplace& workplace) {
  auto history = History::find(workplace.source.path);
  if (!history) return std::unexpected(history.error());
  if (!*history) return fail("there is no history yet: 'carpool config apply' begins it");
  return std::move(**history);
}

Result<Files> files_of(const Workplace& workplace, const std::string& revision) {
  const auto history = find_history(workplace);
  if (!history) return std::unexpected(history.error());
  const auto found = history->find_revision(revision);
  if (!found) return std::unexpected(found.error());
  return history->files(*found);
}

Result<std::vector<config::SourceFile>> on_disk(const Workplace& workplace) {
  return config::read_all_files(workplace.source.path);
}

std::string time_text(const Revision& revision) {
  const std::time_t local = revision.time_s + 60 * revision.utc_offset_minutes;
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(local));
}

// Into the place of the files there are: restoring from a folder, or from one file to one file.
Result<Files> files_for(const Workplace& workplace, const fs::path& from) {
  auto files = config::read_all_files(from);
  if (!files) return files;
  std::error_code ignored;
  const bool into_folder = fs::is_directory(workplace.source.path, ignored);
  if (!into_folder && files->size() != 1) {
    return fail(fmt::format("{} has {} files, and {} is one", from.string(), files->size(),
                            workplace.source.path.string()));
  }
  for (config::SourceFile& file : *files) {
    file.path = into_folder ? (workplace.source.path / fs::path(file.path).filename()).string()
                            : workplace.source.path.string();
  }
  return files;
}

}  // namespace

int run_config_check(const ConfigSource& source) {
  const auto loaded = load_config(source);
  if (!loaded) {
    for (const std::string& line : loaded.error())
      fmt::print(stderr, "{}\n", line);
    return kFailed;
  }
  for (const config::Diagnostic& warning : loaded->config.warnings)
    fmt::print(stderr, "{}\n", config::format_diagnostic(warning));
  fmt::print("{}: node {}: the configuration is good\n", source.path.string(),
             loaded->config.node_name);
  return kAnswered;
}

int run_config_keywords() {
  fmt::print("{}\n", config::print_keywords());
  return kAnswered;
}

int run_config_show(const Workplace& workplace, const ShowOptions& options) {
  if (options.running && !workplace.running) return complain({"carpoold does not run"});
  const auto files = options.running ? Result<Files>(workplace.running->files) : on_disk(workplace);
  if (!files) return complain(files.error());
  if (!options.effective) {
    fmt::print("{}", assembled_text(switched_on(*files), options.secrets));
    return kAnswered;
  }
  const auto loaded = validate(workplace, switched_on(*files), false);
  if (!loaded) return kFailed;
  fmt::print("{}", config::effective_text(loaded->config, options.secrets));
  return kAnswered;
}

int run_config_diff(const Workplace& workplace, const std::string& from, const std::string& to) {
  const bool with_running = from.empty();
  if (with_running && !workplace.running) {
    return complain({"carpoold does not run: name a revision to compare with"});
  }
  const auto before =
      with_running ? Result<Files>(workplace.running->files) : files_of(workplace, from);
  if (!before) return complain(before.error());
  auto after = to.empty() ? on_disk(workplace) : files_of(workplace, to);
  if (!after) return complain(after.error());
  if (with_running) after = switched_on(*after);  // nothing else runs
  fmt::print("{}", diff_text(*before, *after, Paint(colours_wanted())));
  return kAnswered;
}

int run_config_plan(const Workplace& workplace) {
  if (!workplace.running) return complain({"carpoold does not run: there is nothing to compare"});
  const auto files = on_disk(workplace);
  if (!files) return complain(files.error());
  const auto wanted = validate(workplace, switched_on(*files), false);
  if (!wanted) return kFailed;
  const auto running = load_texts(workplace.source, workplace.running->files);
  if (!running) {
    return complain({"what runs cannot be read again, so it cannot be compared: " +
                     config::format_diagnostics(running.error())});
  }
  const Plan plan = make_plan(running->config, wanted->config, ask_connections(workplace));
  fmt::print("{}", plan_text(plan, Paint(colours_wanted())));
  return kAnswered;
}

int run_config_history(const Workplace& workplace, std::size_t limit) {
  const auto history = find_history(workplace);
  if (!history) return complain(history.error());
  const auto revisions = history->list(limit);
  if (!revisions) return complain(revisions.error());
  for (const Revision& revision : *revisions) {
    const std::string_view message = revision.message;
    fmt::print("{}  {}  {:<10}  {}\n", revision.short_id(), time_text(revision), revision.author,
               message.substr(0, message.find('\n')));
  }
  return kAnswered;
}

int run_config_rollback(const Workplace& workplace, const std::string& revision,
                        ChangeRequest request) {
  const auto history = find_history(workplace);
  if (!history) return complain(history.error());
  const auto found = history->find_revision(revision);
  if (!found) return complain(found.error());
  const auto wanted = history->files(*found);
  if (!wanted) return complain(wanted.error());
  const auto seen = on_disk(workplace);
  if (!seen) return complain(seen.error());
  if (request.message.empty()) {
    request.message = fmt::format("back to {}: {}", found->short_id(), found->message);
  }
  return change_files(workplace, *seen, *wanted, request);
}

int run_config_enable(const Workplace& workplace, const std::string& section, bool enable,
                      ChangeRequest request) {
  std::error_code ignored;
  if (!fs::is_directory(workplace.source.path, ignored)) {
    return complain({workplace.source.path.string() +
                     " is one file: only files of a folder are switched on and off"});
  }
  const auto seen = on_disk(workplace);
  if (!seen) return complain(seen.error());
  const auto found = find_section(workplace.source, *seen, section);
  if (!found) return complain(found.error());
  const std::string& path = found->front().path;
  const bool enabled = !path.ends_with(config::kDisabledSuffix);
  if (enabled == enable) {
    fmt::print("{} is switched {} already\n", path, enable ? "on" : "off");
    return kAnswered;
  }
  Files wanted = *seen;
  const auto file = std::ranges::find(wanted, path, &config::SourceFile::path);
  if (enable) {
    file->path.resize(path.size() - config::kDisabledSuffix.size());
  } else {
    file->path += config::kDisabledSuffix;
  }
  std::ranges::sort(wanted, {}, &config::SourceFile::path);
  if (request.message.empty()) {
    request.message = fmt::format("switch {} {}", enable ? "on" : "off", section);
  }
  return change_files(workplace, *seen, wanted, request);
}

int run_config_backup(const Workplace& workplace, fs::path to) {
  const auto files = on_disk(workplace);
  if (!files) return complain(files.error());
  if (to.empty()) {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    to = fs::path(kBackups) / fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(now));
  }
  std::error_code error;
  if (fs::exists(to, error)) return complain({to.string() + " exists already"});
  const mode_t umask_before = umask(0077);  // it holds passwords
  fs::create_directories(to, error);
  umask(umask_before);
  if (error) return complain({fmt::format("cannot make {}: {}", to.string(), error.message())});
  for (const config::SourceFile& file : *files) {
    const auto stored = config::store_file(to / fs::path(file.path).filename(), file.text);
    if (!stored) return complain(stored.error());
  }
  fmt::print("{}\n", to.string());
  return kAnswered;
}

int run_config_restore(const Workplace& workplace, const fs::path& from, ChangeRequest request) {
  const auto wanted = files_for(workplace, from);
  if (!wanted) return complain(wanted.error());
  const auto seen = on_disk(workplace);
  if (!seen) return complain(seen.error());
  if (request.message.empty()) request.message = "restore " + from.string();
  return change_files(workplace, *seen, *wanted, request);
}

int run_config_digest(const Workplace& workplace) {
  const auto files = on_disk(workplace);
  if (!files) return complain(files.error());
  const std::string digest = digest_of(switched_on(*files));
  fmt::print("files    {}\n", digest);
  if (!workplace.running) return kAnswered;
  fmt::print("running  {}\n", workplace.running->digest);
  return workplace.running->digest == digest ? kAnswered : kFailed;
}

}  // namespace carpool::tool
