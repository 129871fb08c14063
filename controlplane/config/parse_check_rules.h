// What `tcp-check` and `http-check` rules have in common when they are read.
#pragma once

#include "controlplane/config/draft.h"
#include "controlplane/config/statement.h"

namespace carpool::config {

// Which kind of dialogue a rule belongs to: they take different expectations.
enum class RuleFamily : std::uint8_t { Tcp, Http };

// Each reads what follows the rule's own word and appends the rule, or reports and does not.
void parse_connect_rule(RuleChainDraft& chain, Statement& statement, RuleFamily family);
void parse_expect_rule(RuleChainDraft& chain, Statement& statement, RuleFamily family);
void parse_comment_rule(RuleChainDraft& chain, Statement& statement);

// Before a rule is read: the first one that a section has itself replaces all that it inherited.
// False, and reported, where there is no room for more.
[[nodiscard]] bool make_room(RuleChainDraft& chain, Statement& statement);

// Counts the step, and gives it the comment of a line before it unless it has its own.
void append_rule(RuleChainDraft& chain, CheckRule rule);

// A text that HAProxy takes for a log format. Those with variables are errors here; "%%" is "%".
[[nodiscard]] std::optional<std::string> take_plain_format(Statement& statement,
                                                           std::string_view what);

// A list of protocols for ALPN, as in "h2,http/1.1".
[[nodiscard]] std::optional<std::vector<std::string>> take_alpn(Statement& statement);

// The comment of a rule, after its word.
bool take_comment(CheckRule& rule, Statement& statement);

}  // namespace carpool::config
