#include "tools/probe/answers.h"

#include <string_view>

#include "controlplane/health/check_result.h"
#include "tools/probe/cat.h"

namespace carpool::probe {
namespace {

std::string answer(const HttpRequest& request, std::string_view status, std::string_view text) {
  return cat(
      request.version(), " ", status,
      "\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Length: ", text.size() + 1,
      "\r\nAllow: GET, HEAD, OPTIONS\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
      request.wants_body() ? cat(text, "\n") : "");
}

}  // namespace

std::string http_answer(const HttpRequest& request, const Verdict& verdict) {
  const auto reason = printable(verdict.reason);
  if (verdict.state == State::Up) return answer(request, "200 OK", reason);
  return answer(request, cat("503 Service Unavailable: ", reason), reason);
}

std::string http_refusal(const HttpRequest& request) {
  switch (request.state()) {
    case RequestState::NotAllowed:
      return answer(request, "405 Method Not Allowed", "ask with GET, HEAD or OPTIONS");
    case RequestState::TooLarge:
      return answer(request, "431 Request Header Fields Too Large",
                    cat("a request has at most ", kMaxRequest, " bytes"));
    case RequestState::Incomplete:
      return answer(request, "408 Request Timeout", "the request did not arrive in time");
    default:
      return answer(request, "400 Bad Request", "not a request of HTTP/1.0 or HTTP/1.1");
  }
}

std::string agent_answer(const Verdict& verdict, int weight, bool recovered) {
  const auto reason = printable(verdict.reason);
  switch (verdict.state) {
    case State::Up:
      return cat(recovered ? "ready " : "", "up ", weight, "%\n");
    case State::Drain:
      return cat("drain #", reason, "\n");
    case State::Maint:
      return cat("maint #", reason, "\n");
    case State::Down:
      break;
  }
  return cat(recovered ? "ready " : "", "down #", reason, "\n");
}

}  // namespace carpool::probe
