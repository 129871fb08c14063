#include "controlplane/supervisor/supervisor.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

#include <boost/asio/read_until.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "controlplane/supervisor/arguments.h"
#include "controlplane/supervisor/lock_file.h"

// In this file every co_await stands in a statement of its own: GCC 12 miscompiles some of those
// that are part of a condition.

namespace carpool {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;

// Reserving memory and loading programs into the kernel takes seconds on a large box.
constexpr Duration kStartLimit = 60s;
// A data plane that is told to end detaches from its ports first.
constexpr Duration kStopLimit = 3s;
// A killed one gives its memory and its ports back first.
constexpr Duration kDyingLimit = 1s;
// How often we look whether one that is still starting has become ready.
constexpr Duration kReadyPoll = 20ms;
// What a data plane may say about why it does not start.
constexpr std::size_t kMaxReport = 16 << 10;

std::string read_command_line(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", pid));
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::string_view name(DataplaneState state) {
  constexpr std::array<std::string_view, 4> kNames = {"down", "starting", "running", "stopping"};
  return kNames[static_cast<std::size_t>(state)];
}

DataplaneSupervisor::DataplaneSupervisor(asio::io_context& io, Settings settings, Up up, Down down)
    : io_(io), settings_(std::move(settings)), up_(std::move(up)), down_(std::move(down)) {
  enter(DataplaneState::waiting);
}

asio::awaitable<Result<void>> DataplaneSupervisor::start() {
  const Result<void> obtained = co_await obtain();
  if (!obtained) {
    report_.last_error = obtained.error().message;
    enter(DataplaneState::waiting);
  }
  co_return obtained;
}

asio::awaitable<void> DataplaneSupervisor::keep_running() {
  for (;;) {
    while (!exit_->status)
      co_await exited_within(Duration::max());
    const Duration ran = monotonic_now() - report_.since;
    const std::string why =
        fmt::format("carpool-dp (process {}) {}", report_.pid, to_string(*exit_->status));
    report_.last_error = why;
    report_.pid = 0;
    enter(DataplaneState::waiting);
    down_(why);

    for (Duration wait = backoff_.after_failure(ran);; wait = backoff_.after_failure({})) {
      report_.next_try = monotonic_now() + wait;
      spdlog::info("starting the data plane again in {} ms",
                   std::chrono::duration_cast<std::chrono::milliseconds>(wait).count());
      co_await pause(wait);
      const Result<void> obtained = co_await obtain();
      if (obtained) break;
      report_.last_error = obtained.error().message;
      report_.pid = 0;
      enter(DataplaneState::waiting);
      spdlog::error("{}", report_.last_error);
    }
  }
}

asio::awaitable<void> DataplaneSupervisor::stop() {
  if (settings_.attach_only || !process_ || !exit_ || exit_->status) co_return;
  enter(DataplaneState::stopping);
  co_await terminate();
}

// ---- Getting one -------------------------------------------------------------------------------

asio::awaitable<Result<void>> DataplaneSupervisor::obtain() {
  enter(DataplaneState::starting);
  if (const auto holder = lock_holder(settings_.run_dir / kDataplaneLockFile)) {
    const Result<bool> taken = co_await take_over_or_clear(*holder);
    if (!taken) co_return std::unexpected(taken.error());
    if (*taken) co_return Result<void>();
  }
  if (settings_.attach_only) {
    co_return fail(fmt::format("no carpool-dp runs in {}: start it first, or leave --attach out",
                               settings_.run_dir.string()));
  }
  co_return co_await spawn();
}

asio::awaitable<Result<bool>> DataplaneSupervisor::take_over_or_clear(pid_t pid) {
  const Result<void> watched = watch(Process::attach(io_, pid));
  if (!watched) {
    if (!lock_holder(settings_.run_dir / kDataplaneLockFile)) co_return false;  // just ended
    co_return std::unexpected(watched.error());
  }
  const Result<Fitness> fitness = co_await judge(pid);
  if (fitness && fitness->fits) {
    const Result<void> taken = take_over();
    if (!taken) co_return std::unexpected(taken.error());
    co_return true;
  }
  const std::string why = fmt::format("carpool-dp (process {}) runs already, but {}", pid,
                                      fitness ? fitness->why_not : fitness.error().message);
  // One that was killed a moment ago holds its lock until the kernel is through with it.
  const bool gone = co_await exited_within(kDyingLimit);
  if (gone) co_return false;
  if (!fitness || settings_.attach_only) {
    process_.reset();  // not ours to end
    co_return fail(why);
  }
  spdlog::warn("{}: replacing it", why);
  co_await terminate();
  co_return false;
}

Result<void> DataplaneSupervisor::take_over() {
  auto region = abi::Region::attach(settings_.run_dir / kRegionFile);
  if (!region) return std::unexpected(region.error());
  enter(DataplaneState::running);
  report_.since = from_ns(region->header().start_ns);
  spdlog::info("attached to the data plane that runs already, process {}", report_.pid);
  up_(std::move(*region), true);
  return {};
}

// One whose region cannot be read (another release) is an error: it forwards, and whether that may
// be interrupted is not ours to decide.
asio::awaitable<Result<DataplaneSupervisor::Fitness>> DataplaneSupervisor::judge(pid_t pid) {
  const auto path = settings_.run_dir / kRegionFile;
  // It may have been started a moment ago, by an earlier life of ours, and not be ready yet; the
  // region is then the one of its predecessor, or not there.
  for (const Instant limit = monotonic_now() + kStartLimit;;) {
    const auto region = abi::Region::attach(path);
    if (!region && std::filesystem::exists(path)) {
      co_return std::unexpected(region.error());
    }
    if (region && region->header().pid == static_cast<std::uint32_t>(pid) &&
        region->header().ready.load(std::memory_order_acquire) != 0) {
      if (auto differs = difference(region->header(), settings_.node)) {
        co_return Fitness{false, *differs};
      }
      break;
    }
    if (exit_->status || monotonic_now() > limit) {
      co_return Fitness{false, "it does not become ready"};
    }
    co_await pause(kReadyPoll);
  }
  if (settings_.attach_only) co_return Fitness{true, {}};
  const auto differs = difference(parse_command_line(read_command_line(pid)),
                                  dataplane_arguments(settings_.node, settings_.run_dir));
  co_return Fitness{!differs, differs.value_or("")};
}

asio::awaitable<Result<void>> DataplaneSupervisor::spawn() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    co_return fail(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  SpawnRequest request;
  request.program = settings_.program;
  request.arguments = dataplane_arguments(settings_.node, settings_.run_dir);
  request.arguments.insert(request.arguments.end(), {"--report-fd", "3"});
  request.inherited_fds = {ends[1]};
  auto started = watch(Process::start(io_, request));
  close(ends[1]);
  if (!started) {
    close(ends[0]);
    co_return started;
  }
  report_.pid = process_->pid();
  const Result<void> ready = co_await wait_until_ready(ends[0]);
  if (!ready) {
    co_await terminate();
    co_return ready;
  }
  auto region = abi::Region::attach(settings_.run_dir / kRegionFile);
  if (!region) {
    co_await terminate();
    co_return std::unexpected(region.error());
  }
  enter(DataplaneState::running);
  spdlog::info("data plane started, process {}", report_.pid);
  up_(std::move(*region), false);
  co_return Result<void>();
}

// The data plane writes one line: "ready", or "error: " and why. Takes `report_fd` over.
asio::awaitable<Result<void>> DataplaneSupervisor::wait_until_ready(int report_fd) {
  asio::readable_pipe pipe(io_, report_fd);
  asio::steady_timer limit(io_, kStartLimit);
  limit.async_wait([&pipe](error_code error) {
    if (!error) pipe.cancel();
  });
  std::string line;
  error_code error;
  co_await asio::async_read_until(pipe, asio::dynamic_buffer(line, kMaxReport), '\n',
                                  redirect_error(asio::use_awaitable, error));
  limit.cancel();
  if (error == asio::error::operation_aborted) {
    co_return fail("carpool-dp did not become ready in time");
  }
  line.resize(std::min(line.find('\n'), line.size()));
  if (line == "ready") co_return Result<void>();
  constexpr std::string_view kError = "error: ";
  if (line.starts_with(kError)) co_return fail("carpool-dp: " + line.substr(kError.size()));
  if (!line.empty()) co_return fail("carpool-dp says: " + line);
  const bool ended = co_await exited_within(kStopLimit);
  co_return fail(fmt::format("carpool-dp {} before it was ready",
                             ended ? to_string(*exit_->status) : "closed its report"));
}

// ---- Ending one --------------------------------------------------------------------------------

asio::awaitable<void> DataplaneSupervisor::terminate() {
  if (!process_ || exit_->status) co_return;
  (void)process_->signal(SIGTERM);
  // A stopped process takes the signal only once it goes on.
  (void)process_->signal(SIGCONT);
  const bool ended = co_await exited_within(kStopLimit);
  if (ended) co_return;
  spdlog::warn("the data plane (process {}) does not end when told to: killing it",
               process_->pid());
  (void)process_->signal(SIGKILL);
  co_await exited_within(kStopLimit);
}

// ---- Waiting -----------------------------------------------------------------------------------

Result<void> DataplaneSupervisor::watch(Result<Process> process) {
  if (!process) return std::unexpected(process.error());
  process_.emplace(std::move(*process));
  exit_ = std::make_shared<Exit>(io_);
  process_->on_exit([exit = exit_](ExitStatus status) {
    exit->status = status;
    exit->timer.cancel();
  });
  report_.pid = process_->pid();
  return {};
}

asio::awaitable<bool> DataplaneSupervisor::exited_within(Duration limit) {
  const auto exit = exit_;
  if (exit->status) co_return true;
  if (limit == Duration::max()) {
    exit->timer.expires_at(Instant::max());
  } else {
    exit->timer.expires_after(limit);
  }
  error_code ignored;
  co_await exit->timer.async_wait(redirect_error(asio::use_awaitable, ignored));
  co_return exit->status.has_value();
}

asio::awaitable<void> DataplaneSupervisor::pause(Duration duration) {
  asio::steady_timer timer(io_, duration);
  error_code ignored;
  co_await timer.async_wait(redirect_error(asio::use_awaitable, ignored));
}

void DataplaneSupervisor::enter(DataplaneState state) {
  report_.state = state;
  report_.since = monotonic_now();
  if (state == DataplaneState::running) ++report_.starts;
}

}  // namespace carpool
