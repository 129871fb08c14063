// One client of the daemon: its request, the wait for a verdict, the answer, and an end that does
// not reset what is still on its way. Never blocks.
#pragma once

#include <cstdint>
#include <string>

#include "tools/probe/fd.h"
#include "tools/probe/http_request.h"
#include "tools/probe/verdict.h"

namespace carpool::probe {

enum class Protocol : std::uint8_t { Http, Agent };

// How long a client may take for its request. One that has sent nothing by then is answered like
// one that has asked, since monitors exist that only read: the scripts that the probe replaces
// never looked at a request.
inline constexpr auto kRequestTime = std::chrono::seconds(2);
// And for taking the answer, and then for closing.
inline constexpr auto kAnswerTime = std::chrono::seconds(2);
inline constexpr auto kLingerTime = std::chrono::seconds(1);

class Connection {
 public:
  enum class Phase : std::uint8_t {
    Reading,    // its request
    Waiting,    // for a verdict: answer() is to be called
    Writing,    // the answer
    Lingering,  // all is written; reads until the client closes, so that nothing is lost by a reset
    Done,       // to be destroyed
  };

  // `fd` must not block. HAProxy's agent client need not say anything: it waits at once.
  Connection(Fd fd, Protocol protocol, Instant now);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] Protocol protocol() const { return protocol_; }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] short events() const;  // of poll(), to wait for
  // When on_deadline() is to be called; meaningless while Waiting, which others bound.
  [[nodiscard]] Instant deadline() const { return deadline_; }
  [[nodiscard]] const HttpRequest& request() const { return request_; }

  void on_ready(Instant now);
  void on_deadline(Instant now);
  // The answer, in the words of its protocol.
  void answer(std::string text, Instant now);

 private:
  void read_request(Instant now);
  void write(Instant now);
  void drain();
  void refuse(Instant now);

  Fd fd_;
  Protocol protocol_;
  Phase phase_;
  Instant deadline_;
  HttpRequest request_{};
  std::string answer_{};
};

}  // namespace carpool::probe
