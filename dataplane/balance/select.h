// Chooses the server of a new connection. The control plane has already decided who may be chosen
// and how often (ImageService::picks); what is left here is where this worker stands and how busy
// the servers are.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/abi/counters.h"
#include "dataplane/abi/image.h"
#include "dataplane/abi/limits.h"

namespace carpool::balance {

inline constexpr int kNoServer = -1;

// A server's open connections over all workers. Other workers' figures are read while they change:
// good to within what those workers have done in the meantime.
class Load {
 public:
  Load() = default;
  explicit Load(std::span<const std::span<abi::ServerCounters>> by_worker);

  [[nodiscard]] std::uint64_t active(std::uint16_t server) const {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < workers_; ++i)
      sum += by_worker_[i][server].active.get();
    return sum;
  }

 private:
  std::array<abi::ServerCounters*, abi::kMaxWorkers> by_worker_{};
  std::uint32_t workers_ = 0;
};

class Selector {
 public:
  explicit Selector(Load load, std::uint64_t seed) : load_(load), random_(seed | 1) {}

  // Index of the server for a new connection from `client`, or kNoServer if none may be chosen or
  // every one is at its limit.
  [[nodiscard]] int select(abi::ImageView image, std::uint16_t service, Ipv4Address client);

 private:
  using Picks = std::span<const std::uint16_t>;

  [[nodiscard]] bool has_room(abi::ImageView image, std::uint16_t server) const;
  [[nodiscard]] int from(abi::ImageView image, Picks picks, std::size_t at) const;
  [[nodiscard]] int least_loaded(abi::ImageView image, Picks picks, std::size_t start) const;
  [[nodiscard]] std::uint64_t next_random();

  Load load_;
  std::uint64_t random_;
  std::array<std::uint32_t, abi::kMaxServices> cursors_{};  // round robin: by service
};

}  // namespace carpool::balance
