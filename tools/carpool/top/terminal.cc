#include "tools/carpool/top/terminal.h"

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#define NCURSES_NOMACROS
#include <curses.h>
#include <unistd.h>

namespace carpool::tool::top {
namespace {

// By Tone.
constexpr std::array<short, 5> kColours = {-1, COLOR_GREEN, COLOR_RED, COLOR_YELLOW, -1};

attr_t attributes_of(Tone tone) {
  const auto index = static_cast<std::size_t>(tone);
  attr_t attributes = tone == Tone::bad || tone == Tone::heading ? A_BOLD : A_NORMAL;
  if (has_colors() && kColours[index] >= 0) {
    attributes |= static_cast<attr_t>(COLOR_PAIR(static_cast<int>(index)));
  }
  return attributes;
}

int key_of(int curses_key) {
  switch (curses_key) {
    case KEY_UP:
      return kKeyUp;
    case KEY_DOWN:
      return kKeyDown;
    case KEY_PPAGE:
      return kKeyPageUp;
    case KEY_NPAGE:
      return kKeyPageDown;
    case KEY_HOME:
      return kKeyHome;
    case KEY_END:
      return kKeyEnd;
    case KEY_BACKSPACE:
    case 0x7f:
    case 0x08:
      return kKeyBackspace;
    case KEY_ENTER:
    case '\n':
    case '\r':
      return kKeyEnter;
    case 0x1b:
      return kKeyEscape;
    case KEY_RESIZE:
      return Terminal::kResized;
    default:
      return curses_key;
  }
}

}  // namespace

bool Terminal::is_there() {
  const char* const kind = std::getenv("TERM");
  const bool can_move = kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
  return can_move && isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
}

Terminal::Terminal() {
  std::setlocale(LC_CTYPE, "");
  initscr();  // ends the program itself, saying why, where the terminal is not known
  cbreak();
  noecho();
  curs_set(0);
  keypad(stdscr, TRUE);
  set_escdelay(50);
  if (std::getenv("NO_COLOR") == nullptr && start_color() == OK) {
    use_default_colors();
    for (std::size_t tone = 0; tone < kColours.size(); ++tone) {
      if (kColours[tone] >= 0) init_pair(static_cast<short>(tone), kColours[tone], -1);
    }
  }
}

Terminal::~Terminal() {
  endwin();
}

Size Terminal::size() const {
  return {static_cast<std::size_t>(std::max(getmaxy(stdscr), 1)),
          static_cast<std::size_t>(std::max(getmaxx(stdscr), 1))};
}

void Terminal::show(const std::vector<Line>& lines) {
  erase();
  for (std::size_t row = 0; row < lines.size(); ++row) {
    move(static_cast<int>(row), 0);
    for (const Span& span : lines[row].spans) {
      const attr_t chosen = lines[row].is_selected ? A_REVERSE : A_NORMAL;
      attrset(static_cast<int>(attributes_of(span.tone) | chosen));
      addstr(span.text.c_str());
    }
  }
  attrset(A_NORMAL);
  refresh();
}

std::optional<int> Terminal::key(std::chrono::milliseconds limit) {
  timeout(static_cast<int>(limit.count()));
  const int key = getch();
  if (key == ERR) return std::nullopt;
  return key_of(key);
}

}  // namespace carpool::tool::top
