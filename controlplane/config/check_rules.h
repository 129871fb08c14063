// The rules of a health check that is a dialogue: `tcp-check` and `http-check` connect, send and
// expect, in HAProxy's meaning. Values only; controlplane/health carries them out.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "controlplane/config/regex.h"
#include "dataplane/net/address.h"

namespace carpool::config {

// ------------------------------------------------------------------------------------------- TLS

inline constexpr Duration kDefaultExpiryWarning = std::chrono::hours(24 * 14);

// How a server is checked over TLS. `enabled` is `check-ssl`; the rest also holds for rules and
// protocols that begin TLS by themselves.
struct CheckTls {
  bool enabled = false;
  std::string sni;                // check-sni; empty: none is sent
  std::vector<std::string> alpn;  // check-alpn
  bool verify = true;             // verify required
  std::string ca_file;            // "@system-ca": what the system trusts
  std::string verify_host;        // verifyhost; empty: the name that was sent as SNI, if any
  // check-cert-expiry: a certificate that is valid for less than this is warned of. 0: never.
  Duration expiry_warning = kDefaultExpiryWarning;

  friend bool operator==(const CheckTls&, const CheckTls&) = default;
};

// ----------------------------------------------------------------------------------------- rules

// The results that a rule may name instead of its usual ones.
enum class RuleStatus : std::uint8_t {
  L4Ok,
  L6Ok,
  L7Ok,
  L7OkConditional,
  L4Connect,
  L6Response,
  L7Response,
  L7Status,
  L4Timeout,
  L6Timeout,
  L7Timeout,
};

struct ConnectRule {
  bool defaults = false;  // `default`: with what the server says of TLS
  bool implicit = false;  // not written: the first rule is not a `connect`
  bool tls = false;       // `ssl`
  bool linger = false;    // close politely, not by a reset
  std::optional<Ipv4Address> address{};
  std::optional<std::uint16_t> port{};
  std::string sni{};
  std::vector<std::string> alpn{};

  friend bool operator==(const ConnectRule&, const ConnectRule&) = default;
};

struct SendRule {
  std::string bytes;

  friend bool operator==(const SendRule&, const SendRule&) = default;
};

struct HttpSendRule {
  std::string method = "OPTIONS";
  std::string uri = "/";
  std::string version = "HTTP/1.0";
  std::vector<std::pair<std::string, std::string>> headers{};  // name, value
  std::string body{};

  friend bool operator==(const HttpSendRule&, const HttpSendRule&) = default;
};

// `string`, `binary`: these bytes occur; over HTTP, in the body.
struct ExpectBytes {
  std::string bytes;
  bool binary = false;

  friend bool operator==(const ExpectBytes&, const ExpectBytes&) = default;
};

// `rstring`; `rbinary`: over the bytes as hexadecimal digits in upper case.
struct ExpectRegex {
  Regex regex;
  bool binary = false;

  friend bool operator==(const ExpectRegex&, const ExpectRegex&) = default;
};

struct StatusRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;

  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

struct ExpectStatus {
  std::vector<StatusRange> ranges{{200, 399}};  // any of them

  friend bool operator==(const ExpectStatus&, const ExpectStatus&) = default;
  [[nodiscard]] bool accepts(unsigned code) const;
};

struct ExpectStatusRegex {
  Regex regex;

  friend bool operator==(const ExpectStatusRegex&, const ExpectStatusRegex&) = default;
};

// `-m str|beg|end|sub|reg`
enum class TextMatch : std::uint8_t { Whole, Begin, End, Part, Regex };

struct TextPattern {
  TextMatch match = TextMatch::Whole;
  std::string text{};            // unused with Regex
  std::optional<Regex> regex{};  // with Regex

  friend bool operator==(const TextPattern&, const TextPattern&) = default;
  // A regex brings its own treatment of letter case, and one that gave up does not match.
  [[nodiscard]] bool matches(std::string_view candidate, LetterCase letter_case) const;
};

struct ExpectHeader {
  TextPattern name;
  std::optional<TextPattern> value{};  // unset: that there is such a header is enough
  bool whole = false;                  // `fhdr`: the value is not a list with commas

  friend bool operator==(const ExpectHeader&, const ExpectHeader&) = default;
};

using Expected =
    std::variant<ExpectStatus, ExpectStatusRegex, ExpectHeader, ExpectBytes, ExpectRegex>;

struct ExpectRule {
  Expected what{};
  bool negate = false;  // `!`
  // So many bytes must be there before it is decided, and are then enough to decide; unset: what
  // does not match is waited for until the server closes.
  std::optional<std::size_t> min_recv{};
  std::optional<RuleStatus> ok_status{};
  std::optional<RuleStatus> error_status{};
  std::optional<RuleStatus> timeout_status{};
  std::string on_success{};
  std::string on_error{};

  friend bool operator==(const ExpectRule&, const ExpectRule&) = default;
};

struct CheckRule {
  std::variant<ConnectRule, SendRule, HttpSendRule, ExpectRule> act{};
  unsigned step = 0;  // counted from 1, comments included, as HAProxy does; 0: not written
  std::string comment{};

  friend bool operator==(const CheckRule&, const CheckRule&) = default;
};

// Passes when the connection is accepted, and, with `option tcp-check` and rules, when these are
// met. The first of them is a ConnectRule.
struct TcpCheck {
  std::vector<CheckRule> rules{};  // empty: only the connection

  friend bool operator==(const TcpCheck&, const TcpCheck&) = default;
};

// What `option httpchk` alone means: connect, OPTIONS /, a status from 200 to 399.
[[nodiscard]] std::vector<CheckRule> default_http_rules();

// `option httpchk` and `http-check`. The first rule is a ConnectRule, the last an ExpectRule, and
// each connection has one request.
struct HttpCheck {
  std::vector<CheckRule> rules = default_http_rules();
  bool disable_on_404 = false;  // a 404 of a server that was up drains it
  bool send_state = false;      // requests say what is thought of the server

  friend bool operator==(const HttpCheck&, const HttpCheck&) = default;
};

// Whether a rule begins TLS by itself.
[[nodiscard]] bool begins_tls(const std::vector<CheckRule>& rules);

}  // namespace carpool::config
