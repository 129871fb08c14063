#include "controlplane/health/runner.h"

#include <algorithm>
#include <exception>
#include <map>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "controlplane/health/health_log.h"
#include "controlplane/health/probe.h"
#include "controlplane/health/probe_agent.h"
#include "controlplane/health/probe_gate.h"
#include "controlplane/health/tls_context.h"

namespace carpool {
namespace {

namespace asio = boost::asio;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// When one of a server's coroutines has something to do next.
struct Pace {
  explicit Pace(asio::io_context& io) : timer(io) {}

  // Ends a sleep, so that `due` and the server's state are looked at again.
  void wake() { timer.cancel(); }

  Instant due{};
  asio::steady_timer timer;
};

// What one server's coroutines and the runner share.
struct Watched {
  Watched(asio::io_context& io, ServerPlan server)
      : plan(std::move(server)), check(io), agent(io) {}

  [[nodiscard]] const ServerKey& key() const { return plan.key; }
  [[nodiscard]] std::optional<CheckSettings> settings() const {
    return plan.check ? std::optional(plan.check->settings) : std::nullopt;
  }
  [[nodiscard]] AdminMode mode() const {
    const auto leader = tracked.lock();
    return leader ? std::max(admin.mode, leader->mode()) : admin.mode;
  }
  [[nodiscard]] bool paused() const { return mode() == AdminMode::Maintenance; }

  // A probe under way goes on to its own end, within its timeouts, but nobody looks at its result.
  // Asio's way to cancel a coroutine is no good here: asked from outside the event loop, it cancels
  // later, when the coroutine may have ended and its cancellation signal with it.
  void stop() {
    stopped = true;
    followers.clear();
    check.wake();
    agent.wake();
  }

  ServerPlan plan;
  ServerHealth health{};
  AgentState agent_state{};
  AdminState admin{};
  ErrorStreak streak;
  std::uint64_t connections = 0;  // open now
  Pace check;
  Pace agent;
  bool probing = false;
  bool stopped = false;
  std::weak_ptr<Watched> tracked{};
  std::vector<std::shared_ptr<Watched>> followers{};  // who tracks this one
};
using WatchedPtr = std::shared_ptr<Watched>;

// Thousands of checks a second would each wake the process for itself; those that are due in the
// same two milliseconds begin together. No server gets more than one of them.
constexpr Duration kWakeGrid = std::chrono::milliseconds(2);

Instant next_wake(Instant due) {
  const Duration over = due.time_since_epoch() % kWakeGrid;
  return over == Duration::zero() ? due : due + (kWakeGrid - over);
}

asio::awaitable<void> sleep_until_due(const Watched& watched, Pace& pace, bool pausable) {
  while (!watched.stopped) {
    const bool paused = pausable && watched.paused();
    if (!paused && monotonic_now() >= pace.due) break;
    pace.timer.expires_at(paused ? Instant::max() : next_wake(pace.due));
    co_await pace.timer.async_wait(kAwait);
  }
}

// HAProxy's X-Haproxy-Server-State, without what only the data plane knows.
std::string state_of(const Watched& watched) {
  return status_text(watched.health, watched.settings()) + "; name=" + to_string(watched.key());
}

ProbeFacts facts_of(const Watched& watched) {
  ProbeFacts facts;
  facts.connections = watched.connections;
  if (tells_state(watched.plan.check->check)) facts.state = state_of(watched);
  return facts;
}

ServerSnapshot snapshot_of(const Watched& watched) {
  ServerSnapshot snapshot{.key = watched.key(),
                          .settings = watched.settings(),
                          .health = watched.health,
                          .probing = watched.probing,
                          .agent = {},
                          .admin = watched.admin,
                          .mode = watched.mode(),
                          .track = watched.plan.track,
                          .target = {}};
  if (watched.plan.agent) snapshot.agent = watched.agent_state;
  if (watched.plan.check) snapshot.target = watched.plan.check->target.endpoint;
  return snapshot;
}

ProbeGate::Lane lane_of(const Watched& watched) {
  return watched.health.up ? ProbeGate::Lane::Live : ProbeGate::Lane::Down;
}

ServerHealth first_health(const ServerPlan& plan, Instant now) {
  return plan.check ? initial_health(plan.check->settings, now, plan.check->init_state)
                    : unchecked_health(now);
}

}  // namespace

// Held by the coroutines too, which may end a little later than the runner.
struct HealthRunner::Core : std::enable_shared_from_this<Core> {
  Core(asio::io_context& context, std::size_t max_open_probes)
      : io(context), probes(context, max_open_probes), commands(context, kMaxOpenCommands) {}

