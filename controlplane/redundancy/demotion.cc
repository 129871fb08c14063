#include "controlplane/redundancy/demotion.h"

#include <algorithm>

namespace carpool {

void Demotion::set(std::string_view name, unsigned value, std::string_view why) {
  const auto at = std::ranges::lower_bound(sources_, name, {}, &Source::name);
  const bool known = at != sources_.end() && at->name == name;
  if (value == 0) {
    if (known) sources_.erase(at);
    return;
  }
  Source source{std::string(name), value, std::string(why)};
  if (known) {
    *at = std::move(source);
  } else {
    sources_.insert(at, std::move(source));
  }
}

// Saturates instead of wrapping: there may be many of them.
unsigned Demotion::sum() const {
  unsigned sum = 0;
  for (const auto& source : sources_) {
    if (__builtin_add_overflow(sum, source.value, &sum)) return ~0u;
  }
  return sum;
}

unsigned Demotion::total() const {
  return std::min(sum(), kMaxDemotion);
}

std::string Demotion::why() const {
  if (sources_.empty()) return "none";
  std::string text = std::to_string(sum());
  if (sum() > kMaxDemotion) text += " (counts as " + std::to_string(kMaxDemotion) + ")";
  const char* separator = ": ";
  for (const auto& [name, value, why] : sources_) {
    text += separator + name + " " + std::to_string(value);
    if (!why.empty()) text += ", " + why;
    separator = "; ";
  }
  return text;
}

}  // namespace carpool
