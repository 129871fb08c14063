#include "tools/carpool/text.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

namespace carpool::tool {

std::string duration_text(double seconds) {
  if (!(seconds > 0)) seconds = 0;  // also what is not a number
  if (seconds < 10) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<std::uint64_t>(seconds);
  const std::uint64_t minutes = whole / 60;
  const std::uint64_t hours = minutes / 60;
  const std::uint64_t days = hours / 24;
  if (minutes == 0) return fmt::format("{}s", whole);
  if (hours == 0) return fmt::format("{}m {}s", minutes, whole % 60);
  if (days == 0) return fmt::format("{}h {}m", hours, minutes % 60);
  return fmt::format("{}d {}h", days, hours % 24);
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  constexpr std::array<std::string_view, 5> kUnits = {"kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  // 999.95 would be printed as "1000.0".
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit)
    value /= 1000;
  return fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, kUnits[unit]);
}

std::string count_text(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3; at -= 3)
    digits.insert(at - 3, 1, ',');
  return digits;
}

std::string Paint::operator()(Tone tone, std::string_view text) const {
  if (!coloured_ || tone == Tone::plain) return std::string(text);
  constexpr std::array<std::string_view, 5> kCodes = {"0", "32", "1;31", "33", "1"};
  return fmt::format("\033[{}m{}\033[0m", kCodes[static_cast<std::size_t>(tone)], text);
}

}  // namespace carpool::tool
