#include "controlplane/config/secrets.h"

#include <algorithm>
#include <cstddef>

#include "controlplane/config/limits.h"

namespace carpool::config {
namespace {

constexpr std::string_view kBlanks = " \t";

// Where the word that begins at `start` ends: blanks within quotes or behind a backslash belong to
// it. A quote that is never closed reaches to the end of the line.
std::size_t word_end(std::string_view line, std::size_t start) {
  char quote = '\0';
  for (std::size_t at = start; at < line.size(); ++at) {
    const char c = line[at];
    if (c == '\\' && quote != '\'') {
      ++at;
    } else if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (kBlanks.find(c) != kBlanks.npos) {
      return at;
    }
  }
  return line.size();
}

}  // namespace

std::string mask_keys(std::string text) {
  constexpr std::ptrdiff_t kDigits = kPeerKeyBytes;  // two to a byte
  const auto is_hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  for (auto at = text.begin(); at != text.end();) {
    const auto end = std::find_if_not(at, text.end(), is_hex);
    if (end - at >= kDigits) std::fill(at, end, '*');
    at = end == text.end() ? end : end + 1;
  }
  return text;
}

std::string mask_secrets(std::string_view line) {
  std::string masked = mask_keys(std::string(line));
  std::string_view before;
  for (std::size_t at = 0;;) {
    const auto start = line.find_first_not_of(kBlanks, at);
    if (start == line.npos) return masked;
    at = word_end(line, start);
    std::size_t secret = at;
    if (before == "pass" || before == "password") secret = start;
    if (before == "auth") secret = std::min(line.find(':', start), at - 1) + 1;
    std::fill(masked.begin() + static_cast<std::ptrdiff_t>(secret),
              masked.begin() + static_cast<std::ptrdiff_t>(at), '*');
    before = line.substr(start, at - start);
  }
}

}  // namespace carpool::config
