// The values that an `acl` compares with: on its line, or one per line in a file. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/rules.h"
#include "controlplane/config/values.h"

namespace carpool::config {

// "192.0.2.1", "10.0.0.0/8", "10.0.0.0/255.0.0.0". Addresses of IPv6 are understood, and are empty
// ranges, as no such packet is forwarded yet: `ignored` is then set.
[[nodiscard]] Parsed<ValueRange> parse_address_value(std::string_view text, bool& ignored);

// "80", "1024:65535"
[[nodiscard]] Parsed<ValueRange> parse_port_value(std::string_view text);

struct AclList {
  ValueRanges ranges;
  std::size_t ignored = 0;         // of IPv6
  std::vector<std::string> wrong;  // "line 7: ..."; the first few
};

// Blank lines and those that begin with '#' mean nothing, as in HAProxy.
[[nodiscard]] AclList parse_acl_list(std::string_view text, AclField field);

}  // namespace carpool::config
