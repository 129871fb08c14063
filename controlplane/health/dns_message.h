// A question to a server of the DNS, and what its reply says (RFC 1035). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/config/protocol_checks.h"
#include "controlplane/health/check_result.h"

namespace carpool {

// As a datagram; recursion is asked for.
[[nodiscard]] std::string dns_query(const config::DnsCheck& check, std::uint16_t id);

// Nothing where this is not a reply to that question: a stray datagram, to be ignored. L7OK where
// there is an answer of the wanted type; L7STS and the response code where the server says no or
// knows none; L7RSP where the reply is broken.
[[nodiscard]] std::optional<CheckResult> judge_dns_reply(const config::DnsCheck& check,
                                                         std::uint16_t id, std::string_view reply);

}  // namespace carpool
