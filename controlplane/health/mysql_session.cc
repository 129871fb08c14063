#include "controlplane/health/mysql_session.h"

#include <algorithm>

#include "controlplane/health/mysql_auth.h"

namespace carpool::mysql {
namespace {

// What a plugin's data says in caching_sha2_password.
constexpr std::string_view kFastAuthOk = "\x03";
constexpr std::string_view kFullAuth = "\x04";
constexpr std::string_view kPublicKeyPlease = "\x02";

bool is_known(std::string_view plugin) {
  return plugin == kNativePassword || plugin == kCachingSha2Password;
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

std::optional<std::size_t> Answer::find_column(
    std::initializer_list<std::string_view> names) const {
  for (const auto name : names) {
    const auto at = std::ranges::find_if(
        columns, [name](const std::string& column) { return same_name(column, name); });
    if (at != columns.end()) return static_cast<std::size_t>(at - columns.begin());
  }
  return std::nullopt;
}

Progress Session::receive(std::string_view bytes) {
  Progress progress;
  if (state_ == State::Over) {
    progress.event = SessionEvent::Failed;
    return progress;
  }
  stream_.feed(bytes);
  while (progress.event == SessionEvent::None) {
    if (stream_.oversized()) {
      fail(CheckStatus::L7Response,
           state_ == State::Greeting ? "not a MySQL server" : "a packet that is too long",
           progress);
      break;
    }
    const auto packet = stream_.next();
    if (!packet) break;
    take(*packet, progress);
  }
  return progress;
}

// Sequence numbers are followed but not held against the server: some send errors with one of their
// own.
void Session::take(const Packet& packet, Progress& progress) {
  sequence_ = static_cast<std::uint8_t>(packet.sequence + 1);
  switch (state_) {
    case State::Greeting:
      return take_greeting(packet.payload, progress);
    case State::Login:
    case State::PublicKey:
      return take_login_reply(packet.payload, progress);
    case State::AnswerHead:
      return take_answer_head(packet.payload, progress);
    case State::AnswerColumns:
      return take_column(packet.payload, progress);
    case State::AnswerRows:
      return take_row(packet.payload, progress);
    case State::Tls:
    case State::Ready:
    case State::Over:
      return fail(CheckStatus::L7Response, "a packet that nobody asked for", progress);
  }
}

// ------------------------------------------------------------------------------------------ login

void Session::take_greeting(std::string_view payload, Progress& progress) {
  if (const auto error = parse_error(payload)) return refuse(*error, progress);
  auto greeting = parse_greeting(payload);
  if (!greeting) {
    return fail(CheckStatus::L7Response, "not the greeting of a MySQL server", progress);
  }
  greeting_ = *std::move(greeting);
  nonce_ = greeting_.nonce;
  // A server whose own plugin is not known to us is told one that is; it asks to switch where the
  // user has another.
  plugin_ = is_known(greeting_.plugin) ? greeting_.plugin : std::string(kNativePassword);
  if (!login_.tls) return send_login(progress);
  if (!greeting_.offers_tls()) {
    return fail(CheckStatus::L6Response, "the server does not offer TLS", progress);
  }
  // What was sent before TLS could be of anybody on the way.
  if (!stream_.empty()) {
    return fail(CheckStatus::L7Response, "a packet that nobody asked for", progress);
  }
  send(tls_request(greeting_), progress);
  ++sequence_;
  state_ = State::Tls;
  progress.event = SessionEvent::StartTls;
}

Progress Session::tls_started() {
  Progress progress;
  if (state_ != State::Tls) return progress;
  channel_ = Channel::Private;
  send_login(progress);
  return progress;
}

void Session::send_login(Progress& progress) {
  const auto secret = proof();
  send(login_request(greeting_,
                     {.user = login_.user, .proof = secret, .plugin = plugin_, .tls = login_.tls}),
       progress);
  state_ = State::Login;
}

std::string Session::proof() const {
  return plugin_ == kCachingSha2Password ? caching_sha2_proof(login_.password, nonce_)
                                         : native_proof(login_.password, nonce_);
}

void Session::take_login_reply(std::string_view payload, Progress& progress) {
  if (payload.empty() || ++login_packets_ > kMaxLoginPackets) {
    return fail(CheckStatus::L7Response, "not a reply to a MySQL login", progress);
  }
  switch (payload.front()) {
    case kOk:
      state_ = State::Ready;
      progress.event = SessionEvent::LoggedIn;
      return;
    case kError:
      if (const auto error = parse_error(payload)) return refuse(*error, progress);
      break;
    case kEof:
      return take_plugin_switch(payload, progress);
    case kMoreAuthData:
      return take_more_auth_data(payload.substr(1), progress);
    default:
      break;
  }
  fail(CheckStatus::L7Response, "not a reply to a MySQL login", progress);
}

void Session::take_plugin_switch(std::string_view payload, Progress& progress) {
  const auto change = parse_plugin_switch(payload);
  if (!change) return fail(CheckStatus::L7Response, "not a reply to a MySQL login", progress);
  if (!is_known(change->plugin)) {
    // To be answered nevertheless, so that the server sees a failed login rather than a client that
    // broke off.
    send({}, progress);
    return fail(CheckStatus::L7Status,
                "user '" + login_.user + "' logs in by " + change->plugin +
                    ": give it mysql_native_password or caching_sha2_password",
                progress);
  }
  plugin_ = change->plugin;
  nonce_ = change->nonce;
  state_ = State::Login;
  send(proof(), progress);
}

// Only caching_sha2_password has more to say.
void Session::take_more_auth_data(std::string_view data, Progress& progress) {
  if (plugin_ == kCachingSha2Password) {
    if (state_ == State::PublicKey) return send_encrypted_password(data, progress);
    if (data == kFastAuthOk) return;  // an OK follows
    // The server does not remember this password, as after each of its restarts.
    if (data == kFullAuth) return send_password(progress);
  }
  fail(CheckStatus::L7Response, "not a reply to a MySQL login", progress);
}

void Session::send_password(Progress& progress) {
  if (channel_ == Channel::Open) {
    send(kPublicKeyPlease, progress);
    state_ = State::PublicKey;
    return;
  }
  std::string text;
  append_text(text, login_.password);
  send(text, progress);
}

void Session::send_encrypted_password(std::string_view public_key, Progress& progress) {
  const auto encrypted = encrypt_password(login_.password, nonce_, public_key);
  if (!encrypted) {
    send({}, progress);
    return fail(CheckStatus::L7Response, "the server's public key is of no use", progress);
  }
  state_ = State::Login;
  send(*encrypted, progress);
}

// ---------------------------------------------------------------------------------------- queries

std::string Session::query(std::string_view text) {
  answer_ = {};
  answer_bytes_ = 0;
  state_ = State::AnswerHead;
  return frame(0, query_command(text));
}

std::string Session::quit() const {
  return frame(0, quit_command());
}

void Session::take_answer_head(std::string_view payload, Progress& progress) {
  if (payload.empty() || payload.front() == kLocalInfile) {
    return fail(CheckStatus::L7Response, "not an answer to a query", progress);
  }
  if (payload.front() == kOk) return answered(progress);
  if (payload.front() == kError) {
    answer_.error = parse_error(payload);
    if (answer_.error) return answered(progress);
  }
  Reader reader(payload);
  columns_left_ = reader.length_encoded_integer();
  if (reader.failed() || !reader.at_end() || columns_left_ == 0 || columns_left_ > kMaxColumns) {
    return fail(CheckStatus::L7Response, "not an answer to a query", progress);
  }
  state_ = State::AnswerColumns;
}

void Session::take_column(std::string_view payload, Progress& progress) {
  if (columns_left_ == 0) {
    if (!is_eof(payload)) {
      return fail(CheckStatus::L7Response, "not an answer to a query", progress);
    }
    state_ = State::AnswerRows;
    return;
  }
  auto column = parse_column_name(payload);
  answer_bytes_ += payload.size();
  if (!column || answer_bytes_ > kMaxAnswerBytes) {
    return fail(CheckStatus::L7Response, "not an answer to a query", progress);
  }
  answer_.columns.push_back(*std::move(column));
  --columns_left_;
}

void Session::take_row(std::string_view payload, Progress& progress) {
  if (is_eof(payload)) return answered(progress);
  if (payload.starts_with(kError)) {
    answer_.error = parse_error(payload);
    if (answer_.error) return answered(progress);
  }
  answer_bytes_ += payload.size() + kHeaderBytes;
  if (answer_bytes_ > kMaxAnswerBytes) {
    return fail(CheckStatus::L7Response, "the answer to the query has no end", progress);
  }
  if (answer_.rows.size() == kMaxRows) return;
  auto row = parse_row(payload, answer_.columns.size());
  if (!row) return fail(CheckStatus::L7Response, "not an answer to a query", progress);
  answer_.rows.push_back(*std::move(row));
}

void Session::answered(Progress& progress) {
  state_ = State::Ready;
  progress.event = SessionEvent::Answered;
}

// ---------------------------------------------------------------------------------------- endings

void Session::closed() {
  if (state_ == State::Over) return;
  Progress unused;
  fail(CheckStatus::L7Response,
       state_ == State::Greeting ? "connection closed before the greeting"
       : state_ == State::Login  ? "connection closed during the login"
                                 : "connection closed before the answer",
       unused);
}

void Session::send(std::string_view payload, Progress& progress) {
  progress.send += frame(sequence_, payload);
}

void Session::refuse(const ServerError& error, Progress& progress) {
  fail(CheckStatus::L7Status, error.message, progress, error.code);
}

void Session::fail(CheckStatus status, std::string_view text, Progress& progress, int code) {
  failure_ = {.status = status, .code = code, .text = printable(text)};
  state_ = State::Over;
  progress.event = SessionEvent::Failed;
}

}  // namespace carpool::mysql
