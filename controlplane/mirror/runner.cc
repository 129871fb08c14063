#include "controlplane/mirror/runner.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <future>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "controlplane/mirror/crypto.h"

namespace carpool::mirror {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTurn = 1ms;
constexpr Duration kIdleTurn = 5ms;
constexpr Duration kStayActive = 100ms;
constexpr int kBatchesPerTurn = 32;

}  // namespace

std::optional<RunnerSettings> runner_settings(const config::Config& config) {
  const auto& others = config.other_nodes;
  const auto other =
      std::ranges::find_if(others, [](const config::Node& node) { return node.peer.has_value(); });
  if (!config.node.peer || other == others.end() || config.global.peer_keys.empty()) {
    return std::nullopt;
  }
  RunnerSettings settings{*config.node.peer, *other->peer, {}, {}};
  for (const config::PeerKey& key : config.global.peer_keys)
    settings.keys.push_back({key.id, key.secret});
  return settings;
}

Result<std::unique_ptr<Runner>> Runner::start(const RunnerSettings& settings, Notify notify) {
  if (auto works = check_crypto(); !works) return std::unexpected(works.error());
  Session::Start start;
  if (getrandom(start.data(), start.size(), 0) != static_cast<ssize_t>(start.size())) {
    return fail(fmt::format("no random bits for mirroring: {}", std::strerror(errno)));
  }
  auto socket = Socket::open(settings.local, settings.peer);
  if (!socket) return std::unexpected(socket.error());
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) return fail(fmt::format("no eventfd for mirroring: {}", std::strerror(errno)));
  return std::unique_ptr<Runner>(
      new Runner(std::move(*socket), settings, start, wake_fd, std::move(notify)));
}

Runner::Runner(Socket socket, const RunnerSettings& settings, const Session::Start& start,
               int wake_fd, Notify notify)
    : socket_(std::move(socket)),
      session_(settings.keys, start, settings.timing),
      notify_(std::move(notify)),
      key_id_(settings.keys.back().id),
      state_since_(monotonic_now()),
      local_port_(socket_.local_port()),
      wake_fd_(wake_fd) {
  snapshot_.since = state_since_;
  // Signals are for the main thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "mirror");
}

Runner::~Runner() {
  stopping_ = true;
  post([] {});
  thread_.join();
  close(wake_fd_);
}

// ---- From other threads -------------------------------------------------------------------------

void Runner::post(Task task) {
  {
    const std::lock_guard lock(tasks_mutex_);
    tasks_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  static_cast<void>(!write(wake_fd_, &one, sizeof one));  // fails only if it is awake anyway
}

void Runner::attach(std::vector<RingPair> rings) {
  post([this, rings = std::move(rings)] {
    rings_ = WorkerRings(rings);
    session_.set_workers(rings_.workers());
  });
}

void Runner::detach() {
  std::promise<void> done;
  post([this, &done] {
    rings_ = WorkerRings();
    session_.set_workers(0);
    session_.set_paused(false);
    done.set_value();
  });
  done.get_future().wait();
}

void Runner::set_keys(std::vector<PreSharedKey> keys) {
  post([this, keys = std::move(keys)] {
    key_id_ = keys.back().id;
    session_.set_keys(keys);
  });
}

// What is in the rings was meant with the names before.
void Runner::set_names(Names names) {
  post([this, names = std::move(names)] {
    const Instant now = monotonic_now();
    rings_.fetch([&](std::uint32_t worker, auto records) { session_.add(worker, records, now); },
                 [] { return true; });
    session_.set_names(names, now);
  });
}

void Runner::set_status(NodeStatus status) {
  post([this, status = std::move(status)]() mutable { session_.set_status(std::move(status)); });
}

void Runner::change_views(std::vector<ServerView> changed) {
  post([this, changed = std::move(changed)]() mutable {
    session_.change_views(std::move(changed), monotonic_now());
  });
}

void Runner::add_gap(std::uint64_t lost) {
  post([this, lost] { session_.add_gap(lost); });
}

void Runner::request_bulk() {
  post([this] { session_.request_bulk(); });
}

void Runner::ask(RequestItem request) {
  post([this, request = std::move(request)] { session_.ask(request, monotonic_now()); });
}

void Runner::answer(AnswerItem answer) {
  post([this, answer = std::move(answer)] { session_.answer(answer, monotonic_now()); });
}

Snapshot Runner::snapshot() const {
  const std::lock_guard lock(snapshot_mutex_);
  return snapshot_;
}

// ---- The thread ---------------------------------------------------------------------------------

void Runner::run() {
  while (!stopping_) {
    const Instant now = monotonic_now();
    run_tasks();
    if (turn(now)) active_until_ = now + kStayActive;
    publish(now);
    wait(now, now < active_until_);
  }
}

// What has arrived comes first: a thread that was kept waiting must not take a datagram that waits
// in the socket for silence. Returns whether there was something to carry.
bool Runner::turn(Instant now) {
  const std::uint64_t before = session_.counters().records_in + session_.counters().records_out;
  receive(now);
  rings_.push_waiting();
  session_.set_paused(rings_.congested());
  rings_.fetch([&](std::uint32_t worker, auto records) { session_.add(worker, records, now); },
               [&] { return session_.wants_records(); });
  session_.tick(now, output_);
  session_.flush(now, output_);
  carry_out(now);
  return session_.counters().records_in + session_.counters().records_out != before ||
         session_.sender().items() > 0;
}

void Runner::run_tasks() {
  std::uint64_t wakes = 0;
  static_cast<void>(!read(wake_fd_, &wakes, sizeof wakes));  // only to quieten it
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(tasks_mutex_);
    tasks.swap(tasks_);
  }
  for (const Task& task : tasks)
    task();
}

