// `option httpchk` and `http-check`.
#include <algorithm>

#include <fmt/format.h>

#include "controlplane/config/parse_check_rules.h"
#include "controlplane/config/sections.h"
#include "controlplane/config/suggest.h"

namespace carpool::config {
namespace {

// Printable, and without blanks: it becomes part of a request line.
bool is_request_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

bool is_header_text(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

// Takes a method, path or version.
bool take_request_word(std::string& into, std::string_view what, Statement& statement) {
  const auto at = statement.more() ? statement.peek().at : statement.at();
  const auto text = take_plain_format(statement, what);
  if (!text) return false;
  if (!is_request_word(*text)) {
    statement.error(at, fmt::format("'{}' cannot be {} of a request", *text, what));
    return false;
  }
  into = *text;
  return true;
}

// The old way of adding headers: "HTTP/1.1\r\nHost:\ www.example.com".
bool set_version_and_headers(HttpSendRule& request, const Word& word, Statement& statement) {
  std::string_view rest = word.text;
  const auto take_line = [&rest] {
    const auto end = std::min(rest.find("\r\n"), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 2, rest.size()));
    return line;
  };
  request.version = take_line();
  bool good = request.version.starts_with("HTTP/") && is_request_word(request.version);
  while (good && !rest.empty()) {
    const std::string_view line = take_line();
    const auto colon = line.find(':');
    good = colon != line.npos && is_request_word(line.substr(0, colon)) && is_header_text(line);
    if (!good) break;
    const auto value = line.find_first_not_of(" \t", colon + 1);
    request.headers.emplace_back(line.substr(0, colon),
                                 value == line.npos ? "" : line.substr(value));
  }
  if (!good) {
    statement.error(word.at, "this is not a version of HTTP, with or without headers after it",
                    "write 'http-check send meth GET uri / ver HTTP/1.1 hdr Host NAME'");
  }
  return good;
}

// option httpchk [[METHOD] URI [VERSION]]
void parse_httpchk(ProxyDraft& proxy, Statement& statement) {
  HealthCheck& chosen = proxy.settings.check;
  if (statement.negated()) {
    if (statement.end() && std::holds_alternative<HttpCheck>(chosen)) chosen = TcpCheck{};
    return;
  }
  HttpSendRule request;
  if (statement.more()) {
    const Word& first = *statement.take("the path");
    const bool alone = !statement.more();
    std::string& word = alone ? request.uri : request.method;
    if (!is_request_word(first.text)) {
      return statement.error(first.at, fmt::format("'{}' cannot be {} of a request", first.text,
                                                   alone ? "the path" : "the method"));
    }
    word = first.text;
    if (!alone && !take_request_word(request.uri, "the path", statement)) return;
  }
  if (statement.more()) {
    const Word& version = *statement.take("a version");
    if (!set_version_and_headers(request, version, statement)) return;
  }
  if (!statement.end()) return;
  chosen = HttpCheck{};
  proxy.settings.http_request = std::move(request);
}

bool take_header(HttpSendRule& request, Statement& statement) {
  std::string name;
  if (!take_request_word(name, "the name of a header", statement)) return false;
  const Origin at = statement.more() ? statement.peek().at : statement.at();
  auto value = take_plain_format(statement, "a value");
  if (!value) return false;
  if (!is_header_text(*value)) {
    statement.error(at, "the value of a header has one line");
    return false;
  }
  request.headers.emplace_back(std::move(name), std::move(*value));
  return true;
}

bool take_body(HttpSendRule& request, bool format, Statement& statement) {
  if (format) {
    auto text = take_plain_format(statement, "a text");
    if (text) request.body = std::move(*text);
    return text.has_value();
  }
  const Word* body = statement.take("a text");
  if (body != nullptr) request.body = body->text;
  return body != nullptr;
}

bool take_part(CheckRule& rule, const Word& part, Statement& statement) {
  auto& request = std::get<HttpSendRule>(rule.act);
  statement.set_subject(part.text);
  if (part.text == "meth") return take_request_word(request.method, "the method", statement);
  if (part.text == "uri" || part.text == "uri-lf") {
    return take_request_word(request.uri, "the path", statement);
  }
  if (part.text == "ver") return take_request_word(request.version, "the version", statement);
  if (part.text == "hdr") return take_header(request, statement);
  if (part.text == "body" || part.text == "body-lf") {
    return take_body(request, part.text == "body-lf", statement);
  }
  if (part.text == "comment") return take_comment(rule, statement);
  statement.error(part.at, fmt::format("unknown part '{}' of a request", part.text),
                  "parts are meth, uri, ver, hdr, body and comment");
  return false;
}

// http-check send [meth M] [uri U] [ver V] [hdr NAME VALUE]... [body TEXT]. What is not written
// stays empty here: the first request takes it from `option httpchk`.
void parse_send(RuleChainDraft& chain, Statement& statement) {
  if (!make_room(chain, statement)) return;
  if (!chain.rules.empty() && !std::holds_alternative<ConnectRule>(chain.rules.back().act)) {
    statement.skip_rest();
    return statement.error(statement.at(), "a connection has one request",
                           "write 'http-check connect' before the next 'send'");
  }
  CheckRule rule{.act = HttpSendRule{.method = "", .uri = "", .version = ""}};
  while (statement.more()) {
    const Word& part = *statement.take("a part of the request");
    if (!take_part(rule, part, statement)) return statement.skip_rest();
  }
  append_rule(chain, std::move(rule));
}

void parse_http_check(ProxyDraft& proxy, Statement& statement) {
  const Word* rule = statement.take("a rule: connect, send, expect, comment or disable-on-404");
  if (rule == nullptr) return;
  statement.set_subject("http-check " + rule->text);
  RuleChainDraft& chain = proxy.settings.http_rules;
  if (rule->text == "connect") return parse_connect_rule(chain, statement, RuleFamily::Http);
  if (rule->text == "send") return parse_send(chain, statement);
  if (rule->text == "expect") return parse_expect_rule(chain, statement, RuleFamily::Http);
  if (rule->text == "comment") return parse_comment_rule(chain, statement);
  if (rule->text == "disable-on-404") {
    if (statement.end()) proxy.settings.disable_on_404 = true;
    return;
  }
  if (rule->text == "send-state") {
    if (statement.end()) proxy.settings.send_state = true;
    return;
  }
  statement.skip_rest();
  if (rule->text.starts_with("set-var") || rule->text.starts_with("unset-var")) {
    return statement.error(rule->at, fmt::format("'http-check {}' is not supported", rule->text),
                           "write the values into the rules themselves");
  }
  const std::vector<std::string> rules{"connect", "send",           "expect",
                                       "comment", "disable-on-404", "send-state"};
  statement.error(rule->at, fmt::format("unknown rule '{}' of 'http-check'", rule->text),
                  did_you_mean(rule->text, rules));
}

constexpr Handler<ProxyDraft> kHandlers[] = {{"http-check", parse_http_check},
                                             {"option httpchk", parse_httpchk}};

// What the first request does not say is what `option httpchk` said; later ones have the defaults.
void complete_request(HttpSendRule& request, const HttpSendRule& option) {
  if (request.method.empty()) request.method = option.method;
  if (request.uri.empty()) request.uri = option.uri;
  if (request.version.empty()) request.version = option.version;
}

bool is_send(const CheckRule& rule) {
  return std::holds_alternative<HttpSendRule>(rule.act);
}

}  // namespace

std::vector<CheckRule> finish_http_rules(const RuleChainDraft& chain, const HttpSendRule& option) {
  std::vector<CheckRule> rules = chain.rules;
  if (rules.empty() || !std::holds_alternative<ConnectRule>(rules.front().act)) {
    rules.insert(rules.begin(), {.act = ConnectRule{.defaults = true, .implicit = true}});
  }
  if (rules.size() == 1 || !is_send(rules[1])) {
    rules.insert(rules.begin() + 1, {.act = option, .step = 1});
  }
  const HttpSendRule defaults;
  const HttpSendRule* base = &option;
  for (CheckRule& rule : rules) {
    if (auto* request = std::get_if<HttpSendRule>(&rule.act)) {
      complete_request(*request, *std::exchange(base, &defaults));
    }
  }
  if (is_send(rules.back())) {
    const auto step = rules.back().step;
    CheckRule& expect = rules.emplace_back();
    expect.act.emplace<ExpectRule>();
    expect.step = step;
  }
  return rules;
}

std::span<const Handler<ProxyDraft>> http_check_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
