#include "controlplane/health/protocol_dialogues.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "controlplane/health/mysql_wire.h"

namespace carpool {
namespace {

using namespace std::string_view_literals;
using enum CheckStatus;

// As a string of C ends, and with it HAProxy's texts.
std::string_view up_to_nul(std::string_view text) {
  return text.substr(0, text.find('\0'));
}

CheckResult result(CheckStatus status, std::string_view text = {}, int code = 0) {
  return {.status = status, .code = code, .text = printable(up_to_nul(text))};
}

// HAProxy's cut_crlf.
std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find_first_of("\r\n"sv));
}

std::string_view without_leading_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return text;
}

std::uint8_t byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<std::uint8_t>(text[at]) : 0;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// ------------------------------------------------------------------------------------------ MySQL

// One of the packets in a reply, from `offset`. Nothing while it is incomplete.
struct MysqlPacket {
  std::string_view payload;
  std::string_view rest;  // of the reply, from the payload on: HAProxy's error text is all of it
};
std::optional<MysqlPacket> mysql_packet_at(std::string_view reply, std::size_t offset) {
  if (reply.size() < offset + mysql::kHeaderBytes) return std::nullopt;
  const auto length = mysql::Reader(reply.substr(offset)).integer(3);
  const auto rest = reply.substr(offset + mysql::kHeaderBytes);
  if (rest.size() < length) return std::nullopt;
  return MysqlPacket{rest.substr(0, length), rest};
}

bool is_mysql_error(const MysqlPacket& packet) {
  return packet.payload.starts_with('\xff');
}

CheckResult mysql_error(const MysqlPacket& packet) {
  return result(L7Status, packet.rest.substr(std::min<std::size_t>(3, packet.rest.size())),
                byte_at(packet.payload, 1) | byte_at(packet.payload, 2) << 8);
}

Assessment truncated(bool complete) {
  if (!complete) return WaitForMore{};
  return result(L7Response);
}

Assessment judge_mysql_greeting(std::string_view reply, bool complete) {
  const auto greeting = mysql_packet_at(reply, 0);
  if (!greeting) return truncated(complete);
  return is_mysql_error(*greeting) ? mysql_error(*greeting) : result(L7Ok);
}

// Greeting and the reply to the login arrive one after the other: ours went out with the
// connection. A request to use another way to log in is as good as an OK.
Assessment judge_mysql_login(std::string_view reply, bool complete) {
  const auto greeting = mysql_packet_at(reply, 0);
  if (!greeting) return truncated(complete);
  if (is_mysql_error(*greeting)) return mysql_error(*greeting);
  const auto login = mysql_packet_at(reply, mysql::kHeaderBytes + greeting->payload.size());
  if (!login) return truncated(complete);
  return is_mysql_error(*login) ? mysql_error(*login) : result(L7Ok);
}

// A login without a password, and a goodbye.
std::string mysql_login(const config::MysqlCheck& check) {
  std::string login;
  if (check.before_41) {
    mysql::append_integer(login, 0x8000, 2);    // capabilities
    mysql::append_integer(login, 0x010000, 3);  // the longest packet
  } else {
    mysql::append_integer(login, 0x8200, 4);
    mysql::append_integer(login, 0x01008000, 4);
    mysql::append_integer(login, 33, 1);  // UTF-8
    login.append(23, '\0');
  }
  mysql::append_text(login, check.user);
  mysql::append_integer(login, 0, 1);
  return mysql::frame(1, login) + mysql::frame(0, "\x01"sv);
}

// ------------------------------------------------------------------------------------- PostgreSQL

// "R", length 8 to 2^8-1 in the lowest byte, and one of the ways to authenticate.
bool asks_for_a_password(std::string_view reply) {
  constexpr auto kWays = "\x00\x02\x03\x04\x05\x06\x07\x09\x0a"sv;
  return reply.size() >= 9 && reply.starts_with("R\0\0\0"sv) && reply.substr(5, 3) == "\0\0\0"sv &&
         kWays.find(reply[8]) != kWays.npos;
}

