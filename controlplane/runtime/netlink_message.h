// Bounds-checked reading, and writing, of netlink messages: a header, a struct of the message's
// type, then attributes, each padded to 4 bytes. man 7 netlink, man 7 rtnetlink. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

namespace carpool::netlink {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t padded(std::size_t length) {
  return (length + 3) & ~std::size_t{3};
}

// A copy, since netlink aligns to 4 bytes only.
template <class Value>
[[nodiscard]] std::optional<Value> read(Bytes bytes) {
  static_assert(std::is_trivially_copyable_v<Value>);
  if (bytes.size() < sizeof(Value)) return std::nullopt;
  Value value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

struct Attribute {
  std::uint16_t type = 0;
  Bytes payload;

  // Its payload as a value of exactly this size.
  template <class Value>
  [[nodiscard]] std::optional<Value> as() const {
    return payload.size() == sizeof(Value) ? read<Value>(payload) : std::nullopt;
  }
  [[nodiscard]] std::string_view text() const {
    const std::string_view all(reinterpret_cast<const char*>(payload.data()), payload.size());
    return all.substr(0, all.find('\0'));
  }
};

// Takes items from the front of `bytes`; each returns nothing at the end, and where the rest is not
// well formed, so that a loop over them ends there.
[[nodiscard]] std::optional<Attribute> take_attribute(Bytes& bytes);
[[nodiscard]] std::optional<Bytes> take_message(Bytes& bytes);  // header included

struct Message {
  nlmsghdr header;
  Bytes payload;  // without the header
};
[[nodiscard]] std::optional<Message> parse_message(Bytes message);

// The message's own struct and the attributes after it.
template <class Body>
struct Parsed {
  Body body;
  Bytes attributes;
};
template <class Body>
[[nodiscard]] std::optional<Parsed<Body>> parse_body(const Message& message) {
  const auto body = read<Body>(message.payload);
  if (!body) return std::nullopt;
  return Parsed<Body>{
      *body, message.payload.subspan(std::min(padded(sizeof(Body)), message.payload.size()))};
}

// A request: its body, then attributes.
class Request {
 public:
  template <class Body>
  Request(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, const Body& body) {
    static_assert(std::is_trivially_copyable_v<Body>);
    const nlmsghdr header{0, type, static_cast<std::uint16_t>(NLM_F_REQUEST | flags), sequence, 0};
    append(&header, sizeof header);
    append(&body, sizeof body);
  }

  template <class Value>
  Request& add(std::uint16_t type, const Value& value) {
    static_assert(std::is_trivially_copyable_v<Value>);
    const rtattr attribute{static_cast<std::uint16_t>(sizeof(rtattr) + sizeof value), type};
    append(&attribute, sizeof attribute);
    append(&value, sizeof value);
    return *this;
  }

  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  void append(const void* data, std::size_t size);

  std::vector<std::uint8_t> bytes_;
};

}  // namespace carpool::netlink
