#include "controlplane/config/keywords.h"

#include <array>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "controlplane/config/keyword_table.h"
#include "controlplane/config/suggest.h"

namespace carpool::config {
namespace {

struct ScopeName {
  Scope scope;
  std::string_view name;
  std::string_view title;
};
constexpr ScopeName kScopeNames[] = {
    {Scope::Section, "the start of a section", "Sections"},
    {Scope::Global, "'global'", "global"},
    {Scope::Defaults, "'defaults'", "defaults"},
    {Scope::Frontend, "'frontend' and 'listen'", "frontend, listen"},
    {Scope::Backend, "'backend' and 'listen'", "backend, listen"},
    {Scope::Node, "'node'", "node"},
    {Scope::Redundancy, "'redundancy'", "redundancy"},
    {Scope::BindParameter, "'bind' lines", "bind ADDRESS ..."},
    {Scope::ServerParameter, "'server' lines", "server NAME ADDRESS ..., default-server ..."},
    {Scope::Algorithm, "'balance' lines", "balance ..."}};

constexpr std::string_view kFamilies[] = {"option",      "timeout",      "stats",
                                          "tcp-request", "tcp-response", "stick"};

// Keywords by name, and those that end in '*' apart. A name can have several entries, for different
// scopes. Built once, never changed.
struct Index {
  std::unordered_multimap<std::string_view, const Keyword*> exact;
  std::vector<const Keyword*> prefixes;

  Index() {
    exact.reserve(keywords().size());
    for (const Keyword& keyword : keywords()) {
      if (keyword.name.ends_with('*')) {
        prefixes.push_back(&keyword);
      } else {
        exact.emplace(keyword.name, &keyword);
      }
    }
  }
};

const Index& index() {
  static const Index built;
  return built;
}

std::string_view fate_title(Fate fate) {
  switch (fate) {
    case Fate::Acted:
      return "Acted on";
    case Fate::Warned:
      return "Taken with a warning";
    case Fate::NotYet:
      return "Not supported yet (an error)";
    case Fate::Refused:
      return "Refused (an error)";
  }
  return "?";
}

std::string describe(const Keyword& keyword) {
  std::string line = fmt::format("- `{}", keyword.name);
  if (!keyword.usage.empty()) line += fmt::format(" {}", keyword.usage);
  line += "`";
  if (!keyword.reason.empty()) line += fmt::format(": {}", keyword.reason);
  if (!keyword.advice.empty()) line += fmt::format("; {}", keyword.advice);
  if (keyword.ignorable) line += " (ignored with --allow-degraded)";
  return line + "\n";
}

}  // namespace

std::span<const Keyword> keywords() {
  return kKeywordTable;
}

const Keyword* find_keyword(std::string_view name, Scopes scopes) {
  const auto [first, last] = index().exact.equal_range(name);
  for (auto at = first; at != last; ++at) {
    if (at->second->scopes.meets(scopes)) return at->second;
  }
  for (const Keyword* keyword : index().prefixes) {
    const std::string_view prefix = keyword->name.substr(0, keyword->name.size() - 1);
    if (keyword->scopes.meets(scopes) && name.starts_with(prefix)) return keyword;
  }
  return nullptr;
}

bool is_keyword_family(std::string_view first_word) {
  return std::ranges::find(kFamilies, first_word) != std::end(kFamilies);
}

std::string_view nearest_keyword(std::string_view name, Scopes scopes) {
  std::vector<std::string_view> names;
  for (const Keyword& keyword : keywords()) {
    if (keyword.scopes.meets(scopes) && !keyword.name.ends_with('*')) names.push_back(keyword.name);
  }
  return nearest(name, names);
}

std::string where_allowed(std::string_view name) {
  std::string places;
  for (const ScopeName& scope : kScopeNames) {
    if (find_keyword(name, scope.scope) == nullptr) continue;
    if (!places.empty()) places += ", ";
    places += scope.name;
  }
  return places;
}

std::string print_keywords() {
  std::string text;
  for (const ScopeName& scope : kScopeNames) {
    text += fmt::format("## {}\n\n", scope.title);
    for (const Fate fate : {Fate::Acted, Fate::Warned, Fate::NotYet, Fate::Refused}) {
      std::string lines;
      for (const Keyword& keyword : keywords()) {
        if (keyword.fate == fate && keyword.scopes.meets(scope.scope)) lines += describe(keyword);
      }
      if (!lines.empty()) text += fmt::format("{}:\n\n{}\n", fate_title(fate), lines);
    }
  }
  return text;
}

}  // namespace carpool::config
