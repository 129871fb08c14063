// The keywords that are acted on, per section. Each file parse_*.cc fills one of these lists; a
// test holds them against the table of keywords.
#pragma once

#include <span>

#include "controlplane/config/draft.h"
#include "controlplane/config/statement.h"

namespace carpool::config {

[[nodiscard]] std::span<const Handler<Global>> global_handlers();
[[nodiscard]] std::span<const Handler<NodeDraft>> node_handlers();
[[nodiscard]] std::span<const Handler<RedundancyDraft>> redundancy_handlers();
// Frontends, backends, listen and defaults; which of them may say what is in the table.
[[nodiscard]] std::span<const Handler<ProxyDraft>> proxy_handlers();
// How servers are checked: all families of checks together, and each.
[[nodiscard]] std::span<const Handler<ProxyDraft>> health_handlers();
[[nodiscard]] std::span<const Handler<ProxyDraft>> outlier_handlers();
[[nodiscard]] std::span<const Handler<ProxyDraft>> external_check_handlers();
[[nodiscard]] std::span<const Handler<ProxyDraft>> http_check_handlers();
[[nodiscard]] std::span<const Handler<ProxyDraft>> mysql_check_handlers();
[[nodiscard]] std::span<const Handler<ProxyDraft>> protocol_check_handlers();
[[nodiscard]] std::span<const Handler<ProxyDraft>> tcp_check_handlers();
[[nodiscard]] std::span<const Handler<ServerDraft>> server_parameter_handlers();
[[nodiscard]] std::span<const Handler<ServerDraft>> agent_handlers();
[[nodiscard]] std::span<const Handler<ServerDraft>> observe_handlers();

// Of global: whether and how commands may be run as checks.
void parse_external_permit(Global& global, Statement& statement);

// Of redundancy sections.
void parse_track(RedundancyDraft& draft, Statement& statement);
void parse_notify(RedundancyDraft& draft, Statement& statement);

// The words after `server` and `default-server`.
void parse_server(ProxyDraft& proxy, Statement& statement);
void parse_default_server(ProxyDraft& proxy, Statement& statement);

// Rules as they are carried out: with what HAProxy adds to those that are written.
[[nodiscard]] std::vector<CheckRule> finish_http_rules(const RuleChainDraft& chain,
                                                       const HttpSendRule& option);
[[nodiscard]] std::vector<CheckRule> finish_tcp_rules(const RuleChainDraft& chain);

}  // namespace carpool::config
