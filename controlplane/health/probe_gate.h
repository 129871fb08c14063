// Bounds how many probes are open at once; who finds none free waits in line. Servers that are down
// get at most half of them: thousands that do not answer, each until its timeout, delay no other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carpool {

class ProbeGate {
 public:
  enum class Lane : std::uint8_t { Live, Down };

  ProbeGate(boost::asio::io_context& io, std::size_t limit) : io_(io), limit_(limit) {}

  // False: wait in line, which lets the caller in.
  [[nodiscard]] bool enter(Lane lane) {
    if (!has_room(lane)) return false;
    ++open_[index(lane)];
    return true;
  }

  boost::asio::awaitable<void> wait_in_line(Lane lane) {
    const auto place = std::make_shared<boost::asio::steady_timer>(
        io_, boost::asio::steady_timer::time_point::max());
    lines_[index(lane)].push_back(place);
    co_await place->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }

  void leave(Lane lane) {
    --open_[index(lane)];
    admit(Lane::Live);
    admit(Lane::Down);
  }

 private:
  static std::size_t index(Lane lane) { return static_cast<std::size_t>(lane); }

  [[nodiscard]] bool has_room(Lane lane) const {
    if (open_[0] + open_[1] >= limit_) return false;
    return lane == Lane::Live || open_[index(Lane::Down)] < (limit_ + 1) / 2;
  }

  void admit(Lane lane) {
    auto& line = lines_[index(lane)];
    if (line.empty() || !has_room(lane)) return;
    ++open_[index(lane)];
    line.front()->cancel();
    line.pop_front();
  }

  boost::asio::io_context& io_;
  std::size_t limit_;
  std::array<std::size_t, 2> open_{};
  std::array<std::deque<std::shared_ptr<boost::asio::steady_timer>>, 2> lines_;
};

}  // namespace carpool
