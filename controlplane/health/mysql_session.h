// A client of one MySQL server: logs in, asks queries, says goodbye. It reads and makes bytes and
// leaves their transport to its owner, so it can be fed with transcripts, by a socket of any kind,
// or by a fuzzer. Pure.
//
// A server counts clients that break off in the middle of a login, and in the end shuts their
// whole host out (max_connect_errors): go on to LoggedIn or Failed, then send quit().
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/health/check_result.h"
#include "controlplane/health/mysql_packets.h"
#include "controlplane/health/mysql_wire.h"

namespace carpool::mysql {

inline constexpr std::size_t kMaxColumns = 1024;
inline constexpr std::size_t kMaxRows = 64;                  // what is beyond is read and forgotten
inline constexpr std::size_t kMaxAnswerBytes = 1024 * 1024;  // of one query
inline constexpr int kMaxLoginPackets = 8;                   // from the server after its greeting

enum class Channel : std::uint8_t {
  Open,     // others may listen
  Private,  // TLS, or a Unix socket: may carry a password as it is
};

struct Login {
  std::string user{};
  std::string password{};
  bool tls = false;  // demand TLS; without it, it is not used
};

// What came of a query. Text values as the server writes them.
struct Answer {
  std::optional<ServerError> error;
  std::vector<std::string> columns;  // none: the query has no result, only success
  std::vector<std::vector<Value>> rows;

  // The first of these columns that there is, in any case of letters.
  [[nodiscard]] std::optional<std::size_t> find_column(
      std::initializer_list<std::string_view> names) const;
};

enum class SessionEvent : std::uint8_t {
  None,      // give it what comes next
  StartTls,  // when `send` is out, make TLS of the connection and call tls_started()
  LoggedIn,  // ask a query, or quit
  Answered,  // answer() is complete; ask the next query, or quit
  Failed,    // failure() says why; nothing more can be done
};

struct Progress {
  std::string send;  // to be written first
  SessionEvent event = SessionEvent::None;
};

class Session {
 public:
  explicit Session(Login login, Channel channel = Channel::Open)
      : login_(std::move(login)), channel_(channel) {}

  // Bytes from the server, in chunks of any size. Stops at the first event; call again, be it with
  // nothing, to go on.
  [[nodiscard]] Progress receive(std::string_view bytes);
  [[nodiscard]] Progress tls_started();
  // The server closed the connection. Failure() afterwards.
  void closed();

  // Bytes to be sent; only when logged in and nothing is being answered.
  [[nodiscard]] std::string query(std::string_view text);
  [[nodiscard]] std::string quit() const;

  [[nodiscard]] const std::string& server_version() const { return greeting_.version; }
  [[nodiscard]] const Answer& answer() const { return answer_; }
  // L7STS and the server's error code where it refused, L7RSP where this is not the protocol, L6RSP
  // where TLS is not to be had.
  [[nodiscard]] const CheckResult& failure() const { return failure_; }

 private:
  enum class State : std::uint8_t {
    Greeting,
    Tls,
    Login,
    PublicKey,
    Ready,
    AnswerHead,
    AnswerColumns,
    AnswerRows,
    Over
  };

  void take(const Packet& packet, Progress& progress);
  void take_greeting(std::string_view payload, Progress& progress);
  void take_login_reply(std::string_view payload, Progress& progress);
  void take_more_auth_data(std::string_view data, Progress& progress);
  void take_plugin_switch(std::string_view payload, Progress& progress);
  void take_answer_head(std::string_view payload, Progress& progress);
  void take_column(std::string_view payload, Progress& progress);
  void take_row(std::string_view payload, Progress& progress);

  void send(std::string_view payload, Progress& progress);
  void send_login(Progress& progress);
  void send_password(Progress& progress);
  void send_encrypted_password(std::string_view public_key, Progress& progress);
  [[nodiscard]] std::string proof() const;
  void answered(Progress& progress);
  void fail(CheckStatus status, std::string_view text, Progress& progress, int code = 0);
  void refuse(const ServerError& error, Progress& progress);

  Login login_;
  Channel channel_;
  State state_ = State::Greeting;
  PacketStream stream_;
  std::uint8_t sequence_ = 0;  // of the packet that we send next
  Greeting greeting_;
  std::string plugin_;
  std::string nonce_;
  int login_packets_ = 0;
  Answer answer_;
  std::size_t answer_bytes_ = 0;
  std::size_t columns_left_ = 0;
  CheckResult failure_;
};

}  // namespace carpool::mysql
