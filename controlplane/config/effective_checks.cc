#include "controlplane/config/effective_checks.h"

#include <chrono>
#include <iterator>
#include <string_view>
#include <variant>

#include <fmt/format.h>

#include "controlplane/config/write_words.h"

namespace carpool::config {
namespace {

using Lines = std::vector<std::string>;

std::string list_text(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items)
    text += (text.empty() ? "" : ",") + item;
  return text;
}

std::string act_text(const ConnectRule& rule) {
  std::string text = "connect";
  if (rule.defaults) text += " default";
  if (rule.port) text += fmt::format(" port {}", *rule.port);
  if (rule.address) text += " addr " + carpool::to_string(*rule.address);
  if (rule.tls) text += " ssl";
  if (!rule.sni.empty()) text += " sni " + write_word(rule.sni);
  if (!rule.alpn.empty()) text += " alpn " + list_text(rule.alpn);
  if (rule.linger) text += " linger";
  return text;
}

std::string act_text(const SendRule& rule) {
  return "send-binary " + write_hex(rule.bytes);
}

std::string act_text(const HttpSendRule& rule) {
  std::string text = fmt::format("send meth {} uri {} ver {}", write_word(rule.method),
                                 write_word(rule.uri), write_word(rule.version));
  for (const auto& [name, value] : rule.headers)
    text += fmt::format(" hdr {} {}", write_word(name), write_word(value));
  if (!rule.body.empty()) text += " body " + write_word(rule.body);
  return text;
}

std::string pattern_text(const TextPattern& pattern) {
  constexpr std::string_view kMatches[] = {"str", "beg", "end", "sub", "reg"};
  return fmt::format("-m {} {}", kMatches[static_cast<std::size_t>(pattern.match)],
                     write_word(pattern.regex ? pattern.regex->pattern() : pattern.text));
}

std::string expected_text(const ExpectStatus& status) {
  std::string text = "status ";
  for (const StatusRange& range : status.ranges) {
    if (!text.ends_with(' ')) text += ",";
    text += range.first == range.last ? fmt::format("{}", range.first)
                                      : fmt::format("{}-{}", range.first, range.last);
  }
  return text;
}
std::string expected_text(const ExpectStatusRegex& status) {
  return "rstatus " + write_word(status.regex.pattern());
}
std::string expected_text(const ExpectHeader& header) {
  std::string text = header.whole ? "fhdr name " : "hdr name ";
  text += pattern_text(header.name);
  if (header.value) text += " value " + pattern_text(*header.value);
  return text;
}
std::string expected_text(const ExpectBytes& bytes) {
  return bytes.binary ? "binary " + write_hex(bytes.bytes) : "string " + write_word(bytes.bytes);
}
std::string expected_text(const ExpectRegex& expect) {
  return (expect.binary ? "rbinary " : "rstring ") + write_word(expect.regex.pattern());
}

std::string status_name(RuleStatus status) {
  constexpr std::string_view kNames[] = {"L4OK",  "L6OK",  "L7OK",   "L7OKC",  "L4CON", "L6RSP",
                                         "L7RSP", "L7STS", "L4TOUT", "L6TOUT", "L7TOUT"};
  return std::string(kNames[static_cast<std::size_t>(status)]);
}

std::string act_text(const ExpectRule& rule) {
  std::string text = "expect ";
  if (rule.min_recv) text += fmt::format("min-recv {} ", *rule.min_recv);
  if (rule.ok_status) text += fmt::format("ok-status {} ", status_name(*rule.ok_status));
  if (rule.error_status) text += fmt::format("error-status {} ", status_name(*rule.error_status));
  if (rule.timeout_status)
    text += fmt::format("tout-status {} ", status_name(*rule.timeout_status));
  if (!rule.on_success.empty()) text += fmt::format("on-success {} ", write_word(rule.on_success));
  if (!rule.on_error.empty()) text += fmt::format("on-error {} ", write_word(rule.on_error));
  if (rule.negate) text += "! ";
  return text + std::visit([](const auto& what) { return expected_text(what); }, rule.what);
}

void add_rules(Lines& lines, std::string_view family, const std::vector<CheckRule>& rules) {
  for (const CheckRule& rule : rules) {
    const auto* connect = std::get_if<ConnectRule>(&rule.act);
    if (connect != nullptr && connect->implicit) continue;  // it comes by itself again
    lines.push_back(fmt::format(
        "{} {}", family, std::visit([](const auto& act) { return act_text(act); }, rule.act)));
  }
}

Lines lines_of(const TcpCheck& check) {
  if (check.rules.empty()) return {};
  Lines lines{"option tcp-check"};
  add_rules(lines, "tcp-check", check.rules);
  return lines;
}
Lines lines_of(const HttpCheck& check) {
  Lines lines{"option httpchk"};
  add_rules(lines, "http-check", check.rules);
  if (check.disable_on_404) lines.emplace_back("http-check disable-on-404");
  if (check.send_state) lines.emplace_back("http-check send-state");
  return lines;
}
Lines lines_of(const MysqlCheck& check) {
  if (check.user.empty()) return {"option mysql-check"};
  return {fmt::format("option mysql-check user {} {}", write_word(check.user),
                      check.before_41 ? "pre-41" : "post-41")};
}
Lines lines_of(const MysqlLoginCheck& check) {
  std::string text = fmt::format("option mysql-check user {} password {}", write_word(check.user),
                                 write_word(check.password));
  if (check.tls) text += " tls";
  if (!check.query.empty()) text += " query " + write_word(check.query);
  constexpr std::string_view kExpects[] = {"", " expect writable", " expect replica",
                                           " expect galera"};
  text += kExpects[static_cast<std::size_t>(check.expect)];
  if (check.max_lag_s) text += fmt::format(" max-lag {}s", *check.max_lag_s);
  if (check.allow_donor) text += " allow-donor";
  return {text};
}
Lines lines_of(const PgsqlCheck& check) {
  return {"option pgsql-check user " + write_word(check.user)};
}
Lines lines_of(const RedisCheck&) {
  return {"option redis-check"};
}
Lines lines_of(const SmtpCheck& check) {
  return {"option smtpchk " + check.hello};
}
Lines lines_of(const LdapCheck&) {
  return {"option ldap-check"};
}
Lines lines_of(const SslHelloCheck&) {
  return {"option ssl-hello-chk"};
}
Lines lines_of(const UdpCheck& check) {
  std::string text = "option udp-check";
  if (!check.payload.empty()) text += " send-binary " + write_hex(check.payload);
  if (check.expect && check.expect->bytes.empty()) text += " expect";
  if (check.expect && !check.expect->bytes.empty()) {
    const bool binary = check.expect->written == write_hex(check.expect->bytes);
    text += fmt::format(" expect{} {} {}", check.expect->negate ? " !" : "",
                        binary ? "binary" : "string", write_word(check.expect->written));
  }
  return {text};
}
Lines lines_of(const DnsCheck& check) {
  return {fmt::format("option dns-check name {}. type {}", check.name, check.type_name)};
}
Lines lines_of(const IcmpCheck&) {
  return {"option icmp-check"};
}

Lines lines_of(const ExternalCheck& check) {
  Lines lines{"option external-check"};
  if (!check.command.empty()) {
    lines.push_back("external-check command " + write_word(check.command));
  }
  if (!check.path.empty()) lines.push_back("external-check path " + write_word(check.path));
  return lines;
}

std::string check_parameters(const Server& server) {
  std::string text = server.check ? " check" : "";
  if (server.check_address) text += " addr " + carpool::to_string(*server.check_address);
  if (server.check_port) text += fmt::format(" port {}", *server.check_port);
  text += fmt::format(" inter {} fastinter {} downinter {} rise {} fall {}",
                      write_time(server.inter), write_time(server.fastinter),
                      write_time(server.downinter), server.rise, server.fall);
  constexpr std::string_view kStates[] = {"up", "fully-up", "down", "fully-down"};
  text += fmt::format(" init-state {}", kStates[static_cast<std::size_t>(server.init_state)]);
  const CheckTls& tls = server.check_tls;
  if (tls.enabled) text += " check-ssl";
  if (!tls.sni.empty()) text += " check-sni " + write_word(tls.sni);
  if (!tls.alpn.empty()) text += " check-alpn " + list_text(tls.alpn);
  if (tls.enabled) text += fmt::format(" verify {}", tls.verify ? "required" : "none");
  if (!tls.ca_file.empty()) text += " ca-file " + write_word(tls.ca_file);
  if (!tls.verify_host.empty()) text += " verifyhost " + write_word(tls.verify_host);
  if (tls.enabled) {
    text += fmt::format(" check-cert-expiry {}",
                        std::chrono::duration_cast<std::chrono::days>(tls.expiry_warning).count());
  }
  return text;
}

std::string other_judges(const Server& server) {
  std::string text;
  if (server.observe.layer4) {
    constexpr std::string_view kActions[] = {"fastinter", "fail-check", "sudden-death",
                                             "mark-down"};
    text += fmt::format(" observe layer4 on-error {} error-limit {}",
                        kActions[static_cast<std::size_t>(server.observe.on_error)],
                        server.observe.error_limit);
  }
  if (server.agent) {
    text += fmt::format(" agent-check agent-port {} agent-inter {}", server.agent->port,
                        write_time(server.agent->inter));
    if (server.agent->address) text += " agent-addr " + carpool::to_string(*server.agent->address);
    if (!server.agent->send.empty()) text += " agent-send " + write_word(server.agent->send);
  }
  if (server.track)
    text += fmt::format(" track {}/{}", server.track->backend, server.track->server);
  return text;
}

}  // namespace

std::vector<std::string> check_lines(const HealthCheck& check) {
  return std::visit([](const auto& kind) { return lines_of(kind); }, check);
}

std::string server_line(const Server& server) {
  std::string text = fmt::format("server {} ", server.name);
  text += server.host.empty() ? carpool::to_string(server.address) : server.host;
  if (server.port != 0) text += fmt::format(":{}", server.port);
  text += fmt::format(" weight {}", server.weight);
  if (server.maxconn != 0) text += fmt::format(" maxconn {}", server.maxconn);
  if (server.id) text += fmt::format(" id {}", *server.id);
  if (server.backup) text += " backup";
  if (server.disabled) text += " disabled";
  text += check_parameters(server) + other_judges(server);
  if (server.slowstart != Duration::zero()) text += " slowstart " + write_time(server.slowstart);
  if (server.shutdown_sessions_on_down) text += " on-marked-down shutdown-sessions";
  if (server.shutdown_backup_sessions_on_up) text += " on-marked-up shutdown-backup-sessions";
  if (!server.host.empty()) text += "  # " + carpool::to_string(server.address);
  return text;
}

}  // namespace carpool::config
