// How servers are checked: `option httpchk`, `option tcp-check`, `http-check`.
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

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
  const Word* word = statement.take(what);
  if (word == nullptr) return false;
  if (!is_request_word(word->text)) {
    statement.error(word->at, fmt::format("'{}' cannot be {} of a request", word->text, what));
    return false;
  }
  into = word->text;
  return true;
}

// The old way of adding headers: "HTTP/1.1\r\nHost:\ www.example.com".
bool set_version_and_headers(HttpCheck& check, const Word& word, Statement& statement) {
  std::string_view rest = word.text;
  const auto take_line = [&rest] {
    const auto end = std::min(rest.find("\r\n"), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 2, rest.size()));
    return line;
  };
  check.version = take_line();
  bool good = check.version.starts_with("HTTP/") && is_request_word(check.version);
  while (good && !rest.empty()) {
    const std::string_view line = take_line();
    const auto colon = line.find(':');
    good = colon != line.npos && is_request_word(line.substr(0, colon)) && is_header_text(line);
    if (!good) break;
    const auto value = line.find_first_not_of(" \t", colon + 1);
    check.headers.emplace_back(line.substr(0, colon), value == line.npos ? "" : line.substr(value));
  }
  if (!good) {
    statement.error(word.at, "this is not a version of HTTP, with or without headers after it",
                    "write 'http-check send meth GET uri / ver HTTP/1.1 hdr Host NAME'");
  }
  return good;
}

// option httpchk [[METHOD] URI [VERSION]]
void parse_httpchk(ProxyDraft& proxy, Statement& statement) {
  proxy.settings.http_check_wanted = !statement.negated();
  if (!statement.more() || statement.negated()) return;
  HttpCheck check = proxy.settings.http_check;
  check.headers.clear();
  if (!take_request_word(check.uri, "the path", statement)) return;
  if (statement.more()) {
    check.method = check.uri;
    if (!take_request_word(check.uri, "the path", statement)) return;
  }
  if (statement.more()) {
    const Word& version = *statement.take("a version");
    if (!set_version_and_headers(check, version, statement)) return;
  }
  if (statement.end()) proxy.settings.http_check = std::move(check);
}

void parse_tcp_check(ProxyDraft& proxy, Statement& statement) {
  if (statement.end() && !statement.negated()) proxy.settings.http_check_wanted = false;
}

// http-check send [meth M] [uri U] [ver V] [hdr NAME VALUE]... [body TEXT]
void parse_send(ProxyDraft& proxy, Statement& statement) {
  HttpCheck check = proxy.settings.http_check;
  check.headers.clear();
  while (statement.more()) {
    const Word& part = *statement.take("a part of the request");
    statement.set_subject(part.text);
    if (part.text == "meth") {
      if (!take_request_word(check.method, "the method", statement)) return;
    } else if (part.text == "uri") {
      if (!take_request_word(check.uri, "the path", statement)) return;
    } else if (part.text == "ver") {
      if (!take_request_word(check.version, "the version", statement)) return;
    } else if (part.text == "hdr") {
      std::string name;
      if (!take_request_word(name, "the name of a header", statement)) return;
      const Word* value = statement.take("a value");
      if (value == nullptr) return;
      if (!is_header_text(value->text)) {
        return statement.error(value->at, "the value of a header has one line");
      }
      check.headers.emplace_back(std::move(name), value->text);
    } else if (part.text == "body") {
      const Word* body = statement.take("a text");
      if (body == nullptr) return;
      check.body = body->text;
    } else if (part.text == "comment") {
      statement.skip(1);
    } else {
      return statement.error(part.at, fmt::format("unknown part '{}' of a request", part.text),
                             "parts are meth, uri, ver, hdr and body; those with a log format are "
                             "not supported");
    }
  }
  proxy.settings.http_check = std::move(check);
}

