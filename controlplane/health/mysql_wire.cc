#include "controlplane/health/mysql_wire.h"

#include <algorithm>

namespace carpool::mysql {
namespace {

constexpr std::uint8_t kNull = 0xfb;
constexpr std::uint8_t kTwoBytes = 0xfc;
constexpr std::uint8_t kThreeBytes = 0xfd;
constexpr std::uint8_t kEightBytes = 0xfe;

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i)
    value = value << 8 | static_cast<std::uint8_t>(bytes[i - 1]);
  return value;
}

}  // namespace

void PacketStream::feed(std::string_view bytes) {
  bytes_.erase(0, taken_);
  taken_ = 0;
  bytes_.append(bytes);
}

std::optional<std::size_t> PacketStream::next_length() const {
  if (bytes_.size() - taken_ < kHeaderBytes) return std::nullopt;
  return little_endian(std::string_view(bytes_).substr(taken_, 3));
}

bool PacketStream::oversized() const {
  return next_length().value_or(0) > kMaxPayloadBytes;
}

std::optional<Packet> PacketStream::next() {
  const auto length = next_length();
  if (!length || oversized() || bytes_.size() - taken_ - kHeaderBytes < *length) {
    return std::nullopt;
  }
  const Packet packet{.sequence = static_cast<std::uint8_t>(bytes_[taken_ + 3]),
                      .payload = std::string_view(bytes_).substr(taken_ + kHeaderBytes, *length)};
  taken_ += kHeaderBytes + *length;
  return packet;
}

std::string_view Reader::bytes(std::size_t count) {
  if (count > rest_.size()) {
    failed_ = true;
    rest_ = {};
    return {};
  }
  const auto taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

std::uint64_t Reader::integer(std::size_t count) {
  return little_endian(bytes(count));
}

std::uint64_t Reader::length_encoded_integer() {
  const auto first = static_cast<std::uint8_t>(integer(1));
  if (first < kNull) return first;
  if (first == kTwoBytes) return integer(2);
  if (first == kThreeBytes) return integer(3);
  if (first == kEightBytes) return integer(8);
  failed_ = true;
  return 0;
}

std::string_view Reader::text() {
  const auto length = std::min(rest_.find('\0'), rest_.size());
  const auto taken = bytes(length);
  if (!rest_.empty()) rest_.remove_prefix(1);
  return taken;
}

std::string_view Reader::length_encoded_text() {
  return bytes(length_encoded_integer());
}

std::optional<std::string_view> Reader::length_encoded_value() {
  if (!rest_.empty() && static_cast<std::uint8_t>(rest_.front()) == kNull) {
    rest_.remove_prefix(1);
    return std::nullopt;
  }
  return length_encoded_text();
}

void append_integer(std::string& to, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i)
    to += static_cast<char>(value >> (8 * i) & 0xff);
}

void append_text(std::string& to, std::string_view text) {
  to += text;
  to += '\0';
}

std::string frame(std::uint8_t sequence, std::string_view payload) {
  std::string packet;
  append_integer(packet, payload.size(), 3);
  append_integer(packet, sequence, 1);
  packet += payload;
  return packet;
}

}  // namespace carpool::mysql
