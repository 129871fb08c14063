#include "controlplane/console/stats_page.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "controlplane/console/proxies.h"
#include "controlplane/console/stats_html.h"

namespace carpool::console {
namespace {

// Servers that one form may name.
constexpr std::size_t kMaxFormFields = 4096;

PageReply plain(unsigned status, std::string_view title, std::string_view text) {
  return {
      .status = status,
      .headers = {{"Cache-Control", "no-cache"}},
      .body = fmt::format("<html><body><h1>{} {}</h1>\n{}\n</body></html>\n", status, title, text)};
}

// ---- Who asks ----------------------------------------------------------------------------------

std::string base64(const std::string& text) {
  std::string encoded(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(length));
  return encoded;
}

// In a time that does not tell how much of it was right.
bool is_known_user(const config::StatsPage& page, std::string_view authorization) {
  if (page.users.empty()) return true;
  constexpr std::string_view kScheme = "Basic ";
  if (!authorization.starts_with(kScheme)) return false;
  authorization.remove_prefix(kScheme.size());
  bool known = false;
  for (const auto& [name, password] : page.users) {
    const std::string expected = base64(name + ":" + password);
    known |= expected.size() == authorization.size() &&
             CRYPTO_memcmp(expected.data(), authorization.data(), expected.size()) == 0;
  }
  return known;
}

// A form of another site is sent with the user's password too, but not from here.
bool is_own_form(const PageRequest& request) {
  if (request.origin.empty()) return true;
  const auto slashes = request.origin.find("://");
  return slashes != request.origin.npos && request.origin.substr(slashes + 3) == request.host;
}

// ---- What is asked -----------------------------------------------------------------------------

// What follows the page's URI: ";csv;norefresh", "?scope=x".
struct PageOptions {
  std::string_view text;

