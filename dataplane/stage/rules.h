// Rules: whether a new connection may be made at all, and which service it is for, by the source,
// destination and port of its first packet. Pure; packets of known connections never come here.
#pragma once

#include <cstdint>

#include "dataplane/abi/image.h"
#include "dataplane/abi/verdict.h"
#include "dataplane/flow/flow_key.h"

namespace carpool::stage {

struct Admission {
  abi::Verdict verdict = abi::Verdict::to_server;  // anything else: it goes no further
  std::uint16_t service = 0;                       // whose servers it may have
};

namespace detail {

inline bool holds(abi::ImageView image, const abi::ImageTerm& term, const flow::FlowKey& key) {
  std::uint32_t value = 0;
  switch (term.field) {
    case abi::RuleField::source:
      value = key.source().value.host();
      break;
    case abi::RuleField::destination:
      value = key.destination().value.host();
      break;
    case abi::RuleField::destination_port:
      value = key.destination_port().host();
      break;
  }
  return image.list_contains(term.list, value) != (term.negated != 0);
}

// Alternatives of terms that all have to hold; no term at all holds.
inline bool holds(abi::ImageView image, const abi::ImageRule& rule, const flow::FlowKey& key) {
  bool all = true;
  for (const abi::ImageTerm& term : image.terms(rule)) {
    if (term.begins_alternative != 0) {
      if (all) break;
      all = true;
    }
    all = all && holds(image, term, key);
  }
  return all != (rule.unless != 0);
}

}  // namespace detail

// The first rule that holds decides, among those about connections and then among those that
// choose a service.
[[nodiscard]] inline Admission admit(abi::ImageView image, std::uint16_t service_index,
                                     const flow::FlowKey& key) {
  const abi::ImageService& service = image.services()[service_index];
  for (const abi::ImageRule& rule : image.connection_rules(service)) {
    if (!detail::holds(image, rule, key)) continue;
    if (rule.action == abi::RuleAction::reject) return {abi::Verdict::refused_by_rule, 0};
    if (rule.action == abi::RuleAction::drop) return {abi::Verdict::dropped_by_rule, 0};
    break;
  }
  for (const abi::ImageRule& rule : image.service_rules(service)) {
    if (detail::holds(image, rule, key)) return {abi::Verdict::to_server, rule.service};
  }
  return {abi::Verdict::to_server, service_index};
}

}  // namespace carpool::stage
