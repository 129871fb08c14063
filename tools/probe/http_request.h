// The part of HTTP/1.0 and 1.1 that an answer to a health check needs: who asks how, and where the
// request ends. Pure; bounded, since anybody may send anything to the probe's port.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace carpool::probe {

// Request line and headers together.
inline constexpr std::size_t kMaxRequest = 8192;

enum class RequestState : std::uint8_t {
  Incomplete,
  Complete,
  NotAllowed,  // complete, with a method that does not ask
  Malformed,
  TooLarge,
};

class HttpRequest {
 public:
  // Bytes as they arrive, in chunks of any size; the outcome does not depend on how they were cut.
  // A state other than Incomplete is final.
  RequestState feed(std::string_view bytes);

  [[nodiscard]] RequestState state() const { return state_; }
  // Whether nothing at all has arrived.
  [[nodiscard]] bool empty() const { return head_.empty(); }
  // An answer to HEAD has no body.
  [[nodiscard]] bool wants_body() const { return !is_head_; }
  // The request's version, "HTTP/1.0" or "HTTP/1.1": some old clients understand no other.
  [[nodiscard]] std::string_view version() const { return is_11_ ? "HTTP/1.1" : "HTTP/1.0"; }

 private:
  [[nodiscard]] RequestState judge(std::size_t searched);
  [[nodiscard]] RequestState parse_line(std::string_view line);

  std::string head_;
  RequestState state_ = RequestState::Incomplete;
  RequestState line_ = RequestState::Incomplete;
  bool is_head_ = false;
  bool is_11_ = false;
};

}  // namespace carpool::probe
