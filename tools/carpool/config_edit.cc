#include "tools/carpool/config_edit.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controlplane/config/read_files.h"
#include "controlplane/config/store_files.h"
#include "tools/carpool/section.h"
#include "tools/carpool/status_command.h"

namespace carpool::tool {
namespace {

namespace fs = std::filesystem;

// Copies for the editor, under the names of the files, where nobody else can read them. They stay
// if they were not applied: nobody's work is lost.
class Copies {
 public:
  static Result<Copies> make(const Files& files) {
    const char* home = std::getenv("TMPDIR");
    std::string folder = std::string(home == nullptr ? "/tmp" : home) + "/carpool-edit-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) return fail("cannot make " + folder);
    Copies copies(folder);
    for (const config::SourceFile& file : files) {
      const fs::path copy = copies.folder_ / fs::path(file.path).filename();
      if (auto stored = config::store_file(copy, file.text); !stored) {
        return std::unexpected(stored.error());
      }
      copies.pairs_.push_back({file.path, copy});
    }
    return copies;
  }

  [[nodiscard]] const fs::path& folder() const { return folder_; }
  [[nodiscard]] std::vector<fs::path> paths() const {
    std::vector<fs::path> all;
    for (const Pair& pair : pairs_)
      all.push_back(pair.copy);
    return all;
  }
  [[nodiscard]] fs::path copy_of(const std::string& original) const {
    const auto found = std::ranges::find(pairs_, original, &Pair::original);
    return found == pairs_.end() ? fs::path() : found->copy;
  }

  // All files, with the copies' texts in the place of the originals'.
  [[nodiscard]] Result<Files> merged(Files all) const {
    for (const Pair& pair : pairs_) {
      const auto text = config::read_files(pair.copy);
      if (!text) return std::unexpected(text.error());
      const auto original = std::ranges::find(all, pair.original, &config::SourceFile::path);
      if (original != all.end()) original->text = text->front().text;
    }
    return all;
  }

  void remove() const {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

 private:
  struct Pair {
    std::string original;
    fs::path copy;
  };
  explicit Copies(fs::path folder) : folder_(std::move(folder)) {}

  fs::path folder_;
  std::vector<Pair> pairs_;
};

std::string editor_command() {
  for (const char* name : {"VISUAL", "EDITOR"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return "vi";
}

// What can be told to begin at a line by "+LINE FILE".
bool takes_lines(std::string_view command) {
  constexpr std::array<std::string_view, 11> kEditors = {
      "vi", "vim", "nvim", "view", "nano", "emacs", "joe", "jed", "pico", "mg", "kak"};
  const std::string program = fs::path(command.substr(0, command.find(' '))).filename().string();
  return std::ranges::find(kEditors, program) != kEditors.end();
}

// Through the shell, as git does it: $EDITOR may have arguments.
Result<void> run_editor(const std::vector<fs::path>& paths, std::uint32_t line) {
  const std::string command = editor_command();
  std::vector<std::string> words = {"sh", "-c", command + " \"$@\"", "sh"};
  if (line > 0 && takes_lines(command)) words.push_back(fmt::format("+{}", line));
  for (const fs::path& path : paths)
    words.push_back(path.string());
  std::vector<char*> arguments;
  for (std::string& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);

  const pid_t child = fork();
  if (child < 0) return fail("cannot start the editor: no process");
  if (child == 0) {
    execv("/bin/sh", arguments.data());
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(fmt::format("the editor '{}' ended with status {}", command,
                          WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
}

const config::Diagnostic* first_error(const std::vector<config::Diagnostic>& all) {
  const auto found = std::ranges::find(all, config::Severity::Error, &config::Diagnostic::severity);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

int edit_files(const Workplace& workplace, const std::string& section,
               const ChangeRequest& request) {
  const auto all = config::read_all_files(workplace.source.path);
  if (!all) return complain(all.error());
  const auto chosen = section.empty() ? Result<Files>(switched_on(*all))
                                      : find_section(workplace.source, *all, section);
  if (!chosen) return complain(chosen.error());
  auto copies = Copies::make(*chosen);
  if (!copies) return complain(copies.error());
  const auto give_up = [&](const Error& why) {
    fmt::print(stderr, "carpool: {}\ncarpool: nothing is changed; your text is in {}\n",
               why.message, copies->folder().string());
    return kFailed;
  };

  std::vector<fs::path> open_now = copies->paths();
  for (std::uint32_t line = 0;;) {
    if (auto edited = run_editor(open_now, line); !edited) return give_up(edited.error());
    auto wanted = copies->merged(*all);
    if (!wanted) return give_up(wanted.error());
    const auto loaded = load_texts(workplace.source, switched_on(*wanted));
    if (loaded) {
      const int outcome = change_files(workplace, *all, *wanted, request);
      if (outcome != kAnswered) return give_up({"it is not applied"});
      copies->remove();
      return outcome;
    }
    fmt::print(stderr, "{}", config::format_diagnostics(loaded.error()));
    if (request.yes || !ask("edit it again?")) return give_up({"the configuration is not good"});
    const config::Diagnostic* error = first_error(loaded.error());
    const fs::path where = error == nullptr ? fs::path() : copies->copy_of(error->file);
    line = where.empty() ? 0 : error->line;
    open_now = where.empty() ? copies->paths() : std::vector{where};
  }
}

}  // namespace carpool::tool
