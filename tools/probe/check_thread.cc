#include "tools/probe/check_thread.h"

#include <cstdint>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tools/probe/cat.h"
#include "tools/probe/fd.h"
#include "tools/probe/wait.h"

namespace carpool::probe {

struct CheckThread::Shared {
  std::mutex mutex;
  std::optional<Verdict> verdict;
  Fd ended{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

  void finish(Verdict result) {
    const std::lock_guard lock(mutex);
    verdict = std::move(result);
    const std::uint64_t one = 1;
    (void)!::write(ended.get(), &one, sizeof one);
  }
};

CheckThread::CheckThread() : shared_(std::make_shared<Shared>()) {}
CheckThread::~CheckThread() = default;

void CheckThread::start(Check check, Instant deadline) {
  try {
    std::thread([shared = shared_, check = std::move(check), deadline] {
      shared->finish(check(deadline));
    }).detach();
  } catch (const std::system_error& error) {
    shared_->finish(down(cat("cannot start a check: ", error.code().message())));
  }
}

int CheckThread::fd() const {
  return shared_->ended.get();
}

std::optional<Verdict> CheckThread::take() {
  const std::lock_guard lock(shared_->mutex);
  std::uint64_t count = 0;
  (void)!::read(shared_->ended.get(), &count, sizeof count);
  return std::exchange(shared_->verdict, std::nullopt);
}

Verdict run_bounded(const Check& check, Duration timeout) {
  const auto deadline = monotonic_now() + timeout;
  CheckThread thread;
  thread.start(check, deadline);
  (void)wait_for(thread.fd(), POLLIN, deadline + kGrace);
  return thread.take().value_or(down(kHangs));
}

}  // namespace carpool::probe