// "200", "200,204", "200-299,404"
std::optional<std::vector<StatusRange>> parse_status_list(const Word& word, Statement& statement) {
  std::vector<StatusRange> ranges;
  for (std::size_t start = 0; start <= word.text.size();) {
    const std::size_t end = std::min(word.text.find(',', start), word.text.size());
    const std::string_view item = std::string_view(word.text).substr(start, end - start);
    const auto dash = item.find('-');
    const auto first = parse_number(item.substr(0, dash), 100, 999);
    const auto last = dash == item.npos ? first : parse_number(item.substr(dash + 1), 100, 999);
    if (!first || !last || *first > *last) {
      statement.error(word.at, fmt::format("'{}' is not a status", item),
                      "write codes and ranges with commas, as in 200-299,404");
      return std::nullopt;
    }
    ranges.push_back({static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)});
    start = end + 1;
  }
  return ranges;
}

// http-check expect [!] status LIST | string TEXT
void parse_expect(ProxyDraft& proxy, Statement& statement) {
  HttpExpect expect;
  constexpr std::array<std::string_view, 8> kWithValue = {
      "min-recv",    "comment",    "ok-status", "error-status",
      "tout-status", "on-success", "on-error",  "status-code"};
  while (statement.more() &&
         std::ranges::find(kWithValue, statement.peek().text) != kWithValue.end()) {
    statement.skip(2);  // how a result is named, not what it is
  }
  expect.negate = statement.accept("!");
  const Word* kind = statement.take("'status' or 'string'");
  if (kind == nullptr) return;
  statement.set_subject(kind->text);
  if (kind->text == "status") {
    const Word* list = statement.take("a status, as in 200");
    if (list == nullptr) return;
    auto ranges = parse_status_list(*list, statement);
    if (!ranges || !statement.end()) return;
    expect.status = std::move(*ranges);
  } else if (kind->text == "string") {
    const Word* text = statement.take("a text");
    if (text == nullptr || !statement.end()) return;
    expect.body = text->text;
  } else if (kind->text == "rstatus" || kind->text == "rstring" || kind->text == "hdr" ||
             kind->text == "fhdr" || kind->text == "string-lf") {
    statement.skip_rest();
    return statement.error(
        kind->at, fmt::format("'http-check expect {}' is not supported yet", kind->text),
        "use 'http-check expect status 200-299' or 'http-check expect string TEXT'");
  } else {
    return statement.error(kind->at,
                           fmt::format("unknown expectation '{}' of 'http-check'", kind->text),
                           "it is 'status' or 'string'");
  }
  proxy.settings.http_check.expect = std::move(expect);
}

void parse_http_check(ProxyDraft& proxy, Statement& statement) {
  const Word* rule = statement.take("a rule: send, expect or disable-on-404");
  if (rule == nullptr) return;
  statement.set_subject("http-check " + rule->text);
  if (rule->text == "send") return parse_send(proxy, statement);
  if (rule->text == "expect") return parse_expect(proxy, statement);
  if (rule->text == "disable-on-404") {
    if (statement.end()) proxy.settings.http_check.disable_on_404 = true;
    return;
  }
  statement.skip_rest();
  if (rule->text == "send-state") {
    return statement.report().warn(rule->at, "'http-check send-state' is not used");
  }
  if (rule->text == "comment") return;
  if (rule->text == "connect" || rule->text == "set-var" || rule->text == "set-var-fmt" ||
      rule->text == "unset-var") {
    return statement.error(rule->at,
                           fmt::format("'http-check {}' is not supported yet", rule->text),
                           "one request is sent to the server's 'addr' and 'port'");
  }
  const std::vector<std::string> rules{"send", "expect", "disable-on-404", "send-state", "connect"};
  statement.error(rule->at, fmt::format("unknown rule '{}' of 'http-check'", rule->text),
                  did_you_mean(rule->text, rules));
}

constexpr Handler<ProxyDraft> kHandlers[] = {{"http-check", parse_http_check},
                                             {"option httpchk", parse_httpchk},
                                             {"option tcp-check", parse_tcp_check}};

}  // namespace

std::span<const Handler<ProxyDraft>> health_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
