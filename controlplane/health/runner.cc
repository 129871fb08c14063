#include "controlplane/health/runner.h"

#include <exception>
#include <map>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "controlplane/health/probe.h"

namespace carpool {
namespace {

namespace asio = boost::asio;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// What one server's coroutine and the runner share.
struct Watched {
  Watched(asio::io_context& io, ServerKey server) : key(std::move(server)), timer(io) {}

  // Ends a sleep, so that `due` and `stopped` are looked at again.
  void wake() { timer.cancel(); }
  // A probe under way goes on to its own end, within its timeouts, but nobody looks at its result.
  // Asio's way to cancel a coroutine is no good here: asked from outside the event loop, it cancels
  // later, when the coroutine may have ended and its cancellation signal with it.
  void stop() {
    stopped = true;
    wake();
  }

  ServerKey key;
  std::optional<CheckPlan> plan{};  // none: no check, and no coroutine
  ServerHealth health{};
  Instant due{};  // of the next check
  bool probing = false;
  bool paused = false;
  bool stopped = false;
  asio::steady_timer timer;
};
using WatchedPtr = std::shared_ptr<Watched>;

// Counts the open probes.
class Gate {
 public:
  Gate(asio::io_context& io, std::size_t limit)
      : freed_(io, asio::steady_timer::time_point::max()), limit_(limit) {}

  asio::awaitable<void> enter(const Watched& watched) {
    while (open_ >= limit_ && !watched.stopped)
      co_await freed_.async_wait(kAwait);
    ++open_;
  }
  void leave() {
    --open_;
    freed_.cancel();  // wakes all who wait; the first one enters
  }

 private:
  asio::steady_timer freed_;
  std::size_t limit_;
  std::size_t open_ = 0;
};

asio::awaitable<void> sleep_until_due(Watched& watched) {
  while (!watched.stopped && (watched.paused || monotonic_now() < watched.due)) {
    watched.timer.expires_at(watched.paused ? Instant::max() : watched.due);
    co_await watched.timer.async_wait(kAwait);
  }
}

ServerSnapshot snapshot_of(const Watched& watched) {
  ServerSnapshot snapshot{.key = watched.key,
                          .settings = {},
                          .health = watched.health,
                          .probing = watched.probing,
                          .paused = watched.paused};
  if (watched.plan) snapshot.settings = watched.plan->settings;
  return snapshot;
}

}  // namespace

// Held by the coroutines too, which may end a little later than the runner.
struct HealthRunner::Core : std::enable_shared_from_this<Core> {
  Core(asio::io_context& context, std::size_t max_open_probes)
      : io(context), gate(context, max_open_probes) {}

  asio::awaitable<void> watch(WatchedPtr watched);
  void finish(Watched& watched, CheckResult result);
  void start(const WatchedPtr& watched, ServerPlan plan, Instant first);
  [[nodiscard]] bool adopt(Watched& watched, const ServerPlan& plan);
  void set_paused(Watched& watched, bool paused);

