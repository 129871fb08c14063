// `option tcp-check` and `tcp-check`.
#include <fmt/format.h>

#include "controlplane/config/parse_check_expect.h"
#include "controlplane/config/sections.h"
#include "controlplane/config/suggest.h"

namespace carpool::config {
namespace {

void parse_option(ProxyDraft& proxy, Statement& statement) {
  if (!statement.end()) return;
  proxy.settings.tcp_check_wanted = !statement.negated();
  if (!statement.negated()) proxy.settings.check = TcpCheck{};
}

std::optional<std::string> take_bytes(std::string_view kind, Statement& statement) {
  if (kind == "send-binary") return take_hex(statement);
  if (kind == "send-lf") return take_plain_format(statement, "a text");
  const Word* word = statement.take("a text");
  return word == nullptr ? std::nullopt : std::optional(word->text);
}

// tcp-check send TEXT | send-binary HEX | send-lf TEXT [comment TEXT]
void parse_send(RuleChainDraft& chain, std::string_view kind, Statement& statement) {
  if (!make_room(chain, statement)) return;
  auto bytes = take_bytes(kind, statement);
  if (!bytes) return;
  if (bytes->size() > kMaxSentBytes) {
    return statement.error(statement.at(),
                           fmt::format("a check sends at most {} bytes at once", kMaxSentBytes));
  }
  CheckRule rule{.act = SendRule{std::move(*bytes)}};
  if (statement.accept("comment")) {
    statement.set_subject("comment");
    if (!take_comment(rule, statement)) return;
  }
  if (statement.end()) append_rule(chain, std::move(rule));
}

void parse_tcp_check(ProxyDraft& proxy, Statement& statement) {
  const Word* rule = statement.take("a rule: connect, send, expect or comment");
  if (rule == nullptr) return;
  statement.set_subject("tcp-check " + rule->text);
  RuleChainDraft& chain = proxy.settings.tcp_rules;
  if (rule->text == "connect") return parse_connect_rule(chain, statement, RuleFamily::Tcp);
  if (rule->text == "send" || rule->text == "send-binary" || rule->text == "send-lf") {
    return parse_send(chain, rule->text, statement);
  }
  if (rule->text == "expect") return parse_expect_rule(chain, statement, RuleFamily::Tcp);
  if (rule->text == "comment") return parse_comment_rule(chain, statement);
  statement.skip_rest();
  if (rule->text.starts_with("set-var") || rule->text.starts_with("unset-var") ||
      rule->text == "send-binary-lf") {
    return statement.error(rule->at, fmt::format("'tcp-check {}' is not supported", rule->text),
                           "write the values into the rules themselves");
  }
  const std::vector<std::string> rules{"connect", "send", "send-binary", "expect", "comment"};
  statement.error(rule->at, fmt::format("unknown rule '{}' of 'tcp-check'", rule->text),
                  did_you_mean(rule->text, rules));
}

constexpr Handler<ProxyDraft> kHandlers[] = {{"option tcp-check", parse_option},
                                             {"tcp-check", parse_tcp_check}};

}  // namespace

std::vector<CheckRule> finish_tcp_rules(const RuleChainDraft& chain) {
  std::vector<CheckRule> rules = chain.rules;
  if (!rules.empty() && !std::holds_alternative<ConnectRule>(rules.front().act)) {
    rules.insert(rules.begin(), {.act = ConnectRule{.defaults = true, .implicit = true}});
  }
  return rules;
}

std::span<const Handler<ProxyDraft>> tcp_check_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
