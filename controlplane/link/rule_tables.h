// Rules of the configuration as tables of the forwarding image.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "controlplane/config/rules.h"
#include "controlplane/link/image_draft.h"

namespace carpool::link {

// A list, and for many ranges the table that tells where to look.
[[nodiscard]] ListDraft make_list(std::span<const config::ValueRange> ranges);

class RuleTables {
 public:
  explicit RuleTables(ImageDraft& draft) : draft_(draft) {}

  // Appends a frontend's rules and gives them to the service. `services` by rule of
  // `rules.backend`.
  void add(const config::Rules& rules, std::span<const std::uint16_t> services,
           abi::ImageService& service);

 private:
  void add_rule(abi::ImageRule rule, const config::Rules& rules,
                const config::AclCondition& condition);
  [[nodiscard]] std::uint32_t list_of(const config::Acl& acl);

  ImageDraft& draft_;
  std::map<const config::ValueRanges*, std::uint32_t> lists_;  // each once, whoever shares it
};

}  // namespace carpool::link
