// Lists as text. GCC 12 takes fmt::join for a buffer overflow, and warnings are errors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace carpool {

[[nodiscard]] inline std::string joined(const std::vector<std::string>& parts,
                                        std::string_view between) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += between;
    text += part;
  }
  return text;
}

}  // namespace carpool
