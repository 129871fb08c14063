// The terminal behind `carpool top`: lines go out, keys come in (ncurses).
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "tools/carpool/top/view.h"

namespace carpool::tool::top {

// One at a time: it owns the process's terminal, and gives it back as it was.
class Terminal {
 public:
  // Whether input and output are a terminal that can be drawn on; the constructor needs that.
  [[nodiscard]] static bool is_there();

  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] Size size() const;
  void show(const std::vector<Line>& lines);
  // The next key, kResized where only the size changed; nothing: none came in time.
  [[nodiscard]] std::optional<int> key(std::chrono::milliseconds limit);

  static constexpr int kResized = -1;
};

}  // namespace carpool::tool::top