  [[nodiscard]] bool has(std::string_view option) const { return text.find(option) != text.npos; }
  [[nodiscard]] std::string_view outcome() const {
    const auto at = text.find(";st=");
    return at == text.npos ? std::string_view() : text.substr(at + 4, 4);
  }
};

std::optional<PageOptions> options_of(const config::StatsPage& page, std::string_view target) {
  if (!target.starts_with(page.uri)) return std::nullopt;
  const std::string_view rest = target.substr(page.uri.size());
  if (!rest.empty() && rest[0] != ';' && rest[0] != '?' && rest[0] != '/') return std::nullopt;
  return PageOptions{rest};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string decode(std::string_view text) {
  std::string plain_text;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+') {
      plain_text += ' ';
    } else if (text[at] == '%' && at + 2 < text.size() && hex_digit(text[at + 1]) >= 0 &&
               hex_digit(text[at + 2]) >= 0) {
      plain_text += static_cast<char>(hex_digit(text[at + 1]) * 16 + hex_digit(text[at + 2]));
      at += 2;
    } else {
      plain_text += text[at];
    }
  }
  return plain_text;
}

std::vector<std::pair<std::string, std::string>> form_fields(std::string_view body) {
  std::vector<std::pair<std::string, std::string>> fields;
  while (!body.empty() && fields.size() < kMaxFormFields) {
    const std::string_view field = body.substr(0, body.find('&'));
    body.remove_prefix(std::min(body.size(), field.size() + 1));
    const auto equals = std::min(field.find('='), field.size());
    fields.emplace_back(decode(field.substr(0, equals)),
                        decode(field.substr(std::min(field.size(), equals + 1))));
  }
  return fields;
}

// ---- Actions -----------------------------------------------------------------------------------

void act(Operations& operations, const ServerKey& key, std::string_view action) {
  if (action == "ready") operations.set_mode(key, AdminMode::Ready);
  if (action == "drain") operations.set_mode(key, AdminMode::Drain);
  if (action == "maint") operations.set_mode(key, AdminMode::Maintenance);
  if (action == "dhlth") operations.set_checks(key, false);
  if (action == "ehlth") operations.set_checks(key, true);
  if (action == "hrunn") operations.force_health(key, ForcedHealth::Up);
  if (action == "hnolb") operations.force_health(key, ForcedHealth::Stopping);
  if (action == "hdown") operations.force_health(key, ForcedHealth::Down);
  if (action == "dagent") operations.set_agent_checks(key, false);
  if (action == "eagent") operations.set_agent_checks(key, true);
  if (action == "arunn") operations.force_agent(key, true);
  if (action == "adown") operations.force_agent(key, false);
}

// HAProxy's word for how it went.
std::string_view carry_out(Operations& operations, std::string_view body) {
  std::string action;
  std::string backend_name;
  std::vector<std::string> servers;
  for (auto& [name, value] : form_fields(body)) {
    if (name == "action")
      action = std::move(value);
    else if (name == "b")
      backend_name = std::move(value);
    else if (name == "s")
      servers.push_back(std::move(value));
  }
  if (action.empty() || servers.empty()) return "NONE";
  if (std::ranges::find(page_actions(), action, &PageAction::value) == page_actions().end()) {
    return "ERRP";
  }
  const config::Config& config = operations.config();
  const auto proxies = proxies_of(config);
  const Proxy* proxy = find_backend(proxies, backend_name);
  if (proxy == nullptr) return "ERRP";
  const config::Backend& backend = config.backends[*proxy->backend];
  std::size_t done = 0;
  for (const std::string& name : servers) {
    const auto at = find_server(backend, name);
    if (!at) continue;
    act(operations, {backend.name, backend.servers[*at].name}, action);
    ++done;
  }
  if (done == 0) return "ERRP";
  return done == servers.size() ? "DONE" : "PART";
}

PageReply post(Operations& operations, const config::StatsPage& page, const PageRequest& request) {
  std::string_view outcome = "DENY";
  if (page.admin && is_own_form(request)) outcome = carry_out(operations, request.body);
  return {.status = 303,
          .content_type = "text/plain",
          .headers = {{"Cache-Control", "no-cache"},
                      {"Location", fmt::format("{};st={}", page.uri, outcome)}},
          .body = ""};
}

// ---- The page ----------------------------------------------------------------------------------

PageReply show(Operations& operations, const config::StatsPage& page, const PageOptions& options) {
  StatFilter filter;
  filter.hide_down = options.has(";up");
  filter.hide_maintenance = options.has(";no-maint");
  filter.legends = false;
  PageReply reply;
  reply.headers = {{"Cache-Control", "no-cache"},
                   {"Content-Security-Policy",
                    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
                    "frame-ancestors 'none'; base-uri 'none'"},
                   {"X-Content-Type-Options", "nosniff"}};
  const auto refresh = std::chrono::duration_cast<std::chrono::seconds>(page.refresh).count();
  if (refresh > 0 && !options.has(";norefresh")) {
    reply.headers.emplace_back("Refresh", std::to_string(refresh));
  }
  std::optional<StatFormat> format;
  if (options.has(";csv")) format = StatFormat::Csv;
  if (options.has(";json")) format = StatFormat::Json;
  if (options.has(";typed")) format = StatFormat::Typed;
  if (format) {
    reply.content_type = *format == StatFormat::Json ? "application/json" : "text/plain";
    StatWriter writer(*format);
    operations.look([&](const StatSources& from) {
      for_each_stat_line(from, filter, [&](const StatLine& line) { writer.add(line); });
    });
    reply.body = std::move(writer).finish();
    return reply;
  }
  std::vector<StatLine> lines;
  operations.look([&](const StatSources& from) {
    for_each_stat_line(from, filter, [&](const StatLine& line) { lines.push_back(line); });
  });
  reply.body = stats_html({.uri = page.uri,
                           .admin = page.admin,
                           .outcome = options.outcome(),
                           .info = operations.info()},
                          lines);
  return reply;
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return safe;
}

PageReply answer_page(Operations& operations, const config::StatsPage& page,
                      const PageRequest& request) {
  const auto options = options_of(page, request.target);
  if (!options) return plain(404, "Not Found", "There is nothing here.");
  if (!is_known_user(page, request.authorization)) {
    PageReply reply =
        plain(401, "Unauthorized", "You need a valid user and password to access this content.");
    reply.headers.emplace_back("WWW-Authenticate", "Basic realm=\"HAProxy Statistics\"");
    return reply;
  }
  if (request.method == "POST") return post(operations, page, request);
  if (request.method == "GET" || request.method == "HEAD") {
    return show(operations, page, *options);
  }
  PageReply reply = plain(405, "Method Not Allowed", "Only GET, HEAD and POST are known here.");
  reply.headers.emplace_back("Allow", "GET, HEAD, POST");
  return reply;
}

}  // namespace carpool::console