  [[nodiscard]] ProbeGate& gate_of(const Watched& watched) {
    return std::holds_alternative<config::ExternalCheck>(watched.plan.check->check) ? commands
                                                                                    : probes;
  }

  // Coroutines.
  asio::awaitable<void> watch_check(WatchedPtr watched);
  asio::awaitable<void> watch_agent(WatchedPtr watched);
  void spawn(asio::awaitable<void> coroutine);

  // What is learned.
  void finish_check(Watched& watched, CheckResult result);
  void finish_agent(Watched& watched, const AgentAnswer& answer);
  void observe(Watched& watched, const TrafficEvents& events);
  void take(Watched& watched, const StepOutcome& outcome, ServerEvent event,
            const CheckResult& cause);
  void tell_followers(Watched& watched);

  // What is wanted.
  void set_mode(Watched& watched, AdminMode mode, AdminSource source);
  void mode_changed(Watched& watched, bool was_paused);
  void resume(Watched& watched);
  void say(const ServerEvent& event) const;

  // A new configuration.
  [[nodiscard]] WatchedPtr adopt(const WatchedPtr& old, ServerPlan plan);
  [[nodiscard]] WatchedPtr start(ServerPlan plan, Instant first_check, Instant first_agent);
  void recall(Watched& watched);
  void run(const WatchedPtr& watched);
  void connect_tracks();

