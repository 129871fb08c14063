#include "tools/carpool/section.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "controlplane/config/store_files.h"
#include "controlplane/config/suggest.h"

namespace carpool::tool {
namespace {

// "web" of ".../web.cfg" and of ".../web.cfg.disabled".
std::string stem_of(const config::SourceFile& file) {
  std::string name = std::filesystem::path(file.path).filename().string();
  for (const std::string_view end : {config::kDisabledSuffix, std::string_view(".cfg")}) {
    if (name.ends_with(end)) name.resize(name.size() - end.size());
  }
  return name;
}

// By the first words of its lines, so that it works on texts that are not good, too.
bool has_section(std::string_view text, std::string_view section) {
  constexpr std::array<std::string_view, 6> kKinds = {"listen", "frontend",   "backend",
                                                      "node",   "redundancy", "defaults"};
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto word = [&line] {
      const std::size_t start = std::min(line.find_first_not_of(" \t\r"), line.size());
      line.remove_prefix(start);
      const std::string_view taken = line.substr(0, line.find_first_of(" \t\r#"));
      line.remove_prefix(taken.size());
      return taken;
    };
    const bool indented = line.starts_with(' ') || line.starts_with('\t');
    const std::string_view kind = word();
    if (!indented && std::ranges::find(kKinds, kind) != kKinds.end() && word() == section) {
      return true;
    }
  }
  return false;
}

}  // namespace

Result<Files> find_section(const ConfigSource& source, const Files& all,
                           const std::string& section) {
  Files found;
  std::vector<std::string> names;
  for (const config::SourceFile& file : all) {
    names.push_back(stem_of(file));
    const std::string name = std::filesystem::path(file.path).filename().string();
    if (section == names.back() || section == name) found.push_back(file);
  }
  for (const config::SourceFile& file : all) {
    if (found.empty() && has_section(file.text, section)) found.push_back(file);
  }
  if (found.empty()) {
    return fail(fmt::format("{}: there is no section '{}': there are {}", source.path.string(),
                            section, config::list_names(names)));
  }
  if (found.size() > 1) {
    return fail(
        fmt::format("'{}' is there twice: {} and {}", section, found[0].path, found[1].path));
  }
  return found;
}

}  // namespace carpool::tool
