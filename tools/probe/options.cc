#include "tools/probe/options.h"

#include <cstdint>
#include <optional>
#include <sstream>

#include <CLI/CLI.hpp>

#include "controlplane/config/values.h"
#include "controlplane/console/version.h"
#include "tools/probe/cat.h"

namespace carpool::probe {
namespace {

using namespace std::chrono_literals;

constexpr int kUsageError = 2;

// As written, before anything is understood.
struct Words {
  std::string credentials = "/etc/carpool/probe.cnf";
  std::string max_lag = "10s";
  bool donor_ok = false;
  std::string target;
  std::vector<std::string> argv;
  bool once = false;
  bool inetd = false;
  std::vector<std::string> http;
  std::vector<std::string> agent;
  std::string timeout = "1s";
  std::string cache = "500ms";
  std::string down_file;
  int weight = 100;
  bool allow_root = false;
};

CLI::App* add_mysql_mode(CLI::App& app, Words& words, const char* name, const char* text) {
  auto* mode = app.add_subcommand(name, text);
  mode->add_option("--credentials", words.credentials,
                   "Option file with [client] user, password, socket or host and port, ssl; "
                   "readable by its owner alone")
      ->capture_default_str();
  return mode;
}

void add_modes(CLI::App& app, Words& words) {
  app.require_subcommand(1);
  app.fallthrough();
  add_mysql_mode(app, words, "alive", "MySQL lets the probe log in");
  add_mysql_mode(app, words, "writable", "... and read_only and super_read_only are off");
  add_mysql_mode(app, words, "replica", "... and replication runs and is not late")
      ->add_option("--max-lag", words.max_lag, "How late it may be")
      ->capture_default_str();
  add_mysql_mode(app, words, "galera", "... and it is a synced member of the primary component")
      ->add_flag("--donor-ok", words.donor_ok, "A donor, or a desynced node, is good as well");
  app.add_subcommand("tcp", "Something accepts connections there")
      ->add_option("target", words.target, "HOST:PORT")
      ->required();
  app.add_subcommand("http", "A web service answers a GET with 200 to 399")
      ->add_option("target", words.target, "http://HOST[:PORT]/PATH, or https:// (not verified)")
      ->required();
  app.add_subcommand("command", "A program ends with exit status 0; its first line is the reason")
      ->add_option("argv", words.argv, "-- PROGRAM ARGUMENT ...")
      ->required();
}

void add_running(CLI::App& app, Words& words) {
  auto* once = app.add_flag("--once", words.once, "Print the verdict; exit with 0 up, 1 not up");
  auto* inetd = app.add_flag("--inetd", words.inetd,
                             "Answer the connection on standard input and output, and exit")
                    ->excludes(once);
  auto* listen =
      app.add_option("--listen", words.http, "PORT or ADDRESS:PORT to answer HTTP on (9200)");
  auto* agent = app.add_option("--agent-port", words.agent,
                               "PORT or ADDRESS:PORT to answer HAProxy's agent-check on");
  listen->excludes(once)->excludes(inetd);
  agent->excludes(once)->excludes(inetd);
  app.add_option("--weight", words.weight, "Percentage of its weight that agents hear while up")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--timeout", words.timeout, "For one check, all in all")->capture_default_str();
  app.add_option("--cache", words.cache, "How long a daemon's answer serves before it asks again")
      ->capture_default_str();
  app.add_option("--down-file", words.down_file,
                 "While this file exists the answer is no; its first line is the reason, agents "
                 "obey its first word 'drain' or 'maint'");
  app.add_flag("--allow-root", words.allow_root, "Let mode 'command' run its program as root");
}

// "10s", "500ms". A bare number would be milliseconds to some and seconds to others.
Result<Duration> parse_duration(std::string_view option, std::string_view text, Duration low,
                                Duration high) {
  const auto parsed = config::parse_time(text);
  const bool has_unit = !text.empty() && (text.back() < '0' || text.back() > '9');
  if (!parsed || (!has_unit && text != "0")) {
    return fail(cat(option, " needs a number with its unit, as in 500ms or 10s, not '", text, "'"));
  }
  if (*parsed < low || *parsed > high) {
    const auto ms = [](Duration d) { return d / 1ms; };
    return fail(cat(option, " is from ", ms(low), " to ", ms(high), " ms"));
  }
  return *parsed;
}

Result<std::vector<ListenAddress>> parse_addresses(const std::vector<std::string>& texts) {
  std::vector<ListenAddress> addresses;
  for (const std::string& text : texts) {
    auto address = parse_listen_address(text);
    if (!address) return std::unexpected(address.error());
    addresses.push_back(std::move(*address));
  }
  return addresses;
}

Result<mysql::Expectation> parse_expectation(std::string_view mode, const Words& words) {
  if (mode == "writable") return mysql::Writable{};
  if (mode == "galera") return mysql::Galera{.allow_donor = words.donor_ok};
  if (mode == "alive") return mysql::Alive{};
  const auto lag = parse_duration("--max-lag", words.max_lag, 0s, 24h * 20);
  if (!lag) return std::unexpected(lag.error());
  return mysql::Replica{.max_lag_s = static_cast<std::uint32_t>(*lag / 1s)};
}

Result<Mode> parse_mode(const std::string& mode, const Words& words) {
  if (mode == "tcp") return parse_host_port(words.target);
  if (mode == "http") return parse_http_url(words.target);
  if (mode == "command") return CommandMode{words.argv};
  auto expectation = parse_expectation(mode, words);
  if (!expectation) return std::unexpected(expectation.error());
  return MysqlMode{std::move(*expectation), words.credentials};
}

Result<Options> understand(const std::string& mode_name, const Words& words) {
  auto mode = parse_mode(mode_name, words);
  if (!mode) return std::unexpected(mode.error());
  auto http = parse_addresses(words.http);
  if (!http) return std::unexpected(http.error());
  auto agent = parse_addresses(words.agent);
  if (!agent) return std::unexpected(agent.error());
  const auto timeout = parse_duration("--timeout", words.timeout, 10ms, 1min);
  if (!timeout) return std::unexpected(timeout.error());
  const auto cache = parse_duration("--cache", words.cache, 0ms, 1min);
  if (!cache) return std::unexpected(cache.error());
  return Options{.mode = std::move(*mode),
                 .run_as = words.inetd  ? RunAs::Inetd
                           : words.once ? RunAs::Once
                                        : RunAs::Daemon,
                 .http = std::move(*http),
                 .agent = std::move(*agent),
                 .timeout = *timeout,
                 .cache = *cache,
                 .down_file = words.down_file,
                 .weight = words.weight,
                 .allow_root = words.allow_root};
}

}  // namespace

std::expected<Options, Exit> parse_options(int argc, const char* const* argv) {
  CLI::App app(
      "Says whether the service on this host is well: to load balancers by HTTP (200 or "
      "503) and by HAProxy's agent protocol.",
      "carpool-probe");
  Words words;
  add_modes(app, words);
  add_running(app, words);
  app.set_version_flag("--version", "carpool-probe " + std::string(kVersion));
  app.footer(
      "Every mode takes the options above as well. Exit status: 0 up, or ended by a signal; "
      "1 not up, or\nit could not start; 2 wrong usage.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, complaints;
    const bool asked = app.exit(error, out, complaints) == 0;
    return std::unexpected(Exit{asked ? 0 : kUsageError, out.str() + complaints.str()});
  }
  auto options = understand(app.get_subcommands().front()->get_name(), words);
  if (!options) {
    return std::unexpected(
        Exit{kUsageError, cat("carpool-probe: ", options.error().message, "\n")});
  }
  return std::move(*options);
}

}  // namespace carpool::probe
