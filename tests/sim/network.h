// One segment between a few nodes that loses, delays, duplicates, reorders, reflects and
// partitions.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "tests/sim/event_queue.h"
#include "tests/sim/random.h"

namespace carpool::sim {

inline constexpr std::size_t kMaxNodes = 4;

struct NetworkFaults {
  unsigned loss_percent = 0;
  unsigned duplicate_percent = 0;
  unsigned echo_percent = 0;  // the sender hears itself, as behind a loop or a mirror port
  Duration min_delay = std::chrono::microseconds(50);
  Duration max_delay = std::chrono::milliseconds(20);  // a random delay each: packets overtake
};

class Network {
 public:
  Network(EventQueue& queue, Random& random, std::size_t nodes)
      : queue_(queue), random_(random), nodes_(nodes) {
    heal();
  }

  void set_faults(const NetworkFaults& faults) { faults_ = faults; }
  [[nodiscard]] const NetworkFaults& faults() const { return faults_; }
  [[nodiscard]] bool lossless() const { return faults_.loss_percent == 0 && !partitioned_; }

  void heal() {
    partitioned_ = false;
    for (auto& row : passes_)
      row.fill(true);
  }
  // One direction only: asymmetric faults are the nasty ones.
  void cut(std::size_t from, std::size_t to) {
    partitioned_ = true;
    passes_[from][to] = false;
  }

  // Calls deliver(to, packet) for everybody who hears it, later.
  template <class Packet, class Deliver>
  void multicast(std::size_t from, const Packet& packet, Deliver deliver) {
    for (std::size_t to = 0; to < nodes_; ++to) {
      if (to == from && !random_.chance(faults_.echo_percent)) continue;
      if (!passes_[from][to] || random_.chance(faults_.loss_percent)) continue;
      const int copies = random_.chance(faults_.duplicate_percent) ? 2 : 1;
      for (int copy = 0; copy < copies; ++copy) {
        queue_.after(random_.between(faults_.min_delay, faults_.max_delay),
                     [deliver, to, packet] { deliver(to, packet); });
      }
    }
  }

 private:
  EventQueue& queue_;
  Random& random_;
  std::size_t nodes_;
  NetworkFaults faults_;
  bool partitioned_ = false;
  std::array<std::array<bool, kMaxNodes>, kMaxNodes> passes_{};
};

}  // namespace carpool::sim
