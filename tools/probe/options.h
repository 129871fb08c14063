// What the command line says.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "controlplane/health/mysql_expect.h"
#include "tools/probe/host_port.h"
#include "tools/probe/http_check.h"
#include "tools/probe/listeners.h"

namespace carpool::probe {

struct MysqlMode {
  mysql::Expectation expectation;
  std::filesystem::path credentials;
};
struct CommandMode {
  std::vector<std::string> argv;
};
using Mode = std::variant<MysqlMode, HostPort, HttpTarget, CommandMode>;

enum class RunAs : std::uint8_t { Daemon, Inetd, Once };

struct Options {
  Mode mode;
  RunAs run_as = RunAs::Daemon;
  std::vector<ListenAddress> http{};  // empty: *:9200, unless systemd passes sockets
  std::vector<ListenAddress> agent{};
  Duration timeout = std::chrono::seconds(1);
  Duration cache = std::chrono::milliseconds(500);
  std::filesystem::path down_file{};
  int weight = 100;
  bool allow_root = false;
};

inline constexpr std::uint16_t kDefaultPort = 9200;

// An end before anything was done: --help and --version, or a mistake.
struct Exit {
  int status = 0;
  std::string text;
};

[[nodiscard]] std::expected<Options, Exit> parse_options(int argc, const char* const* argv);

}  // namespace carpool::probe
