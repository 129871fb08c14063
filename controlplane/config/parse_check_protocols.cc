// The checks that HAProxy has for protocols beside HTTP and MySQL, and ours over datagrams.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "controlplane/config/parse_check_expect.h"
#include "controlplane/config/sections.h"

namespace carpool::config {
namespace {

constexpr std::size_t kMaxPgsqlUser = 255;
constexpr std::size_t kMaxUdpPayload = 1400;  // fits a packet of any Ethernet
constexpr std::size_t kMaxDnsName = 253;
constexpr std::size_t kMaxDnsLabel = 63;

bool is_printable(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

// `no option X` takes back X, and nothing else. True if that is what the line says.
template <class Check>
bool taken_back(ProxyDraft& proxy, Statement& statement) {
  if (!statement.negated()) return false;
  if (std::holds_alternative<Check>(proxy.settings.check)) proxy.settings.check = TcpCheck{};
  statement.skip_rest();
  return true;
}

template <class Check>
void parse_plain(ProxyDraft& proxy, Statement& statement) {
  if (taken_back<Check>(proxy, statement)) return;
  if (statement.end()) proxy.settings.check = Check{};
}

// option pgsql-check user NAME
void parse_pgsql_check(ProxyDraft& proxy, Statement& statement) {
  if (taken_back<PgsqlCheck>(proxy, statement)) return;
  if (!statement.take_choice({"user"})) return;
  const Word* user = statement.take("a user");
  if (user == nullptr || !statement.end()) return;
  if (user->text.empty() || user->text.size() > kMaxPgsqlUser ||
      user->text.find('\0') != std::string::npos) {
    return statement.error(user->at, "this cannot be the name of a user of PostgreSQL");
  }
  proxy.settings.check = PgsqlCheck{user->text};
}

// option smtpchk [HELO|EHLO DOMAIN]. HAProxy takes every other pair of words for "HELO localhost".
void parse_smtpchk(ProxyDraft& proxy, Statement& statement) {
  if (taken_back<SmtpCheck>(proxy, statement)) return;
  SmtpCheck check;
  if (statement.more()) {
    const auto hello = statement.take_choice({"HELO", "EHLO"});
    if (!hello) return;
    const Word* domain = statement.take("a domain");
    if (domain == nullptr) return;
    if (!is_printable(domain->text)) {
      return statement.error(domain->at, "this cannot be the domain of a greeting");
    }
    check.hello = (*hello == 0 ? "HELO " : "EHLO ") + domain->text;
  }
  if (statement.end()) proxy.settings.check = std::move(check);
}

// -------------------------------------------------------------------------------------- datagrams

std::optional<std::string> take_text_or_hex(bool hex, Statement& statement) {
  if (hex) return take_hex(statement);
  const Word* text = statement.take("a text");
  return text == nullptr ? std::nullopt : std::optional(text->text);
}

// [!] string TEXT | binary HEX
std::optional<UdpCheck::Expect> take_udp_expect(Statement& statement) {
  UdpCheck::Expect expect;
  expect.negate = statement.accept("!");
  const auto kind = statement.take_choice({"string", "binary"});
  if (!kind) return std::nullopt;
  if (statement.more()) expect.written = statement.peek().text;
  auto bytes = take_text_or_hex(*kind == 1, statement);
  if (!bytes) return std::nullopt;
  expect.bytes = *std::move(bytes);
  return expect;
}

// option udp-check [send TEXT|send-binary HEX] [expect [!] string TEXT|binary HEX]
void parse_udp_check(ProxyDraft& proxy, Statement& statement) {
  if (taken_back<UdpCheck>(proxy, statement)) return;
  UdpCheck check;
  while (statement.more()) {
    const Origin at = statement.peek().at;
    const auto word = statement.take_choice({"send", "send-binary", "expect"});
    if (!word) return;
    if (*word == 2) {
      check.expect = take_udp_expect(statement);
      if (!check.expect) return;
      continue;
    }
    auto payload = take_text_or_hex(*word == 1, statement);
    if (!payload) return;
    if (payload->size() > kMaxUdpPayload) {
      return statement.error(
          at, fmt::format("a datagram of a check has at most {} bytes", kMaxUdpPayload));
    }
    check.payload = *std::move(payload);
  }
  proxy.settings.check = std::move(check);
}

struct DnsType {
  std::string_view name;
  std::uint16_t number;
};
constexpr std::array kDnsTypes{DnsType{"A", 1},    DnsType{"NS", 2},    DnsType{"CNAME", 5},
                               DnsType{"SOA", 6},  DnsType{"PTR", 12},  DnsType{"MX", 15},
                               DnsType{"TXT", 16}, DnsType{"AAAA", 28}, DnsType{"SRV", 33}};

// Letters, digits, '-' and '_' in labels of 1 to 63; the final dot may be left out.
std::optional<std::string> dns_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.size() > kMaxDnsName) return std::nullopt;
  std::size_t label = 0;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (c == '.' ? label == 0 : !letter || label == kMaxDnsLabel) return std::nullopt;
    label = c == '.' ? 0 : label + 1;
  }
  if (!text.empty() && label == 0) return std::nullopt;
  return std::string(text);
}

// option dns-check name NAME [type TYPE]
void parse_dns_check(ProxyDraft& proxy, Statement& statement) {
  if (taken_back<DnsCheck>(proxy, statement)) return;
  if (!statement.take_choice({"name"})) return;
  const Word* word = statement.take("a name, as in example.com, or . for the root");
  if (word == nullptr) return;
  auto name = word->text.empty() ? std::nullopt : dns_name(word->text);
  if (!name) {
    return statement.error(word->at, fmt::format("'{}' is not a name of the DNS", word->text));
  }
  DnsCheck check{.name = *std::move(name)};
  if (statement.accept("type")) {
    statement.set_subject("type");
    const auto type =
        statement.take_choice({"A", "NS", "CNAME", "SOA", "PTR", "MX", "TXT", "AAAA", "SRV"});
    if (!type) return;
    check.type = kDnsTypes[*type].number;
    check.type_name = kDnsTypes[*type].name;
  }
  if (statement.end()) proxy.settings.check = std::move(check);
}

constexpr Handler<ProxyDraft> kHandlers[] = {{"option dns-check", parse_dns_check},
                                             {"option icmp-check", parse_plain<IcmpCheck>},
                                             {"option ldap-check", parse_plain<LdapCheck>},
                                             {"option pgsql-check", parse_pgsql_check},
                                             {"option redis-check", parse_plain<RedisCheck>},
                                             {"option smtpchk", parse_smtpchk},
                                             {"option ssl-hello-chk", parse_plain<SslHelloCheck>},
                                             {"option udp-check", parse_udp_check}};

}  // namespace

std::span<const Handler<ProxyDraft>> protocol_check_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
