#include "tools/carpool/status_command.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "dataplane/abi/region.h"
#include "dataplane/base/time.h"
#include "tools/carpool/client.h"
#include "tools/carpool/region_text.h"
#include "tools/carpool/status_text.h"
#include "tools/carpool/text.h"
#include "tools/carpool/traffic_text.h"

namespace carpool::tool {
namespace {

constexpr auto kWatchInterval = std::chrono::seconds(1);
constexpr const char* kClearScreen = "\033[H\033[2J";

// proc_pid_stat(5): "12 (name) S ...". One that ended and was not waited for is not alive.
bool is_alive(std::uint32_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string stat;
  std::getline(file, stat);
  const std::size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos || name_end + 2 >= stat.size()) return false;
  const char state = stat[name_end + 2];
  return state != 'Z' && state != 'X';
}

struct Page {
  std::string text;
  int exit_status = kAnswered;
  bool to_stderr = false;
};

Page without_control_plane(const StatusOptions& options, const Error& why, const Paint& paint) {
  const auto region = abi::Region::attach(options.run_dir / "region");
  if (!region) {
    return {fmt::format("carpool: nothing runs in {}: {}\n", options.run_dir.string(), why.message),
            kNothingRuns, true};
  }
  const Processes alive{is_alive(region->header().pid),
                        is_alive(region->control().pid.load(std::memory_order_relaxed))};
  const int exit_status = alive.dataplane ? kDataplaneOnly : kNothingRuns;
  if (options.json) return {fmt::format("carpool: {}\n", why.message), exit_status, true};
  return {region_text(*region, alive, paint, monotonic_now()) + fmt::format("({})\n", why.message),
          exit_status, false};
}

Page make_page(const StatusOptions& options, const Paint& paint) {
  const auto answer = get(options.run_dir / kControlSocket, "/api/v1/status");
  if (!answer) return without_control_plane(options, answer.error(), paint);
  if (options.json) return {*answer, kAnswered, false};
  const auto status = nlohmann::json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (status.is_discarded()) return {"carpool: carpoold's answer is not JSON\n", kFailed, true};
  return {options.traffic ? traffic_text(status, paint) : status_text(status, paint), kAnswered,
          false};
}

}  // namespace

int run_status(const StatusOptions& options) {
  const bool terminal = isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  const Paint paint(terminal);
  for (;;) {
    const Page page = make_page(options, paint);
    if (options.watch && terminal) fmt::print("{}", kClearScreen);
    fmt::print(page.to_stderr ? stderr : stdout, "{}", page.text);
    std::fflush(stdout);
    if (!options.watch) return page.exit_status;
    std::this_thread::sleep_for(kWatchInterval);
  }
}

}  // namespace carpool::tool
