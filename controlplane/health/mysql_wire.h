// The bytes of the MySQL protocol: packets, integers, strings. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carpool::mysql {

inline constexpr std::size_t kHeaderBytes = 4;  // length of the payload in 3, sequence number in 1
// Far beyond anything that a check asks for; protocol and servers allow 16 MiB and more.
inline constexpr std::size_t kMaxPayloadBytes = 64 * 1024;

struct Packet {
  std::uint8_t sequence = 0;
  std::string_view payload;
};

// Cuts a stream of bytes into packets.
class PacketStream {
 public:
  void feed(std::string_view bytes);
  // The next packet that is there as a whole; its payload is good until the next call. None also
  // where the next one is oversized.
  [[nodiscard]] std::optional<Packet> next();
  // What comes next is longer than kMaxPayloadBytes: not of use here, and not to be waited for.
  [[nodiscard]] bool oversized() const;
  [[nodiscard]] bool empty() const { return taken_ == bytes_.size(); }

 private:
  [[nodiscard]] std::optional<std::size_t> next_length() const;

  std::string bytes_;
  std::size_t taken_ = 0;
};

// Takes a payload apart. What is asked for beyond the end is zero or empty, and failed() from then
// on, so that a parser may look once, after the last field.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

  std::uint64_t integer(std::size_t bytes);  // little-endian, of 1 to 8 bytes
  std::uint64_t length_encoded_integer();
  std::string_view bytes(std::size_t count);
  std::string_view text();                                 // up to a NUL, or to the end
  std::string_view length_encoded_text();                  // not NULL
  std::optional<std::string_view> length_encoded_value();  // none: NULL

 private:
  std::string_view rest_;
  bool failed_ = false;
};

void append_integer(std::string& to, std::uint64_t value, std::size_t bytes);
void append_text(std::string& to, std::string_view text);  // and a NUL

// `payload` as one packet.
[[nodiscard]] std::string frame(std::uint8_t sequence, std::string_view payload);

}  // namespace carpool::mysql
