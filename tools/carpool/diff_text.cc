#include "tools/carpool/diff_text.h"

#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <git2.h>

#include "controlplane/config/secrets.h"

namespace carpool::tool {
namespace {

Tone tone_of(char kind) {
  switch (kind) {
    case GIT_DIFF_LINE_ADDITION:
      return Tone::good;
    case GIT_DIFF_LINE_DELETION:
      return Tone::bad;
    case GIT_DIFF_LINE_FILE_HDR:
    case GIT_DIFF_LINE_HUNK_HDR:
      return Tone::heading;
    default:
      return Tone::plain;
  }
}

bool is_content(char kind) {
  return kind == GIT_DIFF_LINE_ADDITION || kind == GIT_DIFF_LINE_DELETION ||
         kind == GIT_DIFF_LINE_CONTEXT;
}

struct Output {
  const Paint& paint;
  std::string text;
};

int add_line(const git_diff_delta*, const git_diff_hunk*, const git_diff_line* line, void* into) {
  auto& output = *static_cast<Output*>(into);
  std::string_view rest(line->content, line->content_len);
  // A header comes as several lines.
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    if (!is_content(line->origin) && one.starts_with("index ")) continue;
    std::string shown = is_content(line->origin) ? std::string(1, line->origin) : std::string();
    shown += config::mask_secrets(one);
    output.text += output.paint(tone_of(line->origin), shown) + "\n";
  }
  return 0;
}

std::string name_of(const config::SourceFile& file) {
  return std::filesystem::path(file.path).filename().string();
}

}  // namespace

std::string diff_text(const std::vector<config::SourceFile>& before,
                      const std::vector<config::SourceFile>& after, const Paint& paint) {
  struct Pair {
    const std::string* before = nullptr;
    const std::string* after = nullptr;
  };
  std::map<std::string, Pair> pairs;
  for (const config::SourceFile& file : before)
    pairs[name_of(file)].before = &file.text;
  for (const config::SourceFile& file : after)
    pairs[name_of(file)].after = &file.text;

  git_libgit2_init();
  Output output{paint, {}};
  for (const auto& [name, pair] : pairs) {
    if (pair.before != nullptr && pair.after != nullptr && *pair.before == *pair.after) continue;
    const auto text = [](const std::string* side) { return side ? side->data() : nullptr; };
    const auto size = [](const std::string* side) { return side ? side->size() : 0; };
    git_diff_options options = GIT_DIFF_OPTIONS_INIT;
    options.flags = GIT_DIFF_FORCE_TEXT;
    git_patch* patch = nullptr;
    const int outcome =
        git_patch_from_buffers(&patch, text(pair.before), size(pair.before), name.c_str(),
                               text(pair.after), size(pair.after), name.c_str(), &options);
    if (outcome == 0) git_patch_print(patch, add_line, &output);
    git_patch_free(patch);
  }
  git_libgit2_shutdown();
  return output.text;
}

std::string assembled_text(const std::vector<config::SourceFile>& files, bool with_secrets) {
  std::string text;
  for (const config::SourceFile& file : files) {
    text += fmt::format("# ---- {}\n", file.path);
    std::string_view rest = file.text;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      text += (with_secrets ? std::string(line) : config::mask_secrets(line)) + "\n";
    }
  }
  return text;
}

}  // namespace carpool::tool
