#include "tools/probe/server.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <list>
#include <optional>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "tools/probe/answer_cache.h"
#include "tools/probe/answers.h"
#include "tools/probe/cat.h"
#include "tools/probe/check_thread.h"
#include "tools/probe/down_file.h"
#include "tools/probe/service_manager.h"
#include "tools/probe/wait.h"

namespace carpool::probe {
namespace {

using Phase = Connection::Phase;

// When accept() fails for want of descriptors it would do so at once, every time.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
// A reason that changes while the state does not, such as a growing lag, is logged this often.
constexpr auto kNoteInterval = std::chrono::seconds(30);
// A pass through the loop takes at most this many new clients per listener.
constexpr int kAcceptBatch = 16;

class Server {
 public:
  Server(const ServerSettings& settings, std::vector<Listener> listeners, int stop_fd)
      : settings_(settings),
        listeners_(std::move(listeners)),
        stop_fd_(stop_fd),
        cache_(settings.cache, settings.timeout + kGrace),
        watchdog_(watchdog_interval()) {}

  void run();

 private:
  void wait();
  void accept_from(const Listener& listener, Instant now);
  void serve_ready_clients(Instant now);
  void keep_deadlines(Instant now);
  void answer_waiting(Instant now);
  void answer_all(const Verdict& verdict, Instant now);
  void say_to_all(const Verdict& verdict, Instant now);
  [[nodiscard]] std::optional<Verdict> operators_word() const;
  void ping_watchdog(Instant now);
  [[nodiscard]] Instant next_deadline(Instant now) const;
  [[nodiscard]] bool any_waiting() const;
  [[nodiscard]] std::string words(const Connection& client, const Verdict& verdict,
                                  Instant now) const;
  void note(const Verdict& verdict, Instant now);

  const ServerSettings& settings_;
  std::vector<Listener> listeners_;
  int stop_fd_;
  std::list<Connection> clients_{};  // the oldest first
  AnswerCache cache_;
  CheckThread thread_{};
  Instant accept_again_{};
  std::optional<Duration> watchdog_;
  Instant next_ping_{};
  std::optional<Verdict> last_{};              // that was said
  Instant noted_{};                            // when the log last heard of it
  std::optional<Instant> recovered_{};         // when `drain` or `maint` ended
  std::vector<pollfd> polled_{};               // stop, check, listeners, clients
  std::vector<Connection*> polled_clients_{};  // the clients of the last entries of polled_
  bool ending_ = false;
};

void Server::run() {
  while (!ending_) {
    wait();
    const auto now = monotonic_now();
    ending_ = polled_[0].revents != 0;
    if (auto verdict = thread_.take()) {
      cache_.finished(std::move(*verdict), now);
      // Those who waited for it, however short it is kept for others.
      answer_all(cache_.answer(), now);
    }
    // Before the new ones, whose descriptors may be those of clients that go.
    serve_ready_clients(now);
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
      if (polled_[2 + i].revents != 0) accept_from(listeners_[i], now);
    }
    keep_deadlines(now);
    answer_waiting(now);
    std::erase_if(clients_, [](const Connection& c) { return c.phase() == Phase::Done; });
    ping_watchdog(now);
  }
}

void Server::wait() {
  const auto now = monotonic_now();
  polled_.clear();
  polled_clients_.clear();
  polled_.push_back({.fd = stop_fd_, .events = POLLIN, .revents = 0});
  polled_.push_back({.fd = thread_.fd(), .events = POLLIN, .revents = 0});
  const bool pausing = now < accept_again_;
  for (const Listener& listener : listeners_) {
    polled_.push_back({.fd = pausing ? -1 : listener.fd.get(), .events = POLLIN, .revents = 0});
  }
  for (Connection& client : clients_) {
    polled_.push_back({.fd = client.fd(), .events = client.events(), .revents = 0});
    polled_clients_.push_back(&client);
  }
  // An interrupted wait is one that has ended: revents are all zero then.
  (void)::poll(polled_.data(), polled_.size(), poll_timeout_ms(now, next_deadline(now)));
}

Instant Server::next_deadline(Instant now) const {
  auto next = now + std::chrono::hours(1);
  for (const Connection& client : clients_) {
    if (client.phase() != Phase::Waiting) next = std::min(next, client.deadline());
  }
  if (const auto overdue = cache_.overdue_at()) next = std::min(next, *overdue);
  if (now < accept_again_) next = std::min(next, accept_again_);
  return watchdog_ ? std::min(next, next_ping_) : next;
}

void Server::accept_from(const Listener& listener, Instant now) {
  for (int i = 0; i < kAcceptBatch; ++i) {
    Fd fd(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        accept_again_ = now + kAcceptPause;
      }
      return;
    }
    if (clients_.size() == kMaxClients) clients_.pop_front();
    clients_.emplace_back(std::move(fd), listener.protocol, now);
  }
}

