// A virtual clock: things happen in the order of their instants, and at one instant in the order in
// which they were scheduled. Time passes only between them.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "dataplane/base/time.h"

namespace carpool::sim {

class EventQueue {
 public:
  using Task = std::function<void()>;

  [[nodiscard]] Instant now() const { return now_; }

  void after(Duration delay, Task task) { at(now_ + delay, std::move(task)); }
  void at(Instant when, Task task) {
    tasks_.push({when < now_ ? now_ : when, scheduled_++, std::move(task)});
  }

  void run_until(Instant end) {
    while (!tasks_.empty() && tasks_.top().when <= end) {
      // The task is moved out of the queue before it runs, because it schedules others.
      Task task = std::move(const_cast<Entry&>(tasks_.top()).task);
      now_ = tasks_.top().when;
      tasks_.pop();
      task();
    }
    now_ = end;
  }

 private:
  struct Entry {
    Instant when;
    std::uint64_t order;
    Task task;
    bool operator<(const Entry& other) const {  // the top of the queue is the greatest
      return std::pair(when, order) > std::pair(other.when, other.order);
    }
  };

  Instant now_{};
  std::uint64_t scheduled_ = 0;
  std::priority_queue<Entry> tasks_;
};

}  // namespace carpool::sim
