#include "tools/probe/http_request.h"

#include <algorithm>

namespace carpool::probe {
namespace {

// RFC 9110, 5.6.2: what a method consists of.
bool is_token(char c) {
  const bool letter_or_digit =
      (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return letter_or_digit || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// RFC 9112, 2.2: a line may end without the carriage return.
std::string_view without_cr(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

// Whether an empty line ends within text[from...], given that text[0...] is a request line and
// more.
bool has_empty_line(std::string_view text, std::size_t from) {
  for (auto end = text.find('\n', from); end != text.npos; end = text.find('\n', end + 1)) {
    const auto before = text.substr(0, end);
    if (before.ends_with('\n') || before.ends_with("\n\r")) return true;
  }
  return false;
}

}  // namespace

RequestState HttpRequest::feed(std::string_view bytes) {
  if (state_ != RequestState::Incomplete) return state_;
  const std::size_t known = head_.size();
  const std::size_t room = kMaxRequest - known;
  head_.append(bytes.substr(0, room));
  state_ = judge(known);
  if (state_ == RequestState::Incomplete && bytes.size() > room) state_ = RequestState::TooLarge;
  return state_;
}

// What cannot become a request is refused at once: TLS, another protocol, a port scan.
RequestState HttpRequest::judge(std::size_t known) {
  if (line_ == RequestState::Incomplete) {
    const auto method = std::string_view(head_).substr(0, head_.find(' '));
    const auto end = head_.find('\n');
    if (end == head_.npos && !std::ranges::all_of(method, is_token)) return RequestState::Malformed;
    if (end == head_.npos) return RequestState::Incomplete;
    line_ = parse_line(without_cr(std::string_view(head_).substr(0, end)));
  }
  if (line_ == RequestState::Malformed) return line_;
  return has_empty_line(head_, known) ? line_ : RequestState::Incomplete;
}

RequestState HttpRequest::parse_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == line.npos || first == 0 || last <= first + 1) return RequestState::Malformed;
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  is_11_ = version == "HTTP/1.1";
  const bool good = std::ranges::all_of(method, is_token) && target.find(' ') == target.npos &&
                    (is_11_ || version == "HTTP/1.0");
  if (!good) return RequestState::Malformed;
  is_head_ = method == "HEAD";
  const bool asks = is_head_ || method == "GET" || method == "OPTIONS";
  return asks ? RequestState::Complete : RequestState::NotAllowed;
}

}  // namespace carpool::probe
