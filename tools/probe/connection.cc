#include "tools/probe/connection.h"

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "tools/probe/answers.h"

namespace carpool::probe {

Connection::Connection(Fd fd, Protocol protocol, Instant now)
    : fd_(std::move(fd)),
      protocol_(protocol),
      phase_(protocol == Protocol::Http ? Phase::Reading : Phase::Waiting),
      deadline_(now + kRequestTime) {}

short Connection::events() const {
  switch (phase_) {
    case Phase::Reading:
    case Phase::Lingering:
      return POLLIN;
    case Phase::Writing:
      return POLLOUT;
    default:
      return 0;
  }
}

void Connection::on_ready(Instant now) {
  switch (phase_) {
    case Phase::Reading:
      read_request(now);
      break;
    case Phase::Writing:
      write(now);
      break;
    case Phase::Lingering:
      drain();
      break;
    // Nothing was asked for but an error or a hang-up: nobody is there to be told.
    default:
      phase_ = Phase::Done;
      break;
  }
}

void Connection::on_deadline(Instant now) {
  if (phase_ == Phase::Reading) {
    if (request_.empty()) {
      phase_ = Phase::Waiting;
    } else {
      refuse(now);
    }
  } else {
    phase_ = Phase::Done;
  }
}

void Connection::read_request(Instant now) {
  std::array<char, 2048> buffer;
  const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (size < 0) {
    if (errno != EAGAIN && errno != EINTR) phase_ = Phase::Done;
    return;
  }
  if (size == 0) return on_deadline(now);  // no more will come: as if time were up
  switch (request_.feed({buffer.data(), static_cast<std::size_t>(size)})) {
    case RequestState::Incomplete:
      return;
    case RequestState::Complete:
      phase_ = Phase::Waiting;
      return;
    default:
      refuse(now);
  }
}

void Connection::refuse(Instant now) {
  answer(http_refusal(request_), now);
}

void Connection::answer(std::string text, Instant now) {
  answer_ = std::move(text);
  phase_ = Phase::Writing;
  deadline_ = now + kAnswerTime;
  write(now);
}

void Connection::write(Instant now) {
  const ssize_t size = ::send(fd_.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
  if (size < 0) {
    if (errno != EAGAIN && errno != EINTR) phase_ = Phase::Done;
    return;
  }
  answer_.erase(0, static_cast<std::size_t>(size));
  if (!answer_.empty()) return;
  // Closing now would reset the connection if anything of the client's is still unread, and a reset
  // can overtake the answer.
  ::shutdown(fd_.get(), SHUT_WR);
  phase_ = Phase::Lingering;
  deadline_ = now + kLingerTime;
}

void Connection::drain() {
  std::array<char, 2048> buffer;
  const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) phase_ = Phase::Done;
}

}  // namespace carpool::probe
