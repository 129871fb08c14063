#include "controlplane/link/rule_tables.h"

#include <algorithm>
#include <bit>

namespace carpool::link {
namespace {

// Fewer are searched without a table: they are a few cache lines.
constexpr std::size_t kWorthATable = 32;
constexpr int kLeastBits = 6;
constexpr int kMostBits = 16;  // 256 KiB

abi::RuleField to_abi(config::AclField field) {
  switch (field) {
    case config::AclField::Source:
      return abi::RuleField::source;
    case config::AclField::Destination:
      return abi::RuleField::destination;
    case config::AclField::DestinationPort:
      break;
  }
  return abi::RuleField::destination_port;
}

abi::RuleAction to_abi(config::ConnectionAction action) {
  switch (action) {
    case config::ConnectionAction::Accept:
      return abi::RuleAction::accept;
    case config::ConnectionAction::Reject:
      return abi::RuleAction::reject;
    case config::ConnectionAction::SilentDrop:
      break;
  }
  return abi::RuleAction::drop;
}

}  // namespace

ListDraft make_list(std::span<const config::ValueRange> ranges) {
  ListDraft list;
  list.ranges.reserve(ranges.size());
  for (const config::ValueRange& range : ranges)
    list.ranges.push_back({range.first, range.last});
  if (ranges.size() < kWorthATable) return list;
  const int bits =
      std::clamp(static_cast<int>(std::bit_width(ranges.size())), kLeastBits, kMostBits);
  list.shift = static_cast<std::uint32_t>(32 - bits);
  const std::uint32_t shares = std::uint32_t{1} << bits;
  list.starts.reserve(shares + 1);
  std::uint32_t before = 0;  // ranges that end before the share
  for (std::uint32_t share = 0; share < shares; ++share) {
    while (before < ranges.size() && ranges[before].last < share << list.shift)
      ++before;
    list.starts.push_back(before);
  }
  list.starts.push_back(static_cast<std::uint32_t>(ranges.size()));
  return list;
}

void RuleTables::add(const config::Rules& rules, std::span<const std::uint16_t> services,
                     abi::ImageService& service) {
  service.first_rule = static_cast<std::uint32_t>(draft_.rules.size());
  service.connection_rules = static_cast<std::uint16_t>(rules.connection.size());
  service.service_rules = static_cast<std::uint16_t>(rules.backend.size());
  for (const config::ConnectionRule& rule : rules.connection) {
    abi::ImageRule image;
    image.action = to_abi(rule.action);
    add_rule(image, rules, rule.condition);
  }
  for (std::size_t at = 0; at < rules.backend.size(); ++at) {
    abi::ImageRule image;
    image.action = abi::RuleAction::use_service;
    image.service = services[at];
    add_rule(image, rules, rules.backend[at].condition);
  }
}

void RuleTables::add_rule(abi::ImageRule rule, const config::Rules& rules,
                          const config::AclCondition& condition) {
  rule.unless = condition.unless ? 1 : 0;
  rule.first_term = static_cast<std::uint32_t>(draft_.terms.size());
  rule.terms = static_cast<std::uint32_t>(condition.terms.size());
  for (const config::AclTerm& term : condition.terms) {
    const config::Acl& acl = rules.acls[term.acl];
    abi::ImageTerm image;
    image.field = to_abi(acl.field);
    image.negated = term.negated ? 1 : 0;
    image.begins_alternative = term.begins_alternative ? 1 : 0;
    image.list = list_of(acl);
    draft_.terms.push_back(image);
  }
  draft_.rules.push_back(rule);
}

std::uint32_t RuleTables::list_of(const config::Acl& acl) {
  const auto next = static_cast<std::uint32_t>(draft_.lists.size());
  const auto [known, is_new] = lists_.try_emplace(acl.values.get(), next);
  if (is_new) draft_.lists.push_back(make_list(*acl.values));
  return known->second;
}

}  // namespace carpool::link