  asio::io_context& io;
  ProbeGate probes;
  ProbeGate commands;  // of external checks: programs take more of a machine than connections
  OnEvent on_event;
  std::map<ServerKey, WatchedPtr> servers;
  std::vector<WatchedPtr> order;
  std::map<ServerKey, ServerSnapshot> remembered;
};

// ---- Coroutines --------------------------------------------------------------------------------

asio::awaitable<void> HealthRunner::Core::watch_check(WatchedPtr watched) {
  while (!watched->stopped) {
    co_await sleep_until_due(*watched, watched->check, /*pausable=*/true);
    if (watched->stopped) break;
    const auto lane = lane_of(*watched);
    ProbeGate& gate = gate_of(*watched);
    if (!gate.enter(lane)) co_await gate.wait_in_line(lane);
    // It may have waited long enough to be paused meanwhile.
    if (!watched->stopped && !watched->paused()) {
      watched->probing = true;
      auto facts = facts_of(*watched);
      auto result = co_await probe(*watched->plan.check, std::move(facts));
      watched->probing = false;
      gate.leave(lane);
      if (!watched->stopped && !watched->paused()) finish_check(*watched, std::move(result));
    } else {
      gate.leave(lane);
    }
  }
}

// Agents are asked in maintenance too: who else could say that it is over?
asio::awaitable<void> HealthRunner::Core::watch_agent(WatchedPtr watched) {
  while (!watched->stopped) {
    co_await sleep_until_due(*watched, watched->agent, /*pausable=*/false);
    if (watched->stopped) break;
    const auto lane = lane_of(*watched);
    if (!probes.enter(lane)) co_await probes.wait_in_line(lane);
    if (!watched->stopped) {
      const AgentPlan plan = *watched->plan.agent;
      const auto answer = co_await probe_agent(plan.send, plan.target, plan.timeouts);
      if (!watched->stopped) finish_agent(*watched, answer);
    }
    probes.leave(lane);
  }
}

void HealthRunner::Core::spawn(asio::awaitable<void> coroutine) {
  asio::co_spawn(io, std::move(coroutine),
                 [core = shared_from_this()](const std::exception_ptr& error) {
                   if (error) std::rethrow_exception(error);
                 });
}

// ---- What is learned ---------------------------------------------------------------------------

void HealthRunner::Core::finish_check(Watched& watched, CheckResult result) {
  const Instant now = monotonic_now();
  if (verdict(result.status) == CheckVerdict::Passed) watched.streak.clear();
  const auto outcome = step(watched.health, watched.plan.check->settings, std::move(result), now);
  watched.check.due = now + outcome.next_interval;
  ServerEvent event{watched.key(), watched.health, EventSource::Check};
  if (watched.plan.log_checks && outcome.counts) {
    event.log.push_back(check_line("Health", watched.plan, outcome.next.last, outcome.next));
  }
  take(watched, outcome, std::move(event), outcome.next.last);
}

void HealthRunner::Core::finish_agent(Watched& watched, const AgentAnswer& answer) {
  const Instant now = monotonic_now();
  watched.agent_state = step(watched.agent_state, answer);
  watched.agent.due = now + watched.plan.agent->inter;
  ServerEvent event{watched.key(), watched.health, EventSource::Agent};
  if (answer.reply) {
    auto [admin, complaint] = obey(watched.admin, *answer.reply, watched.plan.static_weights);
    if (!complaint.empty() && watched.agent_state.last.text.empty()) {
      watched.agent_state.last.text = printable("agent warns : " + complaint);
    }
    event.affects_forwarding =
        admin.weight != watched.admin.weight || admin.maxconn != watched.admin.maxconn;
    watched.admin.weight = admin.weight;
    watched.admin.maxconn = admin.maxconn;
    // First, so that a server that comes out of maintenance is up or down as it is said to be.
    set_mode(watched, admin.mode, AdminSource::Agent);
    if (watched.stopped) return;
  }
  const auto outcome = hear_agent(watched.health, watched.settings(), watched.agent_state.up, now);
  if (watched.plan.log_checks && outcome.counts) {
    event.log.push_back(check_line("Agent", watched.plan, watched.agent_state.last, outcome.next));
  }
  const CheckResult cause = watched.agent_state.last;
  take(watched, outcome, std::move(event), cause);
}

void HealthRunner::Core::observe(Watched& watched, const TrafficEvents& events) {
  watched.connections = events.active;
  if (!watched.plan.check || !watched.plan.check->observe.layer4 || watched.paused()) return;
  const config::Observation& wanted = watched.plan.check->observe;
  if (!watched.streak.add(events, wanted.error_limit)) return;
  const Instant now = monotonic_now();
  const std::string why =
      "Detected " + std::to_string(watched.streak.last_count()) +
      " consecutive errors, last one was: " +
      (events.refused > 0 ? "L4 refused connection" : "L4 unsuccessful connection");
  const auto outcome =
      adjust(watched.health, watched.plan.check->settings, wanted.on_error, why, now);
  watched.check.due = std::min(watched.check.due, now + outcome.next_interval);
  watched.check.wake();
  ServerEvent event{watched.key(), watched.health, EventSource::Traffic};
  if (watched.plan.log_checks && outcome.counts) {
    event.log.push_back(check_line("Health", watched.plan, outcome.next.last, outcome.next));
  }
  take(watched, outcome, std::move(event), outcome.next.last);
}

// `cause` is what the log says of a transition.
void HealthRunner::Core::take(Watched& watched, const StepOutcome& outcome, ServerEvent event,
                              const CheckResult& cause) {
  watched.health = outcome.next;
  event.transition = outcome.transition;
  if (outcome.transition) {
    event.affects_forwarding = true;
    event.log.push_back(transition_line(watched.key(), watched.health, cause));
  }
  say(event);
  if (outcome.transition) tell_followers(watched);
}

void HealthRunner::Core::tell_followers(Watched& watched) {
  const auto followers = watched.followers;  // a callback may bring a new configuration
  for (const WatchedPtr& follower : followers) {
    if (follower->stopped) continue;
    const auto outcome = follow(follower->health, watched.health, monotonic_now());
    take(*follower, outcome, {follower->key(), follower->health, EventSource::Tracked},
         {.status = outcome.next.last.status, .text = "via " + to_string(watched.key())});
  }
}

// ---- What is wanted ----------------------------------------------------------------------------

void HealthRunner::Core::set_mode(Watched& watched, AdminMode mode, AdminSource source) {
  if (watched.admin.mode == mode) return;
  const bool was_paused = watched.paused();
  watched.admin.mode = mode;
  watched.admin.said_by = source;
  mode_changed(watched, was_paused);
}

// Of a server, and so of those that track it.
void HealthRunner::Core::mode_changed(Watched& watched, bool was_paused) {
  const auto followers = watched.followers;
  ServerEvent event{watched.key(), watched.health, EventSource::Admin};
  event.affects_forwarding = true;
  event.log.push_back("server " + to_string(watched.key()) + " is set to " +
                      std::string(name(watched.mode())) + " by " +
                      std::string(name(watched.admin.said_by)));
  if (was_paused && !watched.paused() && watched.plan.check) {
    const ServerHealth before = watched.health;
    resume(watched);
    if (before.takes_new_connections() != watched.health.takes_new_connections()) {
      event.transition = watched.health.up ? Transition::Up : Transition::Down;
    }
  }
  say(event);
  for (const WatchedPtr& follower : followers) {
    if (!follower->stopped) mode_changed(*follower, was_paused);
  }
  if (event.transition) tell_followers(watched);
}

// A server that is checked leaves maintenance: what was known of it is old.
void HealthRunner::Core::resume(Watched& watched) {
  const Instant now = monotonic_now();
  const ServerHealth before = watched.health;
  const ServerHealth fresh = first_health(watched.plan, now);
  watched.health.health = fresh.health;
  watched.health.up = fresh.up && before.agent_up;
  watched.health.stopping = false;
  watched.check.due = now;
  watched.check.wake();
  if (before.takes_new_connections() == watched.health.takes_new_connections()) return;
  if (!before.up) watched.health.finished_downtime += now - before.since;
  watched.health.since = now;
}

void HealthRunner::Core::say(const ServerEvent& event) const {
  const OnEvent callback = on_event;  // it may be replaced from within
  if (callback) callback(event);
}

// ---- A new configuration -----------------------------------------------------------------------

WatchedPtr HealthRunner::Core::start(ServerPlan plan, Instant first_check, Instant first_agent) {
  auto watched = std::make_shared<Watched>(io, std::move(plan));
  watched->health = first_health(watched->plan, monotonic_now());
  if (watched->plan.disabled) watched->admin.mode = AdminMode::Maintenance;
  watched->check.due = first_check;
  watched->agent.due = first_agent;
  recall(*watched);
  run(watched);
  return watched;
}

// Takes over what an earlier process knew of the server. Its check comes when it would at a start.
void HealthRunner::Core::recall(Watched& watched) {
  const auto known = remembered.find(watched.key());
  if (known == remembered.end()) return;
  const ServerSnapshot& before = known->second;
  if (before.admin.said_by != AdminSource::Configuration || before.admin.weight ||
      before.admin.maxconn) {
    const AdminMode configured = watched.admin.mode;
    watched.admin = before.admin;
    if (before.admin.said_by == AdminSource::Configuration) watched.admin.mode = configured;
  }
  if (watched.plan.agent && before.agent) watched.agent_state = *before.agent;
  if (watched.plan.check && before.settings &&
      before.target == watched.plan.check->target.endpoint) {
    watched.health = carry_over(before.health, *before.settings, watched.plan.check->settings);
  }
  watched.health.agent_up = !watched.plan.agent || watched.agent_state.up;
  if (!watched.plan.track) {
    watched.health.up =
        watched.health.agent_up &&
        (!watched.plan.check || watched.health.health >= watched.plan.check->settings.rise);
  }
}

void HealthRunner::Core::run(const WatchedPtr& watched) {
  if (watched->plan.check) spawn(watch_check(watched));
  if (watched->plan.agent) spawn(watch_agent(watched));
}

// The server under a new plan: the same object where its coroutines can go on as they are, else a
// new one that knows what still holds.
WatchedPtr HealthRunner::Core::adopt(const WatchedPtr& old, ServerPlan plan) {
  const bool same_check = old->plan.check.has_value() == plan.check.has_value() &&
                          (!plan.check || old->plan.check->asks_the_same(*plan.check));
  const bool same_agent = old->plan.agent.has_value() == plan.agent.has_value() &&
                          (!plan.agent || old->plan.agent->asks_the_same(*plan.agent));
  const bool same_kind = same_check && old->plan.track == plan.track;
  if (!same_kind) return nullptr;

  const ServerPlan before = old->plan;
  WatchedPtr watched = old;
  if (!same_agent) {
    watched = std::make_shared<Watched>(io, plan);
    // What another agent said does not bind this one, nor a server without one.
    watched->health = hear_agent(old->health, old->settings(), true, monotonic_now()).next;
    watched->admin = old->admin;
    watched->check.due = old->check.due;
    watched->agent.due = monotonic_now();
  }
  watched->plan = std::move(plan);
  if (watched->plan.check) {
    const CheckSettings& settings = watched->plan.check->settings;
    if (before.check->settings != settings) {
      watched->health = carry_over(watched->health, before.check->settings, settings);
      watched->check.due =
          std::min(watched->check.due, monotonic_now() + interval(watched->health, settings));
      watched->check.wake();
    }
  }
  if (watched->plan.agent) {
    watched->agent.due = std::min(watched->agent.due, monotonic_now() + watched->plan.agent->inter);
    watched->agent.wake();
  }
  if (!same_agent) {
    old->stop();
    run(watched);
  }
  return watched;
}

void HealthRunner::Core::connect_tracks() {
  for (const WatchedPtr& watched : order) {
    watched->followers.clear();
    watched->tracked.reset();
  }
  for (const WatchedPtr& watched : order) {
    if (!watched->plan.track) continue;
    const auto leader = servers.find(*watched->plan.track);
    if (leader == servers.end()) continue;  // the configuration was checked for it
    watched->tracked = leader->second;
    leader->second->followers.push_back(watched);
  }
  // Those at the head of a chain are checked and know; the others take it from them, link by link.
  const auto all = order;  // a callback may bring a new configuration
  for (const WatchedPtr& watched : all) {
    if (!watched->plan.track) tell_followers(*watched);
  }
}

std::size_t probes_within(std::size_t descriptors) {
  constexpr std::size_t kFewest = 64;
  const std::size_t left = descriptors - std::min(descriptors, kOtherDescriptors);
  return std::clamp(left, kFewest, kMaxOpenProbes);
}

// ---- The runner --------------------------------------------------------------------------------

HealthRunner::HealthRunner(asio::io_context& io, std::size_t max_open_probes)
    : core_(std::make_shared<Core>(io, max_open_probes)) {}

HealthRunner::~HealthRunner() {
  core_->on_event = nullptr;
  for (const auto& [key, watched] : core_->servers)
    watched->stop();
}

void HealthRunner::set_on_event(OnEvent callback) {
  core_->on_event = std::move(callback);
}

void HealthRunner::remember(std::vector<ServerSnapshot> servers) {
  for (ServerSnapshot& server : servers) {
    auto key = server.key;
    core_->remembered.insert_or_assign(std::move(key), std::move(server));
  }
}

void HealthRunner::apply(const config::Config& config) {
  auto plans = plan_checks(config);
  // Made anew, so that changed CA files count.
  const auto tls_contexts = std::make_shared<TlsContexts>();
  for (ServerPlan& plan : plans) {
    if (plan.check) plan.check->target.tls_contexts = tls_contexts;
  }
  const auto starts = spread_starts(plans);
  const auto agent_starts = spread_agents(plans);
  const Instant now = monotonic_now();
  auto before = std::exchange(core_->servers, {});
  std::vector<WatchedPtr> toggled;
  core_->order.clear();
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const ServerKey key = plans[i].key;
    const bool disabled = plans[i].disabled;
    const auto old = before.find(key);
    WatchedPtr watched;
    if (old != before.end()) {
      const bool was_disabled = old->second->plan.disabled;
      watched = core_->adopt(old->second, plans[i]);
      // Only a change of the configuration overrides what an operator has said since.
      if (watched && disabled != was_disabled) toggled.push_back(watched);
      if (watched) before.erase(old);
    }
    if (!watched)
      watched = core_->start(std::move(plans[i]), now + starts[i], now + agent_starts[i]);
    core_->servers.emplace(key, watched);
    core_->order.push_back(std::move(watched));
  }
  for (const auto& [key, watched] : before)
    watched->stop();
  core_->remembered.clear();
  core_->connect_tracks();
  for (const auto& watched : toggled) {
    if (watched->stopped) continue;
    core_->set_mode(*watched, watched->plan.disabled ? AdminMode::Maintenance : AdminMode::Ready,
                    AdminSource::Configuration);
  }
}

