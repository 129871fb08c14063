// Numbers as a tired person reads them, and coloured words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace carpool::tool {

// "0.4s", "12s", "2m 10s", "3h 4m", "5d 2h": two units at most.
[[nodiscard]] std::string duration_text(double seconds);
// "980 B", "1.2 MB", "17 GB": powers of 1000, as links are sold.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
// "1,204,331"
[[nodiscard]] std::string count_text(std::uint64_t count);

enum class Tone : std::uint8_t { plain, good, bad, doubtful, heading };

// Words in colour where the reader is a terminal; the text itself says the same without.
class Paint {
 public:
  explicit Paint(bool coloured) : coloured_(coloured) {}
  [[nodiscard]] std::string operator()(Tone tone, std::string_view text) const;

 private:
  bool coloured_;
};

}  // namespace carpool::tool
