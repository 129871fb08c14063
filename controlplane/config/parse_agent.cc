// `agent-check` and its parameters, of a server.
#include <fmt/format.h>

#include "controlplane/config/sections.h"

namespace carpool::config {
namespace {

void enable(ServerDraft& draft, Statement& statement) {
  draft.agent.wanted = true;
  draft.agent.at = statement.at();
}

void disable(ServerDraft& draft, Statement&) {
  draft.agent.wanted = false;
}

void set_port(ServerDraft& draft, Statement& statement) {
  if (const auto port = statement.take_number("a port", 1, 65535)) {
    draft.agent.check.port = static_cast<std::uint16_t>(*port);
  }
}

void set_inter(ServerDraft& draft, Statement& statement) {
  if (const auto time = statement.take_time("a time")) draft.agent.check.inter = *time;
}

void set_address(ServerDraft& draft, Statement& statement) {
  const Word* word = statement.take("an address");
  if (word == nullptr) return;
  const auto address = parse_address(word->text);
  if (!address) return statement.error(word->at, address.error());
  if (!address->address || address->is_any()) {
    return statement.error(word->at, fmt::format("'{}' is not the address of a host", word->text));
  }
  draft.agent.check.address = address->address;
  if (address->port_first != 0) draft.agent.check.port = address->port_first;
}

void set_send(ServerDraft& draft, Statement& statement) {
  const Word* word = statement.take("a text, as in \"mysql\\n\"");
  if (word != nullptr) draft.agent.check.send = word->text;
}

constexpr Handler<ServerDraft> kHandlers[] = {
    {"agent-addr", set_address}, {"agent-check", enable},  {"agent-inter", set_inter},
    {"agent-port", set_port},    {"agent-send", set_send}, {"no-agent-check", disable}};

}  // namespace

std::span<const Handler<ServerDraft>> agent_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
