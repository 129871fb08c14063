#include "tools/probe/inetd.h"

#include <array>
#include <cerrno>
#include <span>
#include <string>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/probe/answers.h"
#include "tools/probe/http_request.h"
#include "tools/probe/wait.h"

namespace carpool::probe {
namespace {

constexpr auto kAnswerTime = std::chrono::seconds(2);
constexpr auto kLingerTime = std::chrono::milliseconds(500);

// The number of bytes read before the deadline; 0 where no more will come.
std::size_t read_before(int fd, std::span<char> buffer, Instant deadline) {
  while (wait_for(fd, POLLIN, deadline)) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno != EINTR && errno != EAGAIN) break;
  }
  return 0;
}

HttpRequest read_request(int in) {
  const auto deadline = monotonic_now() + kInetdRequestTime;
  HttpRequest request;
  std::array<char, 2048> buffer;
  while (request.state() == RequestState::Incomplete) {
    const auto size = read_before(in, buffer, deadline);
    if (size == 0) break;
    (void)request.feed({buffer.data(), size});
  }
  return request;
}

void write_answer(int out, std::string_view text) {
  const auto deadline = monotonic_now() + kAnswerTime;
  while (!text.empty() && wait_for(out, POLLOUT, deadline)) {
    const ssize_t size = ::write(out, text.data(), text.size());
    if (size >= 0) {
      text.remove_prefix(static_cast<std::size_t>(size));
    } else if (errno != EINTR && errno != EAGAIN) {
      return;
    }
  }
}

}  // namespace

void answer_once(int in, int out, const std::function<Verdict()>& ask) {
  const auto request = read_request(in);
  const bool asks = request.state() == RequestState::Complete || request.empty();
  write_answer(out, asks ? http_answer(request, ask()) : http_refusal(request));
  ::shutdown(out, SHUT_WR);
  const auto deadline = monotonic_now() + kLingerTime;
  std::array<char, 2048> rest;
  while (read_before(in, rest, deadline) > 0)
    ;
}

}  // namespace carpool::probe
