#include "controlplane/health/mysql_packets.h"

#include "controlplane/health/check_result.h"
#include "controlplane/health/mysql_auth.h"
#include "controlplane/health/mysql_wire.h"

namespace carpool::mysql {
namespace {

constexpr std::uint8_t kProtocolVersion = 10;
constexpr std::string_view kMariaDbPrefix = "5.5.5-";

// Capabilities.
constexpr std::uint32_t kLongPassword = 1u << 0;  // MariaDB: "I am MySQL's client"
constexpr std::uint32_t kProtocol41 = 1u << 9;
constexpr std::uint32_t kTls = 1u << 11;
constexpr std::uint32_t kTransactions = 1u << 13;
constexpr std::uint32_t kSecureConnection = 1u << 15;
constexpr std::uint32_t kPluginAuth = 1u << 19;

constexpr std::uint32_t kOurs = kLongPassword | kProtocol41 | kTransactions | kSecureConnection;
constexpr std::uint32_t kMaxPacketWeTake = 1u << 24;
constexpr std::uint8_t kUtf8Mb4 = 45;
constexpr std::size_t kFirstNonceBytes = 8;
constexpr std::size_t kReservedBytes = 10;
constexpr std::size_t kMaxEofBytes = 8;

constexpr char kQuery = '\x03';
constexpr char kQuit = '\x01';

// What a request to go on in TLS and a login have in common.
std::string request_head(const Greeting& greeting, bool tls) {
  std::string payload;
  append_integer(payload, kOurs | (greeting.capabilities & kPluginAuth) | (tls ? kTls : 0), 4);
  append_integer(payload, kMaxPacketWeTake, 4);
  append_integer(payload, kUtf8Mb4, 1);
  payload.append(23, '\0');
  return payload;
}

}  // namespace

bool Greeting::offers_tls() const {
  return (capabilities & kTls) != 0;
}

bool Greeting::knows_plugins() const {
  return (capabilities & kPluginAuth) != 0;
}

std::optional<Greeting> parse_greeting(std::string_view payload) {
  Reader reader(payload);
  if (reader.integer(1) != kProtocolVersion) return std::nullopt;
  Greeting greeting;
  auto version = reader.text();
  if (version.starts_with(kMariaDbPrefix)) version.remove_prefix(kMariaDbPrefix.size());
  greeting.version = printable(version);
  reader.integer(4);  // the connection's number
  greeting.nonce = reader.bytes(kFirstNonceBytes);
  reader.integer(1);
  greeting.capabilities = static_cast<std::uint32_t>(reader.integer(2));
  reader.integer(1);  // character set
  reader.integer(2);  // status
  greeting.capabilities |= static_cast<std::uint32_t>(reader.integer(2)) << 16;
  reader.integer(1);  // bytes of the nonce in all: ever 21, the NUL included, for what we know
  reader.bytes(kReservedBytes);
  greeting.nonce += reader.bytes(kNonceBytes - kFirstNonceBytes);
  constexpr auto kNeeded = kProtocol41 | kSecureConnection;
  if (reader.failed() || (greeting.capabilities & kNeeded) != kNeeded) return std::nullopt;
  if (!reader.at_end()) reader.integer(1);  // the NUL of the nonce
  if (greeting.knows_plugins()) greeting.plugin = printable(reader.text());
  return greeting;
}

std::optional<ServerError> parse_error(std::string_view payload) {
  Reader reader(payload);
  if (reader.bytes(1) != std::string_view(&kError, 1)) return std::nullopt;
  ServerError error{.code = static_cast<int>(reader.integer(2)), .message = {}};
  if (reader.failed()) return std::nullopt;
  auto message = reader.bytes(reader.left());
  // "#28000" before the message is the SQL state; a server that has not agreed on the protocol yet
  // ("Too many connections") leaves it out.
  constexpr std::size_t kStateBytes = 6;
  if (message.starts_with('#') && message.size() >= kStateBytes) message.remove_prefix(kStateBytes);
  error.message = printable(message);
  return error;
}

std::optional<PluginSwitch> parse_plugin_switch(std::string_view payload) {
  Reader reader(payload);
  if (reader.bytes(1) != std::string_view(&kEof, 1)) return std::nullopt;
  if (reader.at_end()) return PluginSwitch{.plugin = "mysql_old_password", .nonce = {}};
  PluginSwitch change{.plugin = printable(reader.text()), .nonce = {}};
  change.nonce = reader.bytes(reader.left());
  const bool known = change.plugin == kNativePassword || change.plugin == kCachingSha2Password;
  if (known && change.nonce.size() == kNonceBytes + 1) change.nonce.pop_back();
  if (known && change.nonce.size() != kNonceBytes) return std::nullopt;
  return change;
}

std::optional<std::string> parse_column_name(std::string_view payload) {
  Reader reader(payload);
  for (int skipped = 0; skipped < 4; ++skipped)  // catalog, schema, table, original table
    reader.length_encoded_text();
  const auto name = reader.length_encoded_text();
  if (reader.failed()) return std::nullopt;
  return std::string(name);
}

std::optional<std::vector<Value>> parse_row(std::string_view payload, std::size_t columns) {
  Reader reader(payload);
  std::vector<Value> row;
  for (std::size_t i = 0; i < columns && !reader.failed(); ++i) {
    const auto value = reader.length_encoded_value();
    row.push_back(value ? Value(*value) : std::nullopt);
  }
  if (reader.failed() || !reader.at_end()) return std::nullopt;
  return row;
}

bool is_eof(std::string_view payload) {
  return payload.starts_with(kEof) && payload.size() <= kMaxEofBytes;
}

std::string tls_request(const Greeting& greeting) {
  return request_head(greeting, true);
}

std::string login_request(const Greeting& greeting, const LoginRequest& request) {
  auto payload = request_head(greeting, request.tls);
  append_text(payload, request.user);
  append_integer(payload, request.proof.size(), 1);
  payload += request.proof;
  if (greeting.knows_plugins()) append_text(payload, request.plugin);
  return payload;
}

std::string query_command(std::string_view query) {
  return kQuery + std::string(query);
}

std::string quit_command() {
  return std::string(1, kQuit);
}

}  // namespace carpool::mysql
