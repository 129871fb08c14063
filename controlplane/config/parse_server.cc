// `server` and `default-server`.
#include <fmt/format.h>

#include "controlplane/config/parse_server_tls.h"
#include "controlplane/config/sections.h"

namespace carpool::config {
namespace {

template <bool Server::* kField, bool kValue>
void set_flag(ServerDraft& draft, Statement&) {
  draft.server.*kField = kValue;
}

template <std::uint32_t Server::* kField, std::uint32_t kLow, std::uint32_t kHigh>
void set_number(ServerDraft& draft, Statement& statement) {
  if (const auto number = statement.take_number("a number", kLow, kHigh)) {
    draft.server.*kField = *number;
  }
}

void set_inter(ServerDraft& draft, Statement& statement) {
  if (const auto time = statement.take_time("a time")) draft.server.inter = *time;
}
void set_fastinter(ServerDraft& draft, Statement& statement) {
  if (const auto time = statement.take_time("a time")) draft.fastinter = time;
}
void set_downinter(ServerDraft& draft, Statement& statement) {
  if (const auto time = statement.take_time("a time")) draft.downinter = time;
}
void set_slowstart(ServerDraft& draft, Statement& statement) {
  if (const auto time = statement.take_time("a time")) draft.server.slowstart = *time;
}

void set_id(ServerDraft& draft, Statement& statement) {
  if (const auto number = statement.take_number("a number", 1, 0x7fffffff)) {
    draft.server.id = number;
  }
}

void set_check_port(ServerDraft& draft, Statement& statement) {
  if (const auto port = statement.take_number("a port", 1, 65535)) {
    draft.server.check_port = static_cast<std::uint16_t>(*port);
  }
}

void set_check_address(ServerDraft& draft, Statement& statement) {
  const Word* word = statement.take("an address");
  if (word == nullptr) return;
  const auto address = parse_address(word->text);
  if (!address) return statement.error(word->at, address.error());
  if (!address->address || address->is_any()) {
    return statement.error(word->at, fmt::format("'{}' is not the address of a host", word->text));
  }
  draft.server.check_address = address->address;
  if (address->port_first != 0) draft.server.check_port = address->port_first;
}

void set_on_marked_down(ServerDraft& draft, Statement& statement) {
  if (statement.take_choice({"shutdown-sessions"})) draft.server.shutdown_sessions_on_down = true;
}
void set_on_marked_up(ServerDraft& draft, Statement& statement) {
  if (statement.take_choice({"shutdown-backup-sessions"})) {
    draft.server.shutdown_backup_sessions_on_up = true;
  }
}

constexpr Handler<ServerDraft> kParameters[] = {
    {"check", set_flag<&Server::check, true>},
    {"no-check", set_flag<&Server::check, false>},
    {"check-alpn", set_check_alpn},
    {"check-cert-expiry", set_check_cert_expiry},
    {"check-sni", set_check_sni},
    {"check-ssl", set_check_ssl},
    {"no-check-ssl", set_no_check_ssl},
    {"ca-file", set_ca_file},
    {"verify", set_verify},
    {"verifyhost", set_verify_host},
    {"no-verifyhost", set_no_verify_host},
    {"inter", set_inter},
    {"fastinter", set_fastinter},
    {"downinter", set_downinter},
    {"rise", set_number<&Server::rise, 1, 10000>},
    {"fall", set_number<&Server::fall, 1, 10000>},
    {"port", set_check_port},
    {"addr", set_check_address},
    {"weight", set_number<&Server::weight, 0, kMaxWeight>},
    {"backup", set_flag<&Server::backup, true>},
    {"no-backup", set_flag<&Server::backup, false>},
    {"disabled", set_flag<&Server::disabled, true>},
    {"enabled", set_flag<&Server::disabled, false>},
    {"maxconn", set_number<&Server::maxconn, 0, kMaxFlows>},
    {"slowstart", set_slowstart},
    {"on-marked-down", set_on_marked_down},
    {"on-marked-up", set_on_marked_up},
    {"id", set_id}};

const Handler<ServerDraft>* find_parameter(std::string_view name) {
  for (const auto handlers : {server_parameter_handlers(), agent_handlers(), observe_handlers()}) {
    if (const auto* handler = find_handler(handlers, name)) return handler;
  }
  return nullptr;
}

// All parameters up to the end of the line. After an unknown one it is not known which of the
// following words are values, so that one ends it.
void parse_parameters(ServerDraft& draft, Statement& statement) {
  while (statement.more()) {
    const Word& parameter = *statement.take("a parameter");
    const Keyword* keyword = find_keyword(parameter.text, Scope::ServerParameter);
    if (keyword == nullptr) {
      const auto best = nearest_keyword(parameter.text, Scope::ServerParameter);
      return statement.error(
          parameter.at,
          fmt::format("unknown parameter '{}' of '{}'", parameter.text, statement.keyword()),
          best.empty() ? "" : fmt::format("did you mean '{}'?", best));
    }
    statement.set_subject(parameter.text);
    if (keyword->fate != Fate::Acted) {
      explain_fate(*keyword, parameter.text, parameter.at, statement.options(), statement.report());
      statement.skip(keyword->values);
      continue;
    }
    find_parameter(parameter.text)->run(draft, statement);
  }
}

// "10.0.0.11:3306", "db1.example:3306", "10.0.0.11"
bool parse_server_address(ServerDraft& draft, Statement& statement) {
  const Word* word = statement.take("an address");
  if (word == nullptr) return false;
  draft.address_at = word->at;
  const auto address = parse_address(word->text);
  if (!address) {
    statement.error(word->at, address.error());
    return false;
  }
  if (address->is_any()) {
    statement.error(word->at, fmt::format("'{}' is not the address of a server", word->text));
    return false;
  }
  if (address->mapped) {
    statement.error(word->at, "ports relative to the client's are not supported yet",
                    "leave the port out for the same port, or write one");
    return false;
  }
  if (address->port_first != address->port_last) {
    statement.error(word->at, "a server has one port, not a range");
    return false;
  }
  if (address->address) {
    if (const auto reason = why_not_a_host(*address->address)) {
      statement.error(word->at, *reason, "name an address that the servers have on their network");
      return false;
    }
    draft.server.address = *address->address;
  }
  draft.server.host = address->host;
  draft.server.port = address->port_first;
  return true;
}

}  // namespace

void parse_server(ProxyDraft& proxy, Statement& statement) {
  ServerDraft draft = proxy.settings.default_server;
  draft.server.origin = statement.at();
  auto name = statement.take_name("a name");
  if (!name) return;
  draft.server.name = std::move(*name);
  const bool addressed = parse_server_address(draft, statement);
  parse_parameters(draft, statement);
  if (addressed) proxy.servers.push_back(std::move(draft));
}

// For the servers that follow it, in this section or in those that inherit from it.
void parse_default_server(ProxyDraft& proxy, Statement& statement) {
  if (!statement.more()) return static_cast<void>(statement.take("a parameter"));
  parse_parameters(proxy.settings.default_server, statement);
}

std::span<const Handler<ServerDraft>> server_parameter_handlers() {
  return kParameters;
}

}  // namespace carpool::config
