// Writing into and reading from bytes whose end is near: what does not fit is not written, what is
// not there is not read, and either is remembered.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace carpool::mirror {

class ByteWriter {
 public:
  explicit ByteWriter(std::span<std::uint8_t> to) : to_(to) {}

  template <class Value>
    requires std::is_trivially_copyable_v<Value>
  void put(const Value& value) {
    if (!has_room(sizeof value)) return;
    std::memcpy(to_.data() + used_, &value, sizeof value);
    used_ += sizeof value;
  }
  void put_bytes(std::span<const std::uint8_t> bytes) {
    if (!has_room(bytes.size())) return;
    std::ranges::copy(bytes, to_.begin() + static_cast<std::ptrdiff_t>(used_));
    used_ += bytes.size();
  }
  // Its length in one byte, then the text, cut if it is longer than a length can say.
  void put_text(std::string_view text) {
    text = text.substr(0, 255);
    put(static_cast<std::uint8_t>(text.size()));
    put_bytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }

  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] std::size_t room() const { return to_.size() - used_; }
  [[nodiscard]] bool overflowed() const { return overflowed_; }
  [[nodiscard]] std::span<std::uint8_t> written() const { return to_.first(used_); }

 private:
  bool has_room(std::size_t bytes) {
    overflowed_ |= room() < bytes;
    return !overflowed_;
  }
  std::span<std::uint8_t> to_;
  std::size_t used_ = 0;
  bool overflowed_ = false;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::uint8_t> from) : from_(from) {}

  template <class Value>
    requires std::is_trivially_copyable_v<Value>
  [[nodiscard]] Value take() {
    Value value{};
    const auto bytes = take_bytes(sizeof value);
    if (bytes.size() == sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  // Empty where not that many are left.
  [[nodiscard]] std::span<const std::uint8_t> take_bytes(std::size_t count) {
    failed_ |= from_.size() < count;
    if (failed_) return {};
    const auto bytes = from_.first(count);
    from_ = from_.subspan(count);
    return bytes;
  }
  [[nodiscard]] std::string_view take_text() {
    const auto bytes = take_bytes(take<std::uint8_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  [[nodiscard]] std::span<const std::uint8_t> rest() const { return from_; }
  [[nodiscard]] bool at_end() const { return from_.empty(); }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::span<const std::uint8_t> from_;
  bool failed_ = false;
};

}  // namespace carpool::mirror
