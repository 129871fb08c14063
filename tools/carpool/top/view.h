// How `carpool top` looks and obeys: what is shown, and what a key changes. Pure; the terminal is
// somebody else's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/carpool/text.h"
#include "tools/carpool/top/model.h"

namespace carpool::tool::top {

enum class Page : std::uint8_t { status, traffic, checks, drops, help };
enum class Order : std::uint8_t { configured, active, rate, state };

struct View {
  Page page = Page::status;
  Order order = Order::configured;
  std::string filter = {};    // rows whose service or server contains it
  bool is_filtering = false;  // keys go into the filter
  bool is_paused = false;
  std::size_t selected = 0;  // a row of those shown
  std::size_t first = 0;     // the topmost row on the screen
  std::string note = {};     // why what is shown is old
};

// Keys that are no letter. Others are their character.
enum Key : int {
  kKeyUp = 0x10000,
  kKeyDown,
  kKeyPageUp,
  kKeyPageDown,
  kKeyHome,
  kKeyEnd,
  kKeyEscape,
  kKeyEnter,
  kKeyBackspace,
};

enum class Wish : std::uint8_t { none, refresh, quit };

struct Size {
  std::size_t rows = 24;
  std::size_t columns = 80;
};

// What the key changes, and what else it asks for.
[[nodiscard]] Wish press(View& view, int key, const Model& model, Size size);

struct Span {
  std::string text;
  Tone tone = Tone::plain;
};
struct Line {
  std::vector<Span> spans;
  bool is_selected = false;
  [[nodiscard]] std::string text() const;
};

// Exactly size.rows lines, none wider than size.columns. Moves the view's window so that the
// selected row is seen.
[[nodiscard]] std::vector<Line> draw(View& view, const Model& model, Size size);

}  // namespace carpool::tool::top
