#include "controlplane/health/probe_chain.h"

#include <array>
#include <memory>
#include <utility>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "controlplane/health/http_reply.h"
#include "controlplane/health/http_request.h"
#include "controlplane/health/probe_socket.h"
#include "controlplane/health/tcp_reply.h"

namespace carpool {
namespace {

namespace asio = boost::asio;
using config::CheckRule;
using config::ConnectRule;
using config::ExpectRule;
using config::HttpSendRule;
using config::SendRule;

// HAProxy's words for where a tcp-check stood: " at step 2 of tcp-check (expect string 'PONG')".
std::string describe(const ConnectRule& connect) {
  return connect.port ? fmt::format("connect port {}", *connect.port) : "connect";
}
std::string describe(const SendRule&) {
  return "send";
}
std::string describe(const HttpSendRule&) {
  return "send";
}
std::string describe(const ExpectRule& expect) {
  if (const auto* bytes = std::get_if<config::ExpectBytes>(&expect.what)) {
    return bytes->binary ? "expect binary" : fmt::format("expect string '{}'", bytes->bytes);
  }
  const auto* regex = std::get_if<config::ExpectRegex>(&expect.what);
  return regex != nullptr && regex->binary ? "expect binary regex" : "expect regex";
}

std::string place_of(const CheckRule& rule) {
  if (rule.step == 0) return "at initial connection step of tcp-check";
  const auto what = std::visit([](const auto& act) { return describe(act); }, rule.act);
  auto place = fmt::format("at step {} of tcp-check ({})", rule.step, what);
  if (!rule.comment.empty()) place += fmt::format(" comment: '{}'", rule.comment);
  return place;
}

enum class Speaks : std::uint8_t { Tcp, Http };

class Dialogue {
 public:
  Dialogue(asio::any_io_executor executor, const std::vector<CheckRule>& rules, ProbeTarget target,
           Speaks speaks)
      : executor_(std::move(executor)),
        rules_(rules),
        target_(std::move(target)),
        speaks_(speaks),
        started_(monotonic_now()) {}

  void drain_on_404() { drain_on_404_ = true; }
  void tell_state(std::string state) { state_ = std::move(state); }

  asio::awaitable<CheckResult> run() {
    for (std::size_t at = 0; at < rules_.size();) {
      const auto next = co_await carry_out(at);
      if (!next) co_return finish(next.error());
      at = *next;
    }
    co_return finish(final_);
  }

 private:
  // The index of the rule to go on with.
  asio::awaitable<Step<std::size_t>> carry_out(std::size_t at) {
    const CheckRule& rule = rules_[at];
    if (const auto* wanted = std::get_if<ExpectRule>(&rule.act)) {
      co_return co_await expect(at, *wanted);
    }
    Step<void> done;
    if (const auto* where = std::get_if<ConnectRule>(&rule.act)) {
      done = co_await connect(rule, *where);
    } else if (const auto* bytes = std::get_if<SendRule>(&rule.act)) {
      done = co_await send(rule, bytes->bytes);
    } else {
      done = co_await request(std::get<HttpSendRule>(rule.act));
    }
    if (!done) co_return std::unexpected(done.error());
    co_return at + 1;
  }

  asio::awaitable<Step<void>> connect(const CheckRule& rule, const ConnectRule& where) {
    keep_warning();
    reply_.reset();
    const bool polite = where.linger || speaks_ == Speaks::Http;
    here_ = target_of(where);
    socket_ = std::make_unique<ProbeSocket>(executor_, here_,
                                            polite ? CloseStyle::Polite : CloseStyle::Reset);
    auto connected = co_await socket_->connect();
    if (!connected) co_return std::unexpected(placed(connected.error(), rule));
    final_ = {.status = socket_->is_tls() ? CheckStatus::L6Ok : CheckStatus::L4Ok,
              .text = where.implicit ? "" : "(tcp-check)"};
    co_return connected;
  }

  asio::awaitable<Step<void>> send(const CheckRule& rule, const std::string& bytes) {
    expect_new_reply(std::make_unique<TcpReply>());
    auto sent = co_await socket_->write(bytes);
    if (!sent) co_return std::unexpected(placed(sent.error(), rule));
    final_ = {.status = CheckStatus::L7Ok, .text = "(tcp-check)"};
    co_return sent;
  }

  asio::awaitable<Step<void>> request(const HttpSendRule& what) {
    expect_new_reply(std::make_unique<HttpReply>(what.method == "HEAD"));
    const std::string bytes = format_request(what, here_.endpoint, state_);
    auto sent = co_await socket_->write(bytes);
    // Scripts that do not read may have answered and reset before our request was out: what they
    // said is still there to be read. A deadline that has passed is one.
    if (!sent && sent.error().status == CheckStatus::L7Timeout) co_return sent;
    co_return Step<void>{};
  }

  asio::awaitable<Step<std::size_t>> expect(std::size_t at, const ExpectRule& wanted) {
    const CheckRule& rule = rules_[at];
    if (!reply_) expect_new_reply(new_reply());  // servers that speak first
    if (std::exchange(must_read_, false)) {
      const auto more = co_await read(rule, wanted);
      if (!more) co_return std::unexpected(more.error());
    }
    Judgement judgement = judge(rule, wanted);
    if (judgement.judged == Judged::Met) {
      final_ = std::move(judgement.result);
      co_return at + 1;
    }
    if (judgement.judged == Judged::Unmet) co_return std::unexpected(judgement.result);
    const auto more = co_await read(rule, wanted);
    if (!more) co_return std::unexpected(more.error());
    co_return first_to_repeat(at);
  }

