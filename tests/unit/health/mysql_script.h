// The packets that a MySQL server sends, for transcripts in tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/health/mysql_wire.h"

namespace carpool::mysql::test {

inline const std::string kNonce =
    "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14";

struct GreetingOf {
  std::string version = "8.0.36";
  std::string plugin = "caching_sha2_password";
  bool tls = true;
};

inline std::string greeting(const GreetingOf& of = {}) {
  constexpr std::uint32_t kAllButTls = 0xdffff7ff;
  const std::uint32_t capabilities = kAllButTls | (of.tls ? 0x800u : 0u);
  std::string payload = "\x0a";
  append_text(payload, of.version);
  append_integer(payload, 42, 4);
  payload += kNonce.substr(0, 8) + '\0';
  append_integer(payload, capabilities & 0xffff, 2);
  append_integer(payload, 45, 1);
  append_integer(payload, 2, 2);
  append_integer(payload, capabilities >> 16, 2);
  append_integer(payload, kNonce.size() + 1, 1);
  payload.append(10, '\0');
  append_text(payload, kNonce.substr(8));
  append_text(payload, of.plugin);
  return frame(0, payload);
}

inline std::string ok(std::uint8_t sequence = 2) {
  return frame(sequence, std::string("\x00\x00\x00\x02\x00\x00\x00", 7));
}

inline std::string error(int code, std::string_view message, std::uint8_t sequence = 2) {
  std::string payload = "\xff";
  append_integer(payload, static_cast<std::uint64_t>(code), 2);
  return frame(sequence, payload += message);
}

inline std::string plugin_switch(std::string_view plugin, std::string_view nonce = kNonce) {
  std::string payload = "\xfe";
  append_text(payload, plugin);
  append_text(payload, nonce);
  return frame(2, payload);
}

inline std::string more_auth_data(std::string_view data, std::uint8_t sequence = 2) {
  return frame(sequence, "\x01" + std::string(data));
}

inline std::string eof(std::uint8_t sequence) {
  return frame(sequence, std::string("\xfe\x00\x00\x02\x00", 5));
}

using Row = std::vector<std::optional<std::string>>;

inline void append_value(std::string& to, std::string_view value) {
  append_integer(to, value.size(), 1);
  to += value;
}

// The whole answer to a query; values of up to 250 bytes.
inline std::string answer(const std::vector<std::string>& columns, const std::vector<Row>& rows) {
  std::uint8_t sequence = 1;
  std::string text = frame(sequence++, std::string(1, static_cast<char>(columns.size())));
  for (const auto& column : columns) {
    std::string payload;
    for (const std::string_view part : {"def", "", "t", "t"})
      append_value(payload, part);
    append_value(payload, column);
    append_value(payload, column);
    payload += std::string("\x0c\x2d\x00\x00\x01\x00\x00\xfd\x00\x00\x00\x00\x00", 13);
    text += frame(sequence++, payload);
  }
  text += eof(sequence++);
  for (const auto& row : rows) {
    std::string payload;
    for (const auto& value : row) {
      if (value) {
        append_value(payload, *value);
      } else {
        payload += '\xfb';
      }
    }
    text += frame(sequence++, payload);
  }
  return text + eof(sequence);
}

// As SHOW VARIABLES and SHOW STATUS give them.
inline std::string variables(const std::vector<Row>& rows) {
  return answer({"Variable_name", "Value"}, rows);
}

}  // namespace carpool::mysql::test
