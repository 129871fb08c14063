// Rules for new connections, by what their first packet shows: `acl`, `tcp-request connection` and
// `use_backend`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/diagnostic.h"

namespace carpool::config {

// What an `acl` looks at.
enum class AclField : std::uint8_t { Source, Destination, DestinationPort };
[[nodiscard]] std::string_view to_string(AclField field);

// Addresses or ports as numbers, both ends included.
struct ValueRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;

  friend bool operator==(const ValueRange&, const ValueRange&) = default;
};
using ValueRanges = std::vector<ValueRange>;

// Sorted, and with everything joined that overlaps or touches: the same set of values.
[[nodiscard]] ValueRanges normalized(ValueRanges ranges);

struct Acl {
  std::string name;  // empty: written into a rule, as { src 10.0.0.0/8 }
  AclField field = AclField::Source;
  std::shared_ptr<const ValueRanges> values;  // normalized; frontends may share one
  Origin origin;

  friend bool operator==(const Acl& a, const Acl& b) {
    return a.name == b.name && a.field == b.field && *a.values == *b.values;
  }
};

// `if A !B || C`: A and not B, or C. Without terms it always holds.
struct AclTerm {
  std::size_t acl = 0;  // of the frontend
  bool negated = false;
  bool begins_alternative = false;  // an `||` stands before it

  friend bool operator==(const AclTerm&, const AclTerm&) = default;
};
struct AclCondition {
  std::vector<AclTerm> terms;
  bool unless = false;

  friend bool operator==(const AclCondition&, const AclCondition&) = default;
};

enum class ConnectionAction : std::uint8_t { Accept, Reject, SilentDrop };

// The first one whose condition holds decides; where none does the connection is accepted.
struct ConnectionRule {
  ConnectionAction action = ConnectionAction::Accept;
  AclCondition condition;
  Origin origin;

  friend bool operator==(const ConnectionRule& a, const ConnectionRule& b) {
    return a.action == b.action && a.condition == b.condition;
  }
};

// Likewise; where none holds there is `default_backend`.
struct BackendRule {
  std::string backend;
  std::size_t backend_index = 0;
  AclCondition condition;
  Origin origin;

  friend bool operator==(const BackendRule& a, const BackendRule& b) {
    return a.backend == b.backend && a.condition == b.condition;
  }
};

struct Rules {
  std::vector<Acl> acls;
  std::vector<ConnectionRule> connection;
  std::vector<BackendRule> backend;

  friend bool operator==(const Rules&, const Rules&) = default;
};

}  // namespace carpool::config
