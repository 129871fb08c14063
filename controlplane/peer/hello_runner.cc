#include "controlplane/peer/hello_runner.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <future>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "controlplane/mirror/crypto.h"
#include "controlplane/peer/hello_frame.h"
#include "dataplane/abi/limits.h"

namespace carpool::hello {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPeerLink = 0;
// So many looks per interval.
constexpr int kLooks = 2;
// Beyond the fence, so that the worker is what ends the hellos of a dead control plane.
constexpr Duration kBeyondFence = 200ms;
constexpr Duration kPublishEvery = 50ms;
constexpr Duration kMinute = 60s;
constexpr int kDatagramsPerTurn = 64;
constexpr int kGoodbyes = 3;  // one may be lost
// Above all of normal priority, below the kernel's own threads (migration, watchdogs: 99).
constexpr int kRealTimePriority = 20;

// Says what became of it.
std::string run_in_real_time(pthread_t thread) {
  sched_param parameters{};
  parameters.sched_priority = kRealTimePriority;
  const int error = pthread_setschedparam(thread, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters);
  if (error == 0) return "real-time";
  return fmt::format(
      "normal, as real-time is not allowed ({}): give carpoold CAP_SYS_NICE, or a "
      "limit RTPRIO of {} or more",
      std::strerror(error), kRealTimePriority);
}

Duration shortest_interval(const SessionSettings& settings) {
  std::chrono::milliseconds shortest = 1s;
  for (const LinkSettings& link : settings.links)
    shortest = std::min(shortest, link.interval);
  return shortest;
}

}  // namespace

// ---- Start and end ------------------------------------------------------------------------------

Result<std::unique_ptr<Runner>> Runner::start(RunnerSettings settings, Notify notify) {
  if (auto works = mirror::check_crypto(); !works) return std::unexpected(works.error());
  std::array<std::uint64_t, 2> random;
  if (getrandom(random.data(), sizeof random, 0) != sizeof random) {
    return fail(fmt::format("no random bits for hellos: {}", std::strerror(errno)));
  }
  auto socket = Socket::open(settings.local, settings.peer);
  if (!socket) return std::unexpected(socket.error());
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) return fail(fmt::format("no eventfd for hellos: {}", std::strerror(errno)));
  return std::unique_ptr<Runner>(new Runner(std::move(*socket), std::move(settings),
                                            Life(random[0]), Challenge(random[1]), wake_fd,
                                            std::move(notify)));
}

