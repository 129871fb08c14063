#include "controlplane/config/write_words.h"

#include <algorithm>

#include <fmt/format.h>

namespace carpool::config {

std::string write_word(std::string_view word) {
  const bool plain = !word.empty() && std::ranges::all_of(word, [](char c) {
    return c > ' ' && c <= '~' && std::string_view("\"'\\#$").find(c) == std::string_view::npos;
  });
  if (plain) return std::string(word);
  // Weak quotes, because a strong quote can hold neither itself nor the end of a line.
  std::string text = "\"";
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::string_view("\"\\$").find(c) != std::string_view::npos) {
      text += std::string("\\") + c;
    } else if (byte < ' ' || byte == 0x7f) {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      text += c;
    }
  }
  return text + "\"";
}

std::string write_time(Duration time) {
  using namespace std::chrono;
  const auto us = duration_cast<microseconds>(time).count();
  struct Unit {
    std::int64_t us;
    std::string_view name;
  };
  for (const Unit unit : {Unit{86'400'000'000, "d"}, Unit{3'600'000'000, "h"},
                          Unit{60'000'000, "m"}, Unit{1'000'000, "s"}, Unit{1'000, "ms"}}) {
    if (us != 0 && us % unit.us == 0) return fmt::format("{}{}", us / unit.us, unit.name);
  }
  return us == 0 ? "0" : fmt::format("{}us", us);
}

std::string write_hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes)
    text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

}  // namespace carpool::config
