// A whole check of a MySQL server: log in, ask what is to be known, say goodbye, judge. Bytes in,
// bytes out, as in Session; so it serves the checks of the appliance, the agent on a database host
// and the tests alike. Pure.
//
//   Check check({.login = {.user = "carpool", .password = "…"}, .expect = Writable{}});
//   loop: step = check.receive(bytes from the server); write step.send;
//         if step.start_tls: make TLS of the connection, step = check.tls_started(), write
//         step.send; if step.result: done, close the connection
//   where the server closes it first: check.closed() is the result
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/health/check_result.h"
#include "controlplane/health/mysql_expect.h"
#include "controlplane/health/mysql_session.h"

namespace carpool::mysql {

struct CheckRequest {
  Login login;
  Expectation expect = Alive{};
  std::string query{};              // after what is expected; empty: none
  Channel channel = Channel::Open;  // Private: a Unix socket
};

struct CheckStep {
  std::string send;  // to be written first, also with a result: it says goodbye
  bool start_tls = false;
  // L7OK; L7STS with MySQL's error code where the server refuses or is not as expected; L7RSP where
  // this is not the protocol; L6RSP where TLS is not to be had. `took` is left to the caller.
  std::optional<CheckResult> result{};
};

class Check {
 public:
  explicit Check(CheckRequest request);

  // Bytes from the server, in chunks of any size; what comes after a result is ignored.
  [[nodiscard]] CheckStep receive(std::string_view bytes);
  [[nodiscard]] CheckStep tls_started();
  [[nodiscard]] CheckResult closed();

 private:
  void act(Progress progress, CheckStep& step);
  void ask_next(CheckStep& step);
  void take_answer(CheckStep& step);
  void judge_all(CheckStep& step);
  void finish(CheckStatus status, std::string_view text, int code, CheckStep& step);

  Session session_;
  Expectation expect_;
  std::vector<Question> questions_;  // the user's query is the last one, if there is one
  bool has_query_;
  std::size_t spelling_ = 0;     // of the question under way
  std::vector<Answer> answers_;  // to the questions so far
  std::optional<CheckResult> result_;
};

}  // namespace carpool::mysql
