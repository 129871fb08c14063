#include "controlplane/console/runtime_line.h"

namespace carpool::console {
namespace {

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

}  // namespace

std::vector<std::string_view> split_commands(std::string_view line) {
  std::vector<std::string_view> commands;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\\') {
      ++at;
    } else if (line[at] == ';') {
      commands.push_back(line.substr(begin, at - begin));
      begin = at + 1;
    }
  }
  commands.push_back(line.substr(begin));
  return commands;
}

std::vector<std::string> split_words(std::string_view command) {
  std::vector<std::string> words;
  bool in_word = false;
  for (std::size_t at = 0; at < command.size(); ++at) {
    if (is_blank(command[at])) {
      in_word = false;
      continue;
    }
    if (!in_word) {
      if (words.size() == kMaxRuntimeWords) break;
      words.emplace_back();
      in_word = true;
    }
    if (command[at] == '\\' && at + 1 < command.size()) ++at;
    words.back() += command[at];
  }
  return words;
}

}  // namespace carpool::console