  Judgement judge(const CheckRule& rule, const ExpectRule& wanted) const {
    if (drain_on_404_ && static_cast<const HttpReply&>(*reply_).code() == 404) {
      return {.judged = Judged::Met,
              .result = {.status = CheckStatus::L7OkConditional, .code = 404}};
    }
    return reply_->judge(rule, wanted);
  }

  std::unique_ptr<Reply> new_reply() const {
    if (speaks_ == Speaks::Http) return std::make_unique<HttpReply>();
    return std::make_unique<TcpReply>();
  }

  // More of the answer, or that there is none.
  asio::awaitable<Step<void>> read(const CheckRule& rule, const ExpectRule& wanted) {
    const auto size = co_await socket_->read(buffer_);
    if (!size) {
      CheckResult error = size.error();
      if (error.status == CheckStatus::L7Timeout && wanted.timeout_status) {
        error.status = status_of(*wanted.timeout_status);
      }
      co_return std::unexpected(placed(std::move(error), rule));
    }
    if (*size > 0) {
      reply_->feed({buffer_.data(), *size});
      co_return Step<void>{};
    }
    if (reply_->empty()) co_return std::unexpected(nothing_arrived(rule, wanted));
    reply_->end();
    co_return Step<void>{};
  }

  CheckResult nothing_arrived(const CheckRule& rule, const ExpectRule& wanted) const {
    if (!socket_->end_reason().empty()) {
      return placed({.status = CheckStatus::SocketError, .text = socket_->end_reason()}, rule);
    }
    std::string text = speaks_ == Speaks::Http
                           ? "no reply before the connection ended"
                           : fmt::format("TCPCHK got an empty response at step {}", rule.step);
    if (!rule.comment.empty()) text += fmt::format(" comment: '{}'", rule.comment);
    return {
        .status = wanted.error_status ? status_of(*wanted.error_status) : CheckStatus::L7Response,
        .text = printable(text)};
  }

  // When more has arrived, what must not be there is looked for again: from the first `expect !` of
  // the expectations in a row on, as in HAProxy.
  std::size_t first_to_repeat(std::size_t at) const {
    std::size_t first = at;
    for (std::size_t i = at; i-- > 0;) {
      const auto* earlier = std::get_if<ExpectRule>(&rules_[i].act);
      if (earlier == nullptr) break;
      if (earlier->negate) first = i;
    }
    return first;
  }

  ProbeTarget target_of(const ConnectRule& where) const {
    ProbeTarget target = target_;
    if (where.address) target.endpoint.address = *where.address;
    if (where.port) target.endpoint.port = *where.port;
    if (!where.defaults) {
      target.tls.enabled = false;
      target.tls.sni.clear();
      target.tls.alpn.clear();
    }
    if (where.tls) target.tls.enabled = true;
    if (!where.sni.empty()) target.tls.sni = where.sni;
    if (!where.alpn.empty()) target.tls.alpn = where.alpn;
    return target;
  }

  void expect_new_reply(std::unique_ptr<Reply> reply) {
    reply_ = std::move(reply);
    must_read_ = true;
  }

  // Only a written dialogue has steps to speak of.
  CheckResult placed(CheckResult result, const CheckRule& rule) const {
    if (speaks_ == Speaks::Http || rules_.size() == 1) return result;
    if (!result.text.empty()) result.text += " ";
    result.text = printable(result.text + place_of(rule));
    return result;
  }

  void keep_warning() {
    if (socket_ && warning_.empty()) warning_ = socket_->result(CheckResult{}).warning;
  }

  CheckResult finish(CheckResult result) {
    keep_warning();
    result.warning = warning_;
    result.took = monotonic_now() - started_;
    return result;
  }

  asio::any_io_executor executor_;
  const std::vector<CheckRule>& rules_;
  ProbeTarget target_;
  Speaks speaks_;
  Instant started_;
  bool drain_on_404_ = false;
  std::string state_;

  ProbeTarget here_;  // of the connection
  std::unique_ptr<ProbeSocket> socket_;
  std::unique_ptr<Reply> reply_;  // since the last request
  bool must_read_ = true;
  CheckResult final_;  // if no rule follows
  std::string warning_;
  std::array<char, 4096> buffer_;
};

}  // namespace

asio::awaitable<CheckResult> probe_tcp(config::TcpCheck check, ProbeTarget target) {
  if (check.rules.empty()) {
    check.rules.push_back({.act = ConnectRule{.defaults = true, .implicit = true}});
  }
  Dialogue dialogue(co_await asio::this_coro::executor, check.rules, std::move(target),
                    Speaks::Tcp);
  co_return co_await dialogue.run();
}

asio::awaitable<CheckResult> probe_http(config::HttpCheck check, ProbeTarget target,
                                        std::string state) {
  Dialogue dialogue(co_await asio::this_coro::executor, check.rules, std::move(target),
                    Speaks::Http);
  if (check.disable_on_404) dialogue.drain_on_404();
  if (check.send_state) dialogue.tell_state(std::move(state));
  co_return co_await dialogue.run();
}

}  // namespace carpool