Runner::Runner(Socket socket, RunnerSettings settings, Life life, Challenge first, int wake_fd,
               Notify notify)
    : socket_(std::move(socket)),
      keys_(std::move(settings.keys)),
      session_(life, first),
      notify_(std::move(notify)),
      wake_fd_(wake_fd) {
  // Signals are for the main thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "hello");
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

void Runner::configure(SessionSettings settings, std::vector<DataLink> data_links) {
  post([this, settings = std::move(settings), data_links = std::move(data_links)]() mutable {
    session_.configure(std::move(settings));
    data_links_ = std::move(data_links);
    prepared_until_.assign(data_links_.size(), Instant{});
  });
}

void Runner::set_keys(std::vector<Key> keys) {
  post([this, keys = std::move(keys)]() mutable { keys_ = std::move(keys); });
}

// A peer that waits for them to go should not have to wait for the next hello.
void Runner::set_claims(std::vector<GroupId> claims) {
  post([this, claims = std::move(claims)]() mutable {
    session_.set_claims(std::move(claims));
    next_to_peer_ = Instant{};
  });
}

void Runner::attach(const abi::Region& region) {
  post([this, &region] {
    Attachment attachment{
        .region = &region,
        .out = abi::RingProducer<abi::AdvertFrame>(region.hellos_out()),
        .in = {},
        .heartbeats = {},
        .lead = std::chrono::milliseconds(region.header().fence_ms) + kBeyondFence};
    for (std::uint32_t worker = 0; worker < region.workers(); ++worker)
      attachment.in.emplace_back(region.hellos_in(worker));
    attachment.heartbeats.resize(region.workers());
    attachment_ = std::move(attachment);
    std::ranges::fill(prepared_until_, Instant{});
  });
}

void Runner::detach() {
  std::promise<void> done;
  post([this, &done] {
    attachment_.reset();
    done.set_value();
  });
  done.get_future().wait();
}

Snapshot Runner::snapshot() const {
  const std::lock_guard lock(snapshot_mutex_);
  return snapshot_;
}

// ---- The thread ---------------------------------------------------------------------------------

void Runner::run() {
  priority_ = run_in_real_time(pthread_self());
  while (!stopping_) {
    const Instant now = monotonic_now();
    if (wake_at_ != Instant{}) latest_turn_ = std::max<Duration>(latest_turn_, now - wake_at_);
    run_tasks();
    receive();
    receive_from_workers();
    look(now);
    send_to_peer(now);
    prepare(now);
    publish(now);
    const Duration rest = shortest_interval(session_.settings()) / kLooks;
    wake_at_ = monotonic_now() + (leave_wakes_ ? std::min<Duration>(rest, 1ms) : rest);
    wait();
  }
  std::array<std::uint8_t, kMaxMessageBytes> bytes;
  for (int time = 0; time < kGoodbyes; ++time)
    socket_.send(encode(session_.goodbye(), keys_.back(), bytes));
}

// Whoever holds the lock may have lost the processor to somebody else; the next turn is near.
void Runner::run_tasks() {
  std::vector<Task> tasks;
  {
    const std::unique_lock lock(tasks_mutex_, std::try_to_lock);
    leave_wakes_ = !lock.owns_lock();
    if (leave_wakes_) return;
    std::uint64_t wakes = 0;
    static_cast<void>(!read(wake_fd_, &wakes, sizeof wakes));  // only to quieten it
    tasks.swap(tasks_);
  }
  for (const Task& task : tasks)
    task();
}

void Runner::receive() {
  for (int count = 0; count < kDatagramsPerTurn; ++count) {
    const auto datagram = socket_.receive();
    leave_datagrams_ = datagram.has_value();
    if (!datagram) return;
    if (datagram->from_peer) {
      hear(kPeerLink, datagram->bytes, datagram->sender);
    } else {
      ++dropped_[static_cast<std::size_t>(Drop::foreign_sender)];
    }
  }
}

void Runner::receive_from_workers() {
  if (!attachment_) return;
  std::array<abi::AdvertFrame, 16> frames;
  for (auto& ring : attachment_->in) {
    const std::uint32_t count = ring.pop(frames);
    for (const abi::AdvertFrame& frame : std::span(frames).first(count)) {
      const auto length = std::min<std::size_t>(frame.length, sizeof frame.bytes);
      const auto parsed = parse_frame(std::span(frame.bytes).first(length));
      const auto link = std::ranges::find(data_links_, frame.port, &DataLink::port);
      if (!parsed || link == data_links_.end()) {
        ++dropped_[static_cast<std::size_t>(parsed ? Drop::wrong_link : Drop::not_a_frame)];
        continue;
      }
      hear(1 + static_cast<std::size_t>(link - data_links_.begin()), parsed->message,
           parsed->source);
    }
  }
}

void Runner::hear(std::size_t link, std::span<const std::uint8_t> bytes, Ipv4Address source) {
  const auto message = decode(bytes, keys_);
  const auto drop = message ? session_.hear(link, *message, source) : message.error();
  if (drop) ++dropped_[static_cast<std::size_t>(*drop)];
}

// Hellos that wait in the queue of a worker that does not run are no silence of the peer.
bool Runner::workers_ran() {
  if (!attachment_) return false;
  bool all = true;
  for (std::uint32_t worker = 0; worker < attachment_->heartbeats.size(); ++worker) {
    const auto heartbeat =
        attachment_->region->status(worker).heartbeat.load(std::memory_order_relaxed);
    all &= std::exchange(attachment_->heartbeats[worker], heartbeat) != heartbeat;
  }
  return all;
}

void Runner::look(Instant now) {
  events_.clear();
  session_.look(now, workers_ran(), events_);
  for (const Event& event : events_)
    notify_(event);
}

void Runner::send_to_peer(Instant now) {
  if (now < next_to_peer_) return;
  const Duration interval = session_.settings().links[kPeerLink].interval;
  // In step, unless it was late by a whole interval.
  next_to_peer_ = std::max(next_to_peer_ + interval, now + interval / 2);
  std::array<std::uint8_t, kMaxMessageBytes> bytes;
  socket_.send(encode(session_.next(kPeerLink), keys_.back(), bytes));
}

// In the order of their times, as the ring is one for all links.
void Runner::prepare(Instant now) {
  if (!attachment_) return;
  const Instant horizon = now + attachment_->lead;
  while (true) {
    const auto next = std::ranges::min_element(prepared_until_);
    if (next == prepared_until_.end() || *next >= horizon) return;
    const auto link = static_cast<std::size_t>(next - prepared_until_.begin());
    const Instant at = std::max(*next, now);
    if (!prepare_one(link, at)) return;
    *next = at + session_.settings().links[link + 1].interval;
  }
}

bool Runner::prepare_one(std::size_t link, Instant at) {
  const DataLink& way = data_links_[link];
  std::array<std::uint8_t, kMaxMessageBytes> bytes;
  const auto built =
      build_frame(way.mac, way.source, encode(session_.next(link + 1), keys_.back(), bytes));
  abi::AdvertFrame frame;
  frame.time_ns = to_ns(at);
  frame.port = way.port;
  frame.length = static_cast<std::uint16_t>(built.size());
  std::ranges::copy(built, frame.bytes);
  if (attachment_->out.push(frame)) return true;
  ++not_taken_;
  return false;
}

void Runner::publish(Instant now) {
  if (now >= minute_ends_) {
    minute_ends_ = now + kMinute;
    latest_turn_before_ = std::exchange(latest_turn_, Duration::zero());
  }
  if (now < next_publication_ && events_.empty()) return;
  const std::unique_lock lock(snapshot_mutex_, std::try_to_lock);
  if (!lock) return;
  next_publication_ = now + kPublishEvery;
  snapshot_ = {.has_peer = session_.has_peer(),
               .peer_ended = session_.peer_ended(),
               .links = session_.links(),
               .dropped = dropped_,
               .priority = priority_,
               .latest_turn = std::max(latest_turn_, latest_turn_before_),
               .not_taken = not_taken_};
}

// What could not be taken, or is more than anybody should send, must not make this thread turn
// without rest: nothing of normal priority would run beside it. (poll(2) ignores negative fds.)
void Runner::wait() const {
  std::array<pollfd, 2> fds = {{{leave_wakes_ ? -1 : wake_fd_, POLLIN, 0},
                                {leave_datagrams_ ? -1 : socket_.fd(), POLLIN, 0}}};
  const Duration left = std::max(wake_at_ - monotonic_now(), Duration::zero());
  const timespec timeout{0, static_cast<long>(left.count())};
  ppoll(fds.data(), fds.size(), &timeout, nullptr);
}

}  // namespace carpool::hello
