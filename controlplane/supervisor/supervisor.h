// Keeps one carpool-dp running: takes over one that runs already and fits, starts one otherwise,
// notices its end, and starts the next after a pause that grows with every failure. The data plane
// outlives this process; only stop() ends it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "controlplane/config/model.h"
#include "controlplane/runtime/child.h"
#include "controlplane/supervisor/backoff.h"
#include "dataplane/abi/region.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace carpool {

inline constexpr const char* kRegionFile = "region";
inline constexpr const char* kDataplaneLockFile = "dataplane.lock";

enum class DataplaneState : std::uint8_t { waiting, starting, running, stopping };
[[nodiscard]] std::string_view name(DataplaneState state);

class DataplaneSupervisor {
 public:
  struct Settings {
    std::string program;            // carpool-dp
    std::filesystem::path run_dir;  // where its region and its lock are
    config::Node node;              // ports, workers and the like
    bool attach_only = false;       // somebody else starts and stops it
  };

  // What status shows.
  struct Report {
    DataplaneState state = DataplaneState::waiting;
    pid_t pid = 0;
    Instant since;             // of the state
    std::uint32_t starts = 0;  // in this life of the control plane, taking over included
    std::string last_error;    // empty: it never failed
    Instant next_try;          // while waiting
  };

  // `adopted`: it ran before, and goes on with what it was told then.
  using Up = std::function<void(abi::Region region, bool adopted)>;
  using Down = std::function<void(const std::string& why)>;

  DataplaneSupervisor(boost::asio::io_context& io, Settings settings, Up up, Down down);

  // Returns once a data plane is ready (and Up was called), or why there is none.
  boost::asio::awaitable<Result<void>> start();
  // From then on: waits for its end, calls Down, starts it again, for ever. After start().
  boost::asio::awaitable<void> keep_running();
  // Ends it, unless somebody else is in charge of it. keep_running() must not run any more.
  boost::asio::awaitable<void> stop();

  [[nodiscard]] const Report& report() const { return report_; }

 private:
  // What a wait of ours for the end of the process hangs on.
  struct Exit {
    explicit Exit(boost::asio::io_context& io) : timer(io) {}
    boost::asio::steady_timer timer;
    std::optional<ExitStatus> status;
  };

  // Whether a data plane that runs does what the configuration asks for.
  struct Fitness {
    bool fits = false;
    std::string why_not;
  };

  boost::asio::awaitable<Result<void>> obtain();
  // true: taken over. false: it is gone, and the way is free for another one.
  boost::asio::awaitable<Result<bool>> take_over_or_clear(pid_t pid);
  boost::asio::awaitable<Result<Fitness>> judge(pid_t pid);
  Result<void> take_over();
  boost::asio::awaitable<Result<void>> spawn();
  boost::asio::awaitable<Result<void>> wait_until_ready(int report_fd);
  boost::asio::awaitable<void> terminate();

  Result<void> watch(Result<Process> process);
  boost::asio::awaitable<bool> exited_within(Duration limit);
  boost::asio::awaitable<void> pause(Duration duration);
  void enter(DataplaneState state);

  boost::asio::io_context& io_;
  Settings settings_;
  Up up_;
  Down down_;
  Report report_;
  Backoff backoff_;
  std::optional<Process> process_;
  std::shared_ptr<Exit> exit_;
};

}  // namespace carpool
