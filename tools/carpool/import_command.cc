#include "tools/carpool/import_command.h"

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "controlplane/appliance/config_source.h"
#include "controlplane/config/read_files.h"
#include "controlplane/config/store_files.h"
#include "tools/carpool/change.h"
#include "tools/carpool/import.h"
#include "tools/carpool/status_command.h"

namespace carpool::tool {
namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path haproxy, rc_conf, rc_conf_peer, sysctl, out;
};

Result<config::SourceFile> read_one(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return fail(path.string() + " is a folder, not a file");
  auto files = config::read_files(path);
  if (!files) return std::unexpected(files.error());
  return std::move(files->front());
}

Result<ImportInput> read_input(const Options& options) {
  ImportInput input;
  const auto read = [](const fs::path& path, auto& into) -> Result<void> {
    if (path.empty()) return {};
    auto file = read_one(path);
    if (!file) return std::unexpected(file.error());
    into = std::move(*file);
    return {};
  };
  for (const auto& done :
       {read(options.haproxy, input.haproxy), read(options.rc_conf, input.rc_conf),
        read(options.rc_conf_peer, input.rc_conf_peer), read(options.sysctl, input.sysctl)}) {
    if (!done) return std::unexpected(done.error());
  }
  return input;
}

std::vector<config::Diagnostic> check(const std::vector<config::SourceFile>& files,
                                      const std::string& node) {
  auto loaded = load_texts({.path = "", .node = node, .allow_degraded = false}, files);
  return loaded ? std::move(loaded->config.warnings) : std::move(loaded.error());
}

// Nothing of a configuration that is there already is overwritten.
Result<void> make_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) &&
      (!fs::is_directory(folder, error) || !fs::is_empty(folder, error))) {
    return fail(folder.string() + " exists already and is not an empty folder");
  }
  fs::create_directories(folder, error);
  if (error) return fail(fmt::format("cannot make {}: {}", folder.string(), error.message()));
  return {};
}

int run(const Options& options) {
  const auto input = read_input(options);
  if (!input) return complain(input.error());
  const auto imported = import_pair(*input, check);
  if (!imported) return complain(imported.error());
  if (auto made = make_folder(options.out); !made) return complain(made.error());
  const std::string report = report_text(imported->report);
  auto files = imported->files;
  files.push_back({"import-report.txt", report});
  for (const config::SourceFile& file : files) {
    const auto stored = config::store_file(options.out / file.path, file.text);
    if (!stored) return complain(stored.error());
  }
  fmt::print("{}\n{}: look through it, then: carpool config check {} --node {}\n", report,
             options.out.string(), options.out.string(), imported->node);
  return kAnswered;
}

}  // namespace

void add_import(CLI::App& app, std::function<int()>& chosen) {
  auto* command = app.add_subcommand("import", "Make a configuration of a FreeBSD pair's files");
  const auto options = std::make_shared<Options>();
  command->add_option("--haproxy", options->haproxy, "haproxy.conf")->required();
  command->add_option("--rc-conf", options->rc_conf, "rc.conf of the first machine")->required();
  command->add_option("--rc-conf-peer", options->rc_conf_peer, "rc.conf of the second one");
  command->add_option("--sysctl", options->sysctl, "sysctl.conf");
  command->add_option("--out", options->out, "A new folder for *.cfg and import-report.txt")
      ->required();
  command->footer(
      "Takes the syntaxes of FreeBSD 9 (carp0) and of 10 and later (vhid on an interface).\n"
      "Lines that carpool refuses are kept as comments, and everything is told in the report.");
  command->parse_complete_callback(
      [options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace carpool::tool