void HealthRunner::set_mode(const ServerKey& key, AdminMode mode) {
  const auto at = core_->servers.find(key);
  if (at == core_->servers.end()) return;
  const WatchedPtr watched = at->second;
  core_->set_mode(*watched, mode, AdminSource::Operator);
}

void HealthRunner::set_weight(const ServerKey& key, std::optional<WeightOverride> weight) {
  const auto at = core_->servers.find(key);
  if (at == core_->servers.end() || at->second->admin.weight == weight) return;
  const WatchedPtr watched = at->second;
  watched->admin.weight = weight;
  core_->say({.key = watched->key(),
              .health = watched->health,
              .source = EventSource::Admin,
              .affects_forwarding = true});
}

void HealthRunner::set_maxconn(const ServerKey& key, std::optional<std::uint32_t> maxconn) {
  const auto at = core_->servers.find(key);
  if (at == core_->servers.end() || at->second->admin.maxconn == maxconn) return;
  const WatchedPtr watched = at->second;
  watched->admin.maxconn = maxconn;
  core_->say({.key = watched->key(),
              .health = watched->health,
              .source = EventSource::Admin,
              .affects_forwarding = true});
}

void HealthRunner::observe(std::span<const TrafficEvents> events) {
  const auto order = core_->order;  // a callback may bring a new configuration
  for (std::size_t i = 0; i < std::min(events.size(), order.size()); ++i) {
    if (!order[i]->stopped) core_->observe(*order[i], events[i]);
  }
}

std::vector<ServerSnapshot> HealthRunner::snapshot() const {
  std::vector<ServerSnapshot> snapshots;
  snapshots.reserve(core_->order.size());
  for (const auto& watched : core_->order)
    snapshots.push_back(snapshot_of(*watched));
  return snapshots;
}

std::optional<ServerSnapshot> HealthRunner::find(const ServerKey& key) const {
  const auto at = core_->servers.find(key);
  if (at == core_->servers.end()) return std::nullopt;
  return snapshot_of(*at->second);
}

}  // namespace carpool