void Runner::receive(Instant now) {
  for (int batch = 0; batch < kBatchesPerTurn; ++batch) {
    const auto arrived = socket_.receive();
    for (const Socket::Received& datagram : arrived) {
      if (datagram.from_peer) {
        session_.receive(datagram.bytes, now, output_);
      } else {
        ++session_.counters().drops(DropReason::foreign_sender);
      }
    }
    carry_out(now);
    session_.set_paused(rings_.congested());
    if (arrived.size() < Socket::kBatch) return;
  }
}

void Runner::carry_out(Instant now) {
  rings_.put(output_.records);
  output_.records.clear();
  // Those that the kernel does not take are lost like those that the wire loses.
  const std::size_t sent = socket_.send(output_.datagrams);
  session_.counters().send_errors += output_.datagrams.size() - sent;
  output_.datagrams.clear();
  if (output_.events.empty()) return;
  // Whoever is told of an event and looks at the snapshot should see it there.
  next_publication_ = now;
  publish(now);
  for (const SessionEvent& event : output_.events)
    notify_(event);
  output_.events.clear();
}

void Runner::publish(Instant now) {
  if (session_.state() != last_state_) {
    last_state_ = session_.state();
    state_since_ = next_publication_ = now;
  }
  if (now < next_publication_) return;
  next_publication_ = now + kPublishEvery;
  const auto oldest = session_.sender().oldest();
  const InboundBulk& bulk = session_.inbound();
  Snapshot snapshot{
      .state = last_state_,
      .since = state_since_,
      .heard = session_.heard(),
      .peer = session_.peer().value_or(NodeStatus{}),
      .digests_differ = session_.digests_differ(),
      .key_id = key_id_,
      .peer_key_id = session_.peer_key_id(),
      .lag_records = session_.sender().unacknowledged_records(),
      .lag = oldest ? now - *oldest : Duration::zero(),
      .window = session_.sender().window(),
      .inbound = bulk.state(),
      .inbound_began = bulk.began(),
      .inbound_took = bulk.took(),
      .inbound_records = bulk.records(),
      .inbound_failure = bulk.failure(),
      .outbound = session_.outbound().state(),
      .peer_views = session_.peer_views(),
      .unknown = session_.unknown(),
      .counters = session_.counters(),
  };
  snapshot.counters.retransmitted += session_.sender().retransmissions();
  const std::lock_guard lock(snapshot_mutex_);
  snapshot_ = std::move(snapshot);
}

// While records flow, datagrams are left to gather for a turn: a system call for each would cost
// more than the delay.
void Runner::wait(Instant now, bool active) const {
  std::array<pollfd, 2> fds = {{{wake_fd_, POLLIN, 0}, {socket_.fd(), POLLIN, 0}}};
  const Duration longest = active ? kTurn : kIdleTurn;
  const Duration left = std::clamp(now + longest - monotonic_now(), Duration::zero(), longest);
  const timespec timeout{0, static_cast<long>(left.count())};
  ppoll(fds.data(), active ? 1 : 2, &timeout, nullptr);
}

}  // namespace carpool::mirror