Assessment judge_pgsql(std::string_view reply, bool complete) {
  if (!complete && reply.size() < 5) return WaitForMore{};
  if (reply.front() == 'E') {
    return result(L7Response, reply.substr(std::min<std::size_t>(6, reply.size())));
  }
  if (!complete && reply.size() < 9) return WaitForMore{};
  return asks_for_a_password(reply) ? result(L7Ok, "PostgreSQL server is ok")
                                    : result(L7Status, "PostgreSQL unknown error");
}

std::string pgsql_startup(const config::PgsqlCheck& check) {
  constexpr std::size_t kBesidesTheUser = 15;
  const auto length = kBesidesTheUser + check.user.size();
  std::string startup;
  for (int shift = 24; shift >= 0; shift -= 8)
    startup += static_cast<char>(length >> shift & 0xff);
  startup += "\0\3\0\0user\0"sv;
  return startup + check.user + std::string(2, '\0');
}

// ------------------------------------------------------------------------------------------ Redis

Assessment judge_redis(std::string_view reply, bool complete) {
  if (reply.find("+PONG\r\n"sv) != reply.npos) return result(L7Ok, "Redis server is ok");
  if (!complete) return WaitForMore{};
  return result(L7Status, first_line(reply));
}

// ------------------------------------------------------------------------------------------- SMTP

constexpr std::size_t kSmtpCode = 3;

// Three digits and one of these. A reply of several lines has a '-' there in all but its last one.
bool is_smtp_line(std::string_view reply, std::string_view ends) {
  return reply.size() > kSmtpCode && std::ranges::all_of(reply.substr(0, kSmtpCode), is_digit) &&
         ends.find(reply[kSmtpCode]) != ends.npos;
}

int smtp_code(std::string_view reply) {
  const auto digits = reply.substr(0, kSmtpCode);
  if (digits.size() < kSmtpCode || !std::ranges::all_of(digits, is_digit)) return 0;
  return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
}

CheckResult smtp_result(CheckStatus status, std::string_view reply) {
  const auto text = reply.substr(std::min(kSmtpCode + 1, reply.size()));
  return result(status, first_line(without_leading_blanks(text)), smtp_code(reply));
}

Assessment judge_smtp_banner(std::string_view reply, bool complete) {
  if (!complete && reply.size() <= kSmtpCode) return WaitForMore{};
  if (!is_smtp_line(reply, " \r")) return result(L7Response, first_line(reply));
  if (!reply.starts_with('2')) return smtp_result(L7Status, reply);
  return GoOn{};
}

bool is_smtp_success(std::string_view reply) {
  return is_smtp_line(reply, "- \r") && reply.starts_with('2');
}

// The one reply that HAProxy waits on with when it is not the right one.
Assessment judge_smtp_hello(std::string_view reply, bool complete) {
  if (is_smtp_success(reply)) return GoOn{};
  if (!complete) return WaitForMore{};
  return smtp_result(L7Status, reply);
}

Assessment judge_smtp_quit(std::string_view reply, bool complete) {
  if (!complete && reply.size() <= kSmtpCode) return WaitForMore{};
  return smtp_result(is_smtp_success(reply) ? L7Ok : L7Status, reply);
}

// ------------------------------------------------------------------------------------------- LDAP

constexpr std::size_t kShortestBindResponse = 14;

// A length in BER: in the low bits of one byte, or in the bytes that these count.
struct BerLength {
  std::size_t more_bytes = 0;
  std::size_t value = 0;
};
BerLength ber_length(std::string_view bytes) {
  const auto first = byte_at(bytes, 0);
  if ((first & 0x80) == 0) return {.value = first};
  BerLength length{.more_bytes = first & 0x7fu};
  for (std::size_t i = 1; i <= std::min<std::size_t>(length.more_bytes, 4); ++i)
    length.value = length.value << 8 | byte_at(bytes, i);
  return length;
}

