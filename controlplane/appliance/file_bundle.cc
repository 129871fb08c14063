#include "controlplane/appliance/file_bundle.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace carpool {

std::string_view FileBundle::get(std::string_view what) const {
  const auto found = about.find(what);
  return found == about.end() ? std::string_view() : std::string_view(found->second);
}

std::string write_bundle(const FileBundle& bundle) {
  nlohmann::json files = nlohmann::json::array();
  for (const config::SourceFile& file : bundle.files)
    files.push_back({{"path", file.path}, {"bytes", file.text.size()}});
  const nlohmann::json head = {{"about", bundle.about}, {"files", std::move(files)}};
  std::string text = head.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  for (const config::SourceFile& file : bundle.files)
    text += file.text;
  return text;
}

Result<FileBundle> read_bundle(std::string_view text) {
  const std::size_t head_end = text.find('\n');
  if (head_end == text.npos) return fail("it has no first line");
  const auto head =
      nlohmann::json::parse(text.substr(0, head_end), nullptr, /*allow_exceptions=*/false);
  text.remove_prefix(head_end + 1);
  try {
    FileBundle bundle;
    for (const auto& [what, value] : head.at("about").items())
      bundle.about.emplace(what, value.get<std::string>());
    for (const auto& file : head.at("files")) {
      const auto bytes = file.at("bytes").get<std::size_t>();
      if (bytes > text.size()) return fail("it is cut short");
      bundle.files.push_back({file.at("path"), std::string(text.substr(0, bytes))});
      text.remove_prefix(bytes);
    }
    if (!text.empty()) return fail("it has more than its first line says");
    return bundle;
  } catch (const nlohmann::json::exception& error) {
    return fail(error.what());
  }
}

}  // namespace carpool
