// What the data plane has seen of a server's traffic: passive observation, which asks nothing of
// the server. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace carpool {

// Over some time, or since the start.
struct TrafficEvents {
  std::uint64_t connections = 0;      // SYNs of new connections
  std::uint64_t answered = 0;         // of those: the server agreed
  std::uint64_t unanswered = 0;       // of those: nothing came within `timeout connect`
  std::uint64_t refused = 0;          // of those: reset by the server
  std::uint64_t resets = 0;           // established connections that the server reset
  std::uint64_t syn_retransmits = 0;  // the client asked again: SYN or answer was lost, or is late
  std::uint64_t answer_retransmits = 0;  // the server agreed again

  std::uint64_t active = 0;  // connections that are open at the end of it

  friend bool operator==(const TrafficEvents&, const TrafficEvents&) = default;
  // Attempts to connect that came to an end, and those that failed.
  [[nodiscard]] std::uint64_t attempts() const { return answered + failures(); }
  [[nodiscard]] std::uint64_t failures() const { return unanswered + refused; }
  [[nodiscard]] std::uint64_t retransmits() const { return syn_retransmits + answer_retransmits; }
};

// Events per second, averaged over the last ten seconds or so.
struct TrafficRates {
  double connections = 0;
  double failures = 0;    // of both kinds:
  double unanswered = 0;  // SYNs without answer
  double refused = 0;
  double resets = 0;
  double retransmits = 0;
};

// In how many seconds how many events were seen: one bad minute looks other than a little all day.
// Classes: none, 1, 2-3, 4-7, ... and 64 or more in a second.
struct RateHistogram {
  static constexpr std::size_t kClasses = 8;
  std::array<std::uint64_t, kClasses> seconds{};

  [[nodiscard]] static constexpr std::size_t class_of(std::uint64_t per_second) {
    return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(per_second)),
                                 kClasses - 1);
  }
  void add(std::uint64_t per_second, std::uint64_t seconds_of_it) {
    seconds[class_of(per_second)] += seconds_of_it;
  }
  friend bool operator==(const RateHistogram&, const RateHistogram&) = default;
};

struct TrafficHistograms {
  RateHistogram unanswered;
  RateHistogram refused;
  RateHistogram resets;
  RateHistogram retransmits;

  friend bool operator==(const TrafficHistograms&, const TrafficHistograms&) = default;
};

struct ServerTraffic {
  TrafficRates rates;
  TrafficHistograms histograms{};  // since the configuration was loaded
  bool ejected = false;            // as an outlier
};

// Errors in a row, as `observe layer4` counts them. Within what is looked at together the order is
// not known, so one success among the events counts as the last.
class ErrorStreak {
 public:
  // True when `limit` is reached; the count then starts anew.
  [[nodiscard]] bool add(const TrafficEvents& events, std::uint64_t limit) {
    errors_ = events.answered > 0 ? 0 : errors_ + events.failures();
    if (errors_ < limit) return false;
    last_count_ = errors_;
    errors_ = 0;
    return true;
  }
  // A check has passed.
  void clear() { errors_ = 0; }
  // How many there were when the limit was reached.
  [[nodiscard]] std::uint64_t last_count() const { return last_count_; }

 private:
  std::uint64_t errors_ = 0;
  std::uint64_t last_count_ = 0;
};

}  // namespace carpool
