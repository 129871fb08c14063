// Why a node should rather not be master: named sources, each with a value that is added to what
// the node advertises, so that a healthier peer takes over. CARP adds the sum to its advskew; VRRP
// takes it off its priority.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carpool {

inline constexpr unsigned kMaxDemotion = 240;  // as FreeBSD's CARP_MAXSKEW: 241..255 stay special

class Demotion {
 public:
  struct Source {
    std::string name;  // "backend mysql", "port wan", "send errors"
    unsigned value = 0;
    std::string why;  // for an operator: "0 of 1 servers up"
    friend bool operator==(const Source&, const Source&) = default;
  };

  // Sets or replaces one source; a value of zero removes it.
  void set(std::string_view name, unsigned value, std::string_view why = {});

  [[nodiscard]] unsigned sum() const;    // of all sources
  [[nodiscard]] unsigned total() const;  // the sum, at most kMaxDemotion: what CARP counts
  [[nodiscard]] const std::vector<Source>& sources() const { return sources_; }  // sorted by name

  // "290 (counts as 240): backend mysql 50, 0 of 1 servers up; worker 1 240, stalled" or "none".
  [[nodiscard]] std::string why() const;

  friend bool operator==(const Demotion&, const Demotion&) = default;

 private:
  std::vector<Source> sources_;  // a handful at most: one per tracked object of the configuration
};

}  // namespace carpool
