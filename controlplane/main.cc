// carpoold: the control plane. Reads the command line, then lets the appliance run until a signal.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "controlplane/appliance/appliance.h"
#include "controlplane/appliance/config_source.h"
#include "controlplane/console/version.h"
#include "controlplane/runtime/descriptors.h"
#include "controlplane/runtime/files.h"
#include "controlplane/runtime/log.h"
#include "controlplane/supervisor/lock_file.h"

namespace carpool {
namespace {

namespace asio = boost::asio;

constexpr int kUsageError = 2;

struct Options {
  Appliance::Settings settings;
  std::string log_level = "info";
  bool check = false;
};

void add_options(CLI::App& app, Options& options) {
  Appliance::Settings& settings = options.settings;
  settings.source.path = default_config_path();
  settings.source.node = default_node_name();
  settings.run_dir = "/run/carpool";
  app.add_option("--config", settings.source.path, "A file, or a directory of *.cfg files")
      ->capture_default_str();
  app.add_option("--node", settings.source.node, "Which 'node' section is this machine's")
      ->capture_default_str();
  app.add_option("--run-dir", settings.run_dir, "Where sockets, locks and the shared region are")
      ->capture_default_str();
  app.add_flag("--check", options.check, "Check the configuration, print what is found, and exit");
  app.add_flag("--allow-degraded", settings.source.allow_degraded,
               "Accept layer-7 keywords that only lose features, with warnings");
  auto* program =
      app.add_option("--dataplane", settings.dataplane,
                     "The program carpool-dp (default: beside this program, or in PATH)");
  app.add_flag("--attach", settings.attach_only,
               "Use the carpool-dp that runs in the run directory; never start or end one")
      ->excludes(program);
  app.add_option("--log-level", options.log_level,
                 "trace, debug, info, warning, error, critical or off")
      ->capture_default_str();
  app.set_version_flag("--version", "carpoold " + std::string(kVersion));
}

// Beside us as installed, or as built.
std::string find_dataplane() {
  std::error_code error;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& candidate : {here / "carpool-dp", here / "../dataplane/carpool-dp"}) {
    if (!error && std::filesystem::is_regular_file(candidate, error)) {
      return std::filesystem::weakly_canonical(candidate, error).string();
    }
    error.clear();
  }
  return "carpool-dp";
}

void print(const std::string& text) {
  fmt::print(stderr, "{}\n", text);
}

int fail_with(const Error& error) {
  print("carpoold: " + error.message);
  return 1;
}

// For people, so without time stamps and over several lines.
void print_warnings(const config::Config& config) {
  for (const config::Diagnostic& warning : config.warnings)
    print(config::format_diagnostic(warning));
}

Result<LockFile> lock_run_dir(const std::filesystem::path& run_dir) {
  std::error_code error;
  std::filesystem::create_directories(run_dir, error);
  if (error) {
    return fail(fmt::format("cannot make {}: {}", run_dir.string(), error.message()));
  }
  auto lock = LockFile::acquire(run_dir / "control.lock");
  if (!lock) {
    return fail(fmt::format("cannot work in {}, perhaps another carpoold does: {}",
                            run_dir.string(), lock.error().message));
  }
  return lock;
}

// Thousands of servers may keep their checks waiting until the timeout, all at once.
std::size_t make_room_for_probes() {
  const std::size_t wanted = kMaxOpenProbes + kOtherDescriptors;
  const std::size_t descriptors = raise_descriptor_limit(wanted);
  if (descriptors < wanted) {
    spdlog::warn("{} file descriptors instead of {}: at most {} health checks at once", descriptors,
                 wanted, probes_within(descriptors));
  }
  return probes_within(descriptors);
}

int run(const Options& options, LoadedConfig loaded) {
  const auto lock = lock_run_dir(options.settings.run_dir);
  if (!lock) return fail_with(lock.error());

  asio::io_context io(1);
  Appliance::Settings settings = options.settings;
  settings.max_open_probes = make_room_for_probes();
  Appliance appliance(io, std::move(settings), std::move(loaded));
  asio::signal_set endings(io, SIGTERM, SIGINT);
  endings.async_wait([&](boost::system::error_code error, int number) {
    if (error) return;
    spdlog::info("ending: signal {}", number);
    appliance.stop();
  });
  asio::signal_set hangups(io, SIGHUP);
  std::function<void()> await_hangup = [&] {
    hangups.async_wait([&](boost::system::error_code error, int) {
      if (error) return;
      appliance.reload();
      await_hangup();
    });
  };
  await_hangup();

  Result<void> outcome = fail("ended early");
  asio::co_spawn(io, appliance.run(), [&](std::exception_ptr error, Result<void> result) {
    if (error) std::rethrow_exception(error);
    outcome = std::move(result);
    io.stop();
  });
  io.run();
  return outcome ? 0 : fail_with(outcome.error());
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app("The control plane of carpool, a redundant layer-4 load balancer.", "carpoold");
  add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  if (options.settings.dataplane.empty()) options.settings.dataplane = find_dataplane();
  if (auto log = set_up_log(options.log_level, log_style_of_stderr()); !log) {
    return fail_with(log.error());
  }

  // A name server that is down must not keep us from starting.
  const auto names = read_text(options.settings.run_dir / kNamesFile);
  auto loaded = load_config(options.settings.source, read_names(names.value_or("")));
  if (!loaded) {
    for (const std::string& line : loaded.error())
      print(line);
    return 1;
  }
  print_warnings(loaded->config);
  if (options.check) {
    print(fmt::format("{}: node {}: the configuration is good",
                      options.settings.source.path.string(), loaded->config.node_name));
    return 0;
  }
  return run(options, std::move(*loaded));
}

}  // namespace
}  // namespace carpool

int main(int argc, char** argv) {
  return carpool::main(argc, argv);
}