void Server::serve_ready_clients(Instant now) {
  const std::size_t first = polled_.size() - polled_clients_.size();
  for (std::size_t i = 0; i < polled_clients_.size(); ++i) {
    if (polled_[first + i].revents != 0) polled_clients_[i]->on_ready(now);
  }
}

void Server::keep_deadlines(Instant now) {
  for (Connection& client : clients_) {
    const bool ours = client.phase() != Phase::Waiting && client.phase() != Phase::Done;
    if (ours && now >= client.deadline()) client.on_deadline(now);
  }
  if (const auto overdue = cache_.overdue_at(); overdue && now >= *overdue) cache_.overdue();
}

bool Server::any_waiting() const {
  return std::ranges::any_of(clients_,
                             [](const Connection& c) { return c.phase() == Phase::Waiting; });
}

void Server::answer_waiting(Instant now) {
  if (!any_waiting()) return;
  // An operator's word needs no check, and holds also while one hangs.
  if (const auto word = operators_word()) return say_to_all(*word, now);
  switch (cache_.ask(now)) {
    case AnswerCache::Ask::Answered:
      say_to_all(cache_.answer(), now);
      break;
    case AnswerCache::Ask::StartCheck:
      thread_.start(settings_.check, now + settings_.timeout);
      break;
    case AnswerCache::Ask::Wait:
      break;
  }
}

// The down file is looked at each time: it holds from the next answer on.
std::optional<Verdict> Server::operators_word() const {
  return settings_.down_file.empty() ? std::nullopt : read_down_file(settings_.down_file);
}

void Server::answer_all(const Verdict& verdict, Instant now) {
  if (any_waiting()) say_to_all(operators_word().value_or(verdict), now);
}

void Server::say_to_all(const Verdict& verdict, Instant now) {
  note(verdict, now);
  for (Connection& client : clients_) {
    if (client.phase() == Phase::Waiting) client.answer(words(client, verdict, now), now);
  }
}

std::string Server::words(const Connection& client, const Verdict& verdict, Instant now) const {
  if (client.protocol() == Protocol::Http) return http_answer(client.request(), verdict);
  const bool recovered = recovered_ && now - *recovered_ < kReadyTime;
  return agent_answer(verdict, settings_.weight, recovered);
}

// Says a change where a log reads it.
void Server::note(const Verdict& verdict, Instant now) {
  const auto is_admin = [](State state) { return state == State::Drain || state == State::Maint; };
  if (last_ && is_admin(last_->state) && !is_admin(verdict.state)) recovered_ = now;
  const bool changed = !last_ || last_->state != verdict.state;
  if (changed || (last_->reason != verdict.reason && now - noted_ >= kNoteInterval)) {
    const auto line = cat(name(verdict.state), ": ", verdict.reason);
    std::fputs(cat("carpool-probe: ", line, "\n").c_str(), stderr);
    notify_service_manager("STATUS=" + line);
    noted_ = now;
  }
  last_ = verdict;
}

void Server::ping_watchdog(Instant now) {
  if (!watchdog_ || now < next_ping_) return;
  notify_service_manager("WATCHDOG=1");
  next_ping_ = now + *watchdog_;
}

}  // namespace

void serve(const ServerSettings& settings, std::vector<Listener> listeners, int stop_fd) {
  Server server(settings, std::move(listeners), stop_fd);
  notify_service_manager("READY=1");
  server.run();
  notify_service_manager("STOPPING=1");
}

}  // namespace carpool::probe