  asio::io_context& io;
  Gate gate;
  OnChange on_change;
  std::map<ServerKey, WatchedPtr> servers;
  std::vector<ServerKey> order;
};

asio::awaitable<void> HealthRunner::Core::watch(WatchedPtr watched) {
  while (!watched->stopped) {
    co_await sleep_until_due(*watched);
    if (watched->stopped) break;
    co_await gate.enter(*watched);
    // It may have waited long enough to be paused meanwhile.
    if (!watched->stopped && !watched->paused) {
      watched->probing = true;
      auto result = co_await probe(*watched->plan);
      watched->probing = false;
      gate.leave();
      if (!watched->stopped && !watched->paused) finish(*watched, std::move(result));
    } else {
      gate.leave();
    }
  }
}

void HealthRunner::Core::finish(Watched& watched, CheckResult result) {
  const Instant now = monotonic_now();
  const auto outcome = step(watched.health, watched.plan->settings, std::move(result), now);
  watched.health = outcome.next;
  watched.due = now + outcome.next_interval;
  if (on_change) {
    on_change(watched.key, outcome.next, outcome.transition ? &*outcome.transition : nullptr);
  }
}

void HealthRunner::Core::start(const WatchedPtr& watched, ServerPlan plan, Instant first) {
  watched->plan = std::move(plan.check);
  if (!watched->plan) {
    watched->health = unchecked_health(monotonic_now());
    return;
  }
  watched->health = initial_health(watched->plan->settings, monotonic_now());
  watched->paused = watched->plan->paused;
  watched->due = first;
  asio::co_spawn(io, watch(watched), [core = shared_from_this()](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
}

// Whether the server goes on under the new plan with what is known of it. Whether it is paused is
// left to the caller, since that may call back.
bool HealthRunner::Core::adopt(Watched& watched, const ServerPlan& plan) {
  if (watched.plan.has_value() != plan.check.has_value()) return false;
  if (!plan.check) return true;
  if (!watched.plan->asks_the_same(*plan.check)) return false;
  const auto before = std::exchange(*watched.plan, *plan.check);
  const auto& after = *watched.plan;
  watched.health = carry_over(watched.health, before.settings, after.settings);
  if (before.settings != after.settings) {
    watched.due = std::min(watched.due, monotonic_now() + interval(watched.health, after.settings));
    watched.wake();
  }
  return true;
}

void HealthRunner::Core::set_paused(Watched& watched, bool paused) {
  if (!watched.plan || watched.paused == paused) return;
  watched.paused = paused;
  if (paused) return;
  const auto before = watched.health;
  const Instant now = monotonic_now();
  watched.due = now;
  watched.wake();
  watched.health.health = watched.plan->settings.rise;
  watched.health.up = true;
  watched.health.stopping = false;
  if (before.takes_new_connections()) return;
  if (!before.up) watched.health.finished_downtime += now - before.since;
  watched.health.since = now;
  const auto transition = Transition::Up;
  if (on_change) on_change(watched.key, ServerHealth(watched.health), &transition);
}

HealthRunner::HealthRunner(asio::io_context& io, std::size_t max_open_probes)
    : core_(std::make_shared<Core>(io, max_open_probes)) {}

HealthRunner::~HealthRunner() {
  core_->on_change = nullptr;
  for (const auto& [key, watched] : core_->servers)
    watched->stop();
}

void HealthRunner::set_on_change(OnChange callback) {
  core_->on_change = std::move(callback);
}

void HealthRunner::apply(const config::Config& config) {
  const auto plans = plan_checks(config);
  const auto starts = spread_starts(plans);
  const Instant now = monotonic_now();
  auto before = std::exchange(core_->servers, {});
  std::vector<WatchedPtr> toggled;
  core_->order.clear();
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const auto& key = plans[i].key;
    core_->order.push_back(key);
    const auto old = before.find(key);
    const bool was_paused = old != before.end() && old->second->plan && old->second->plan->paused;
    if (old != before.end() && core_->adopt(*old->second, plans[i])) {
      // Only a change of the configuration overrides what an operator has said since.
      if (plans[i].check && plans[i].check->paused != was_paused) toggled.push_back(old->second);
      core_->servers.insert(before.extract(old));
      continue;
    }
    const auto& fresh = core_->servers[key] = std::make_shared<Watched>(core_->io, key);
    core_->start(fresh, plans[i], now + starts[i]);
  }
  for (const auto& [key, watched] : before)
    watched->stop();
  for (const auto& watched : toggled)
    core_->set_paused(*watched, watched->plan->paused);
}

void HealthRunner::set_paused(const ServerKey& key, bool paused) {
  const auto at = core_->servers.find(key);
  if (at != core_->servers.end()) core_->set_paused(*at->second, paused);
}

std::vector<ServerSnapshot> HealthRunner::snapshot() const {
  std::vector<ServerSnapshot> snapshots;
  for (const auto& key : core_->order)
    snapshots.push_back(snapshot_of(*core_->servers.at(key)));
  return snapshots;
}

std::optional<ServerSnapshot> HealthRunner::find(const ServerKey& key) const {
  const auto at = core_->servers.find(key);
  if (at == core_->servers.end()) return std::nullopt;
  return snapshot_of(*at->second);
}

}  // namespace carpool
