// A short name inside a shared structure: bounded, terminated, trivially copyable.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace carpool {

template <std::size_t Capacity>  // bytes, the terminating zero included
class StaticString {
 public:
  constexpr StaticString() = default;
  // Longer text is cut; callers check lengths where the text comes from a user.
  constexpr StaticString(std::string_view text) {
    std::copy_n(text.data(), std::min(text.size(), Capacity - 1), bytes_);
  }

  // Safe on bytes that another process wrote: never looks past Capacity.
  [[nodiscard]] constexpr std::string_view view() const {
    return {bytes_, static_cast<std::size_t>(std::find(bytes_, bytes_ + Capacity, '\0') - bytes_)};
  }
  [[nodiscard]] constexpr bool empty() const { return bytes_[0] == '\0'; }

  friend constexpr bool operator==(const StaticString& left, const StaticString& right) {
    return left.view() == right.view();
  }

 private:
  char bytes_[Capacity] = {};
};

using Name = StaticString<64>;

}  // namespace carpool
