// Who has which name: finds duplicates and resolves references, in constant time per name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "controlplane/config/diagnostic.h"

namespace carpool::config {

class Names {
 public:
  // What these are names of, for messages: "backend".
  explicit Names(std::string_view what) : what_(what) {}

  // The first one keeps the name; a second one is an error. Names that failed to parse are empty
  // and were reported already.
  void claim(const std::string& name, std::size_t index, Origin at, Report& report) {
    const auto [taken, fresh] = by_name_.emplace(name, Holder{index, at});
    if (fresh || name.empty()) return;
    report.error(at, fmt::format("there is a {} '{}' already", what_, name),
                 "first at " + report.describe(taken->second.at));
  }

  [[nodiscard]] std::optional<std::size_t> find(const std::string& name) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return std::nullopt;
    return found->second.index;
  }

 private:
  struct Holder {
    std::size_t index;
    Origin at;
  };
  std::string_view what_;
  std::unordered_map<std::string, Holder> by_name_;
};

}  // namespace carpool::config
