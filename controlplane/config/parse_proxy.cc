// `frontend`, `backend`, `listen` and `defaults`, without servers and health checks.
#include <algorithm>

#include <fmt/format.h>

#include "controlplane/config/sections.h"

namespace carpool::config {
namespace {

void parse_mode(ProxyDraft& proxy, Statement& statement) {
  if (statement.more()) {
    const Word& word = statement.peek();
    if (word.text == "log" || word.text == "spop" || word.text == "health" ||
        word.text == "haterm") {
      statement.skip_rest();
      return statement.error(word.at,
                             fmt::format("'mode {}' is not for forwarding TCP or UDP", word.text),
                             "use 'mode tcp' or 'mode udp'");
    }
  }
  const auto mode = statement.take_choice({"tcp", "http", "udp"});
  if (!mode || !statement.end()) return;
  proxy.settings.mode = static_cast<Mode>(*mode);
  proxy.settings.mode_at = statement.at();
}

// -------------------------------------------------------------------------------------- frontend

// Takes "udp@" or "udp4@" off.
bool accept_udp(std::string_view& text) {
  for (const std::string_view prefix : {"udp@", "udp4@"}) {
    if (!text.starts_with(prefix)) continue;
    text.remove_prefix(prefix.size());
    return true;
  }
  return false;
}

// "192.0.2.10:80,192.0.2.11:80"
bool parse_bind_addresses(const Word& word, std::vector<BindDraft>& binds, Statement& statement) {
  for (std::size_t start = 0; start <= word.text.size();) {
    const std::size_t end = std::min(word.text.find(',', start), word.text.size());
    Origin at = word.at;
    at.column += static_cast<std::uint32_t>(start);
    std::string_view text = std::string_view(word.text).substr(start, end - start);
    const bool says_udp = accept_udp(text);
    const auto address = parse_address(text);
    if (!address) {
      statement.error(at, address.error());
      return false;
    }
    if (!address->host.empty()) {
      statement.error(at, fmt::format("'bind' wants an address, not the name '{}'", address->host),
                      "write the virtual address in numbers");
      return false;
    }
    if (address->port_first == 0) {
      statement.error(at, "'bind' wants a port", "write it like 192.0.2.10:80");
      return false;
    }
    binds.push_back({*address, says_udp, at});
    start = end + 1;
  }
  return true;
}

void parse_bind(ProxyDraft& proxy, Statement& statement) {
  const Word* addresses = statement.take("an address and a port");
  if (addresses == nullptr) return;
  std::vector<BindDraft> binds;
  if (!parse_bind_addresses(*addresses, binds, statement)) return;
  while (statement.more()) {
    const Word& parameter = *statement.take("a parameter");
    const Keyword* keyword = find_keyword(parameter.text, Scope::BindParameter);
    if (keyword == nullptr) {
      const auto best = nearest_keyword(parameter.text, Scope::BindParameter);
      return statement.error(parameter.at,
                             fmt::format("unknown parameter '{}' of 'bind'", parameter.text),
                             best.empty() ? "" : fmt::format("did you mean '{}'?", best));
    }
    if (keyword->fate == Fate::Acted) {  // `name`, which is for people
      statement.set_subject(parameter.text);
      if (statement.take("a name") == nullptr) return;
      continue;
    }
    explain_fate(*keyword, parameter.text, parameter.at, statement.options(), statement.report());
    statement.skip(keyword->values);
  }
  std::ranges::move(binds, std::back_inserter(proxy.binds));
}

void parse_default_backend(ProxyDraft& proxy, Statement& statement) {
  const Word* word = statement.take("the name of a backend");
  if (word != nullptr && statement.end()) proxy.settings.default_backend = {word->text, word->at};
}

void parse_maxconn(ProxyDraft& proxy, Statement& statement) {
  const auto number = statement.take_number("a number of connections", 0, kMaxFlows);
  if (!number || !statement.end()) return;
  proxy.settings.maxconn = *number;
  statement.report().warn(statement.at(), "'maxconn' of a frontend is not in effect yet",
                          "the flow limit is 'maxconn' in 'global'");
}

void parse_mirror(ProxyDraft& proxy, Statement& statement) {
  const auto choice = statement.take_choice({"off", "on"});
  if (choice && statement.end()) proxy.settings.mirror = *choice == 1;
}

// As nginx has it, and HAProxy's commercial edition.
void parse_proxy_responses(ProxyDraft& proxy, Statement& statement) {
  const Origin at = statement.at();
  const auto number = statement.take_number("a number of datagrams", 0, 255);
  if (!number || !statement.end()) return;
  proxy.settings.replies = static_cast<std::uint8_t>(*number);
  proxy.settings.replies_at = at;
}

// --------------------------------------------------------------------------------------- backend

// "random(3)": how many servers are drawn before the least loaded is taken.
void set_random(ProxyDraft& proxy, const Word& word, Statement& statement) {
  std::string_view draws = std::string_view(word.text).substr(std::string_view("random").size());
  proxy.settings.balance = Balance::Random;
  proxy.settings.random_draws = 2;
  if (draws.empty()) return;
  if (!draws.ends_with(')')) return statement.error(word.at, "')' is missing after 'random('");
  draws = draws.substr(1, draws.size() - 2);
  const auto number = parse_number(draws, 1, 16);
  if (!number) return statement.error(word.at, number.error());
  proxy.settings.random_draws = *number;
}

void parse_balance(ProxyDraft& proxy, Statement& statement) {
  const Word* word = statement.take("an algorithm");
  if (word == nullptr) return;
  const std::string name = word->text.substr(0, word->text.find('('));
  const Keyword* keyword = find_keyword(name, Scope::Algorithm);
  if (keyword == nullptr) {
    const auto best = nearest_keyword(name, Scope::Algorithm);
    return statement.error(
        word->at, fmt::format("unknown balancing algorithm '{}'", name),
        best.empty() ? "see 'carpool config keywords'" : fmt::format("did you mean '{}'?", best));
  }
  if (keyword->fate != Fate::Acted) {
    statement.skip_rest();
    return explain_fate(*keyword, "balance " + name, word->at, statement.options(),
                        statement.report());
  }
  if (!statement.end()) return;
  if (name == "random") return set_random(proxy, *word, statement);
  if (name != word->text) {
    return statement.error(word->at, fmt::format("'{}' takes no value in parentheses", name));
  }
  for (const Balance balance : {Balance::RoundRobin, Balance::StaticRoundRobin, Balance::LeastConn,
                                Balance::Source, Balance::First}) {
    if (to_string(balance) == name) proxy.settings.balance = balance;
  }
}

// Balancing by source always uses a Maglev table (link/maglev.h), which is consistent.
void parse_hash_type(ProxyDraft&, Statement& statement) {
  const Origin at = statement.at();
  const auto type = statement.take_choice({"consistent", "map-based"});
  if (!type) return;
  statement.skip_rest();  // the hash function: the data plane has its own, with a key
  if (*type == 1) {
    statement.report().warn(at, "'hash-type map-based' is taken as 'consistent'",
                            "a change of servers moves fewer clients so");
  }
}

void parse_forward(ProxyDraft& proxy, Statement& statement) {
  const auto mode = statement.take_choice({"fullnat", "nat", "dsr", "tunnel"});
  if (!mode) return;
  auto forwarding = static_cast<Forwarding>(*mode);
  if (forwarding == Forwarding::TunnelIpip && statement.more()) {
    const auto kind = statement.take_choice({"ipip", "gue"});
    if (!kind) return;
    if (*kind == 1) forwarding = Forwarding::TunnelGue;
  }
  if (!statement.end()) return;
  proxy.settings.forwarding = forwarding;
}

void parse_source(ProxyDraft& proxy, Statement& statement) {
  const Word* word = statement.take("an address");
  if (word == nullptr) return;
  const auto address = parse_address(word->text);
  if (!address) return statement.error(word->at, address.error());
  if (!address->host.empty()) {
    return statement.error(word->at, fmt::format("'{}' is not an address", word->text));
  }
  if (address->port_first != 0) {
    return statement.error(word->at, "'source' takes no port",
                           "local ports are searched, so that both nodes find the same one");
  }
  if (statement.more() && statement.peek().text == "usesrc") {
    const Origin at = statement.peek().at;
    statement.skip_rest();
    return statement.error(at, "'usesrc' makes a proxy transparent",
                           "write 'forward nat' instead: servers see the client's address");
  }
  if (statement.accept("interface")) {
    statement.skip(1);
    statement.report().warn(statement.at(), "'interface' of 'source' is not used",
                            "routes decide on the port");
  }
  if (!statement.end()) return;
  proxy.settings.source_at = word->at;
  proxy.settings.source = address->is_any() ? std::nullopt : address->address;
}

// ------------------------------------------------------------------------------------------ both

template <std::optional<Duration> Timeouts::* kField>
void parse_timeout(ProxyDraft& proxy, Statement& statement) {
  const auto time = statement.take_time("a time, as in 30s");
  if (!time || !statement.end()) return;
  // HAProxy takes 0 for "no limit", as if it were not written.
  proxy.settings.timeouts.*kField = *time == Duration::zero() ? std::nullopt : time;
}

template <bool ProxySettings::* kField>
void parse_option(ProxyDraft& proxy, Statement& statement) {
  if (statement.end()) proxy.settings.*kField = !statement.negated();
}

void parse_disabled(ProxyDraft& proxy, Statement& statement) {
  if (statement.end()) proxy.settings.disabled = true;
}

void parse_enabled(ProxyDraft& proxy, Statement& statement) {
  if (statement.end()) proxy.settings.disabled = false;
}

void parse_description(ProxyDraft& proxy, Statement& statement) {
  if (auto text = statement.take_text("a text")) proxy.description = std::move(*text);
}

void parse_id(ProxyDraft& proxy, Statement& statement) {
  const auto number = statement.take_number("a number", 1, 0x7fffffff);
  if (number && statement.end()) proxy.id = number;
}

// ----------------------------------------------------------------------------------------- stats

void parse_stats_enable(ProxyDraft& proxy, Statement& statement) {
  if (statement.end()) proxy.settings.stats.enabled = !statement.negated();
}

void parse_stats_uri(ProxyDraft& proxy, Statement& statement) {
  const Word* word = statement.take("a path, as in /stats");
  if (word == nullptr || !statement.end()) return;
  if (!word->text.starts_with('/')) {
    return statement.error(word->at, fmt::format("'{}' is not a path", word->text),
                           "it begins with '/'");
  }
  proxy.settings.stats.page.uri = word->text;
  proxy.settings.stats.enabled = true;
}

void parse_stats_auth(ProxyDraft& proxy, Statement& statement) {
  const Word* word = statement.take("USER:PASSWORD");
  if (word == nullptr || !statement.end()) return;
  const auto colon = word->text.find(':');
  if (colon == word->text.npos || colon == 0) {
    return statement.error(word->at, "'stats auth' wants USER:PASSWORD");
  }
  proxy.settings.stats.page.users.emplace_back(word->text.substr(0, colon),
                                               word->text.substr(colon + 1));
  proxy.settings.stats.enabled = true;
}

void parse_stats_refresh(ProxyDraft& proxy, Statement& statement) {
  if (statement.more() && parse_number(statement.peek().text, 0, 86400)) {
    // Without a unit this one counts seconds.
    const auto seconds = statement.take_number("seconds", 0, 86400);
    if (statement.end()) proxy.settings.stats.page.refresh = std::chrono::seconds(*seconds);
  } else if (const auto time = statement.take_time("a time"); time && statement.end()) {
    proxy.settings.stats.page.refresh = *time;
  }
  proxy.settings.stats.enabled = true;
}

void parse_stats_admin(ProxyDraft& proxy, Statement& statement) {
  const Origin at = statement.at();
  if (!statement.accept("if") || !(statement.accept("TRUE") || statement.accept("true"))) {
    statement.skip_rest();
    return statement.error(at, "'stats admin' takes no other condition than 'if TRUE'",
                           "guard the page by 'stats auth' and by the address it is bound to");
  }
  if (statement.end()) proxy.settings.stats.page.admin = proxy.settings.stats.enabled = true;
}

constexpr Handler<ProxyDraft> kHandlers[] = {
    {"server", parse_server},
    {"balance", parse_balance},
    {"bind", parse_bind},
    {"default-server", parse_default_server},
    {"default_backend", parse_default_backend},
    {"description", parse_description},
    {"disabled", parse_disabled},
    {"enabled", parse_enabled},
    {"forward", parse_forward},
    {"hash-type", parse_hash_type},
    {"id", parse_id},
    {"maxconn", parse_maxconn},
    {"mirror", parse_mirror},
    {"mode", parse_mode},
    {"proxy-responses", parse_proxy_responses},
    {"option allbackups", parse_option<&ProxySettings::all_backups>},
    {"option log-health-checks", parse_option<&ProxySettings::log_health_checks>},
    {"source", parse_source},
    {"stats admin", parse_stats_admin},
    {"stats auth", parse_stats_auth},
    {"stats enable", parse_stats_enable},
    {"stats refresh", parse_stats_refresh},
    {"stats uri", parse_stats_uri},
    {"timeout check", parse_timeout<&Timeouts::check>},
    {"timeout client", parse_timeout<&Timeouts::client>},
    {"timeout client-fin", parse_timeout<&Timeouts::client_fin>},
    {"timeout connect", parse_timeout<&Timeouts::connect>},
    {"timeout server", parse_timeout<&Timeouts::server>},
    {"timeout server-fin", parse_timeout<&Timeouts::server_fin>},
    {"timeout tunnel", parse_timeout<&Timeouts::tunnel>}};

}  // namespace

std::span<const Handler<ProxyDraft>> proxy_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
