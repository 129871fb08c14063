// The many things that an `expect` rule can say.
#pragma once

#include "controlplane/config/parse_check_rules.h"

namespace carpool::config {

// [min-recv N] [comment T] [ok-status S] [error-status S] [tout-status S] [on-success T]
// [on-error T] [!] string|rstring|... PATTERN, in any order. Whether the rule is good.
[[nodiscard]] bool parse_expectation(CheckRule& rule, Statement& statement, RuleFamily family);

// Bytes written as hexadecimal digits, two for each.
[[nodiscard]] std::optional<std::string> take_hex(Statement& statement);

}  // namespace carpool::config
