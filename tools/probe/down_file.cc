#include "tools/probe/down_file.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "tools/probe/cat.h"
#include "tools/probe/fd.h"
#include "tools/probe/wait.h"

namespace carpool::probe {
namespace {

constexpr std::size_t kMaxReason = 256;
constexpr std::string_view kBlanks = " \t\r";

std::string_view skip_blanks(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kBlanks), text.size()));
}

// Takes the word off `text` if it begins with that word.
bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  const auto rest = text.substr(word.size());
  if (!rest.empty() && kBlanks.find(rest[0]) == kBlanks.npos && rest[0] != ':') return false;
  text = skip_blanks(rest.substr(rest.starts_with(':') ? 1 : 0));
  return true;
}

}  // namespace

Verdict parse_down_file(std::string_view text) {
  auto line = skip_blanks(text.substr(0, text.find('\n')));
  line = line.substr(0, line.find_last_not_of(kBlanks) + 1);
  State state = State::Down;
  if (take_word(line, "drain")) {
    state = State::Drain;
  } else if (take_word(line, "maint")) {
    state = State::Maint;
  }
  return {state, line.empty() ? "taken out by an operator" : std::string(line)};
}

std::optional<Verdict> read_down_file(const std::filesystem::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  std::array<char, kMaxReason> buffer;
  const ssize_t size = file ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  if (size < 0) {
    return down(
        cat("taken out by ", path.string(), ", which cannot be read: ", system_error_text(errno)));
  }
  return parse_down_file({buffer.data(), static_cast<std::size_t>(size)});
}

}  // namespace carpool::probe
