// Puts texts and whole numbers together to one text. The probe is to be small: a formatting library
// would be the largest part of it.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace carpool::probe {

namespace detail {
inline void append(std::string& to, std::string_view text) {
  to += text;
}
void append(std::string& to, std::integral auto number) {
  to += std::to_string(number);
}
}  // namespace detail

template <class... Parts>
[[nodiscard]] std::string cat(const Parts&... parts) {
  std::string text;
  (detail::append(text, parts), ...);
  return text;
}

}  // namespace carpool::probe