// LDAPMessage { messageID 1, bindResponse { resultCode 0, … } }
Assessment judge_ldap(std::string_view reply, bool complete) {
  const auto not_ldap = result(L7Response, "Not LDAPv3 protocol");
  if (!complete && reply.size() < kShortestBindResponse) return WaitForMore{};
  if (!reply.starts_with('\x30')) return not_ldap;
  reply.remove_prefix(1);
  const auto message = ber_length(reply);
  if (message.more_bytes != 0 && message.more_bytes != 2 && message.more_bytes != 4) {
    return not_ldap;
  }
  if (reply.size() < 1 + message.more_bytes + message.value) return truncated(complete);
  reply.remove_prefix(1 + message.more_bytes);
  if (!reply.starts_with("\x02\x01\x01\x61"sv)) return not_ldap;
  reply.remove_prefix(4);
  const auto inner = 1 + ber_length(reply).more_bytes;
  if (reply.size() < inner + 3) return truncated(complete);
  reply.remove_prefix(inner);
  if (!reply.starts_with("\x0a\x01"sv)) return not_ldap;
  const int code = byte_at(reply, 2);
  if (code == 0) return result(L7Ok);
  return result(L7Status, "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9", code);
}

// An anonymous simple bind of LDAPv3.
constexpr auto kLdapBind = "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"sv;

// -------------------------------------------------------------------------------------------- TLS

Assessment judge_ssl_hello(std::string_view reply, bool complete) {
  constexpr std::size_t kRecordHead = 5;
  if (!complete && reply.size() < kRecordHead) return WaitForMore{};
  const bool alert_or_handshake = byte_at(reply, 0) == 0x15 || byte_at(reply, 0) == 0x16;
  return result(alert_or_handshake ? L6Ok : L6Response);
}

// A client hello of SSLv3 with the ciphers of its time. Where HAProxy puts the time stands 0.
std::string ssl_hello() {
  constexpr std::uint8_t kCiphers = 39;
  std::string hello;
  hello += "\x16\x03\x00\x00\x79"sv;                    // a handshake of SSLv3, 121 bytes
  hello += "\x01\x00\x00\x75\x03\x00"sv;                // a client hello of SSLv3, 117 bytes
  hello += "\0\0\0\0HAPROXYSSLCHK\nHAPROXYSSLCHK\n"sv;  // time and random bytes
  hello += "\x00\x00"sv;  // no session; the length of the list of ciphers
  hello += static_cast<char>(2 * kCiphers);
  for (int cipher = 0x01; cipher <= 0x1b; ++cipher)
    hello += {'\0', static_cast<char>(cipher)};
  for (int cipher = 0x2f; cipher <= 0x3a; ++cipher)
    hello += {'\0', static_cast<char>(cipher)};
  return hello.append("\x01\x00"sv);  // compression: none
}

}  // namespace

Dialogue dialogue_of(const config::MysqlCheck& check) {
  if (check.user.empty()) return Dialogue({{.say = {}, .judge = judge_mysql_greeting}});
  return Dialogue({{.say = mysql_login(check), .judge = judge_mysql_login, .step = 3}});
}

Dialogue dialogue_of(const config::PgsqlCheck& check) {
  return Dialogue({{.say = pgsql_startup(check), .judge = judge_pgsql, .step = 3}});
}

Dialogue dialogue_of(const config::RedisCheck&) {
  return Dialogue({{.say = "*1\r\n$4\r\nPING\r\n", .judge = judge_redis, .if_empty = L7Status}});
}

Dialogue dialogue_of(const config::SmtpCheck& check) {
  return Dialogue(
      {{.say = {}, .judge = judge_smtp_banner},
       {.say = check.hello + "\r\n", .judge = judge_smtp_hello, .step = 5, .if_empty = L7Status},
       {.say = "QUIT\r\n", .judge = judge_smtp_quit, .step = 7, .if_empty = L7Status}});
}

Dialogue dialogue_of(const config::LdapCheck&) {
  return Dialogue({{.say = std::string(kLdapBind), .judge = judge_ldap}});
}

Dialogue dialogue_of(const config::SslHelloCheck&) {
  return Dialogue({{.say = ssl_hello(), .judge = judge_ssl_hello, .if_empty = L6Response}});
}

}  // namespace carpool
