// "Did you mean": the nearest of some names.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace carpool::config {

// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// How far away a name may be and still be a likely typing mistake.
[[nodiscard]] constexpr std::size_t tolerated_distance(std::string_view name) {
  return name.size() <= 3 ? 1 : name.size() <= 6 ? 2 : 3;
}

// The nearest of `names` (anything that converts to string_view), or an empty view.
template <class Names>
[[nodiscard]] std::string_view nearest(std::string_view name, const Names& names) {
  std::string_view best;
  std::size_t best_distance = tolerated_distance(name) + 1;
  for (const std::string_view candidate : names) {
    const std::size_t longer = std::max(candidate.size(), name.size());
    if (longer - std::min(candidate.size(), name.size()) >= best_distance) continue;
    if (const std::size_t distance = edit_distance(name, candidate); distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

// "did you mean 'X'?", or `otherwise` where nothing comes near.
template <class Names>
[[nodiscard]] std::string did_you_mean(std::string_view name, const Names& names,
                                       std::string otherwise = {}) {
  const std::string_view best = nearest(name, names);
  return best.empty() ? otherwise : "did you mean '" + std::string(best) + "'?";
}

// "'a', 'b' and 'c'", at most `limit` of them; "none" for none.
[[nodiscard]] std::string list_names(const std::vector<std::string>& names, std::size_t limit = 8);

}  // namespace carpool::config
