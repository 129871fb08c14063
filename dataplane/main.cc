// carpool-dp: starts the data plane and keeps it until told to stop.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "dataplane/data_plane.h"
#include "dataplane/options.h"
#include "drivers/eal.h"

namespace carpool {
namespace {

constexpr long kChoresEveryNs = 5'000'000;

// Tells the parent, once, how the start went; standard error gets errors too.
void report(const Options& options, const std::string& line) {
  if (options.report_fd < 0) return;
  const std::string text = line + "\n";
  // Nobody may be listening any more; then nobody needs to know.
  if (write(options.report_fd, text.data(), text.size()) < 0) errno = 0;
  close(options.report_fd);
}

int fail_with(const Options& options, const Error& error) {
  std::fprintf(stderr, "carpool-dp: %s\n", error.message.c_str());
  report(options, "error: " + error.message);
  return 1;
}

// One data plane per run directory: the lock is held for the life of the process, and falls when it
// is killed.
Result<void> lock_run_dir(const Options& options) {
  std::error_code error;
  std::filesystem::create_directories(options.run_dir, error);
  const auto path = options.run_dir / "dataplane.lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(path.string() + ": " + std::strerror(errno));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return fail("another carpool-dp runs in " + options.run_dir.string() +
                ": stop it, or give this one another --run-dir");
  }
  return {};
}

Result<void> run(const Options& options, const sigset_t& signals) {
  if (auto locked = lock_run_dir(options); !locked) return locked;
  const EalOptions eal{.instance = options.instance,
                       .worker_cpus = options.cores,
                       .memory_mb = options.memory_mb,
                       .huge_pages = options.huge_pages,
                       .verbose = options.verbose};
  if (auto started = start_eal(eal); !started) return started;
  auto data_plane = DataPlane::make(options);
  if (!data_plane) return std::unexpected(data_plane.error());
  if (auto launched = (*data_plane)->launch_workers(); !launched) return launched;
  report(options, "ready");

  const timespec pause{0, kChoresEveryNs};
  while (sigtimedwait(&signals, nullptr, &pause) < 0)
    (*data_plane)->chores();
  data_plane->reset();
  stop_eal();
  return {};
}

int main(int argc, char** argv) {
  const auto options = parse_options(argc, argv);
  if (!options) {
    std::fprintf(stderr, "carpool-dp: %s\n", options.error().message.c_str());
    return 2;
  }
  // Before any thread starts, so that all of them leave these signals to the main thread.
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT})
    sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  if (auto done = run(*options, signals); !done) return fail_with(*options, done.error());
  return 0;
}

}  // namespace
}  // namespace carpool

int main(int argc, char** argv) {
  return carpool::main(argc, argv);
}
