// What the packets of a MySQL login and query say. Pure. Names and numbers are those of MySQL's
// "Client/Server Protocol" and of MariaDB's knowledge base.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carpool::mysql {

// First bytes of a payload.
inline constexpr char kOk = '\x00';
inline constexpr char kMoreAuthData = '\x01';
inline constexpr char kLocalInfile = '\xfb';
inline constexpr char kEof = '\xfe';  // while logging in: switch to another plugin
inline constexpr char kError = '\xff';

// In the server's own words, made printable.
struct ServerError {
  int code = 0;           // 1045
  std::string message{};  // "Access denied for user ..."

  friend bool operator==(const ServerError&, const ServerError&) = default;
};

struct Greeting {
  std::string version;  // without the "5.5.5-" that MariaDB puts before its own
  std::uint32_t capabilities = 0;
  std::string nonce;   // kNonceBytes
  std::string plugin;  // that the server would use by itself; may be empty

  friend bool operator==(const Greeting&, const Greeting&) = default;
  [[nodiscard]] bool offers_tls() const;
  [[nodiscard]] bool knows_plugins() const;
};

struct PluginSwitch {
  std::string plugin;
  std::string nonce;  // kNonceBytes for the plugins that we know, whatever is sent for others

  friend bool operator==(const PluginSwitch&, const PluginSwitch&) = default;
};

using Value = std::optional<std::string>;  // none: NULL

// Nothing where the payload is not such a packet. A greeting must be of MySQL 4.1 or later.
[[nodiscard]] std::optional<Greeting> parse_greeting(std::string_view payload);
[[nodiscard]] std::optional<ServerError> parse_error(std::string_view payload);
// Of the old plugin of before 4.1, which comes without a name, the name is "mysql_old_password".
[[nodiscard]] std::optional<PluginSwitch> parse_plugin_switch(std::string_view payload);
[[nodiscard]] std::optional<std::string> parse_column_name(std::string_view payload);
[[nodiscard]] std::optional<std::vector<Value>> parse_row(std::string_view payload,
                                                          std::size_t columns);
// Between columns and rows, and after the rows. A row can begin with the same byte, but then it is
// longer.
[[nodiscard]] bool is_eof(std::string_view payload);

// The answer to a greeting. With `tls` it is said over TLS, after a request to go on so.
struct LoginRequest {
  std::string_view user;
  std::string_view proof;
  std::string_view plugin;
  bool tls = false;
};
[[nodiscard]] std::string tls_request(const Greeting& greeting);
[[nodiscard]] std::string login_request(const Greeting& greeting, const LoginRequest& request);
[[nodiscard]] std::string query_command(std::string_view query);
[[nodiscard]] std::string quit_command();

}  // namespace carpool::mysql
