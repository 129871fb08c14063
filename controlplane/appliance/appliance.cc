#include "controlplane/appliance/appliance.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include "controlplane/appliance/effective_state.h"
#include "controlplane/appliance/operations_api.h"
#include "controlplane/appliance/reload.h"
#include "controlplane/console/hello_json.h"
#include "controlplane/console/mirror_json.h"
#include "controlplane/console/server_views.h"
#include "controlplane/console/status.h"
#include "controlplane/health/state_file.h"
#include "controlplane/runtime/files.h"
#include "controlplane/runtime/frame_socket.h"
#include "controlplane/runtime/join.h"

// In this file every co_await stands in a statement of its own: GCC 12 miscompiles some of those
// that are part of a condition.

namespace carpool {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Adverts are fetched, timers fire and images go out within this time.
constexpr Duration kTick = 2ms;
// The data plane expects a sign of life every 100 ms.
constexpr Duration kBeatEvery = 50ms;
// What servers' traffic shows is looked at this often where something acts on it, or else.
constexpr Duration kTrafficEvery = 200ms;
constexpr Duration kTrafficForPeopleEvery = 1s;
// How long a leaving advert may take to reach its worker.
constexpr Duration kLeaveLimit = 100ms;
// How long the last notify scripts may take before they end with us.
constexpr Duration kNotifyLimit = 2s;
// How long the kernel may take to tell its links, addresses, routes and neighbours.
constexpr Duration kNetworkLimit = 10s;
// Foreign adverts are a problem to be shown for this long.
constexpr Duration kForeignMemory = 60s;

// What is known of servers is kept in a file for the next carpoold: soon after something changed,
// and now and then so that its age tells how long nobody was there.
constexpr Duration kSaveAfterChange = 1s;
constexpr Duration kSaveAnyway = 10s;

constexpr const char* kControlSocket = "control.sock";
constexpr const char* kHealthFile = "health";
constexpr const char* kOperatorFile = "operator.json";

// What demotes a group whose connections this node does not know yet.
constexpr std::string_view kMirrorSource = "mirror";

std::uint64_t random_bits() {
  std::uint64_t bits = 0;
  // Eight bytes are never cut short nor interrupted (getrandom(2)).
  if (getrandom(&bits, sizeof bits, 0) != sizeof bits) bits = to_ns(monotonic_now());
  return bits;
}

DataplaneSupervisor::Settings supervisor_settings(const Appliance::Settings& settings,
                                                  const config::Config& config) {
  return {settings.dataplane, settings.run_dir, config.node, settings.attach_only};
}

}  // namespace

Appliance::Appliance(asio::io_context& io, Settings settings, LoadedConfig loaded)
    : io_(io),
      settings_(std::move(settings)),
      loaded_(std::move(loaded)),
      health_(io, settings_.max_open_probes),
      forwarding_(
          [this](const NeighbourKey& neighbour) {
            const auto asked = network_->request_resolution(neighbour.link, neighbour.address);
            if (!asked) spdlog::warn("{}", asked.error().message);
          },
          [this](abi::ImageView image) { mirroring_.image_changes(image); }),
      mirroring_(
          io,
          {.set_mirror = [this](bool on) { forwarding_.set_mirror(on, monotonic_now()); },
           .walk =
               [this](std::uint32_t serial) { forwarding_.request_bulk(serial, monotonic_now()); }},
          {.asked = [this](const auto& request) { operations_.asked(request); },
           .answered = [this](const auto& answer) { operations_.answered(answer); }}),
      hellos_(io,
              [this](const hello::PeerGone& gone) {
                groups_.lose_peer(gone.group, gone.source, monotonic_now());
              }),
      groups_(*this, random_bits),
      operations_(io, *this, settings_.run_dir / kOperatorFile),
      scripts_(io),
      notifier_(io),
      supervisor_(
          io, supervisor_settings(settings_, loaded_.config),
          [this](abi::Region region, bool adopted) { dataplane_up(std::move(region), adopted); },
          [this](const std::string& why) { dataplane_down(why); }),
      http_(io),
      control_(io, settings_.source, settings_.run_dir / kNamesFile,
               {.running = [this]() -> const LoadedConfig& { return loaded_; },
                .take =
                    [this](LoadedConfig changed) {
                      return apply(std::move(changed), monotonic_now());
                    }}) {}

Appliance::~Appliance() = default;

// ---- Life --------------------------------------------------------------------------------------

asio::awaitable<Result<void>> Appliance::run() {
  const Result<void> opened = co_await open_network();
  if (!opened) co_return opened;
  const auto wrong = check_against_network(loaded_.config, network_->state());
  if (!wrong.empty()) co_return fail(joined(wrong, "\n"));
  operations_.recall();
  http_.get("/api/v1/status", [this] { return status(); });
  http_.set_audit([](const console::Caller& caller, const std::string& what) {
    spdlog::warn("control socket: {}, pid {}: {}", caller.text(), caller.pid, what);
  });
  serve_operations(http_, operations_);
  control_.offer(http_);
  const Result<void> listening = http_.listen(settings_.run_dir / kControlSocket);
  if (!listening) co_return listening;

  health_.set_on_event([this](const ServerEvent& event) {
    tell_check_warning(event.key, event.health.last.warning);
    const bool good = event.health.up && event.source != EventSource::Traffic;
    for (const std::string& line : event.log)
      spdlog::log(good ? spdlog::level::info : spdlog::level::warn, "{}", line);
    if (event.affects_forwarding) health_changed_ = health_unsaved_ = true;
    note_view(event);
  });
  recall_health();
  health_.apply(loaded_.config);
  views_.configure(health_.snapshot());
  mirroring_.configure(loaded_.config, loaded_.digest);
  hellos_.configure(loaded_.config);
  traffic_.configure(loaded_.config);
  scripts_.configure(loaded_.config);
  forwarding_.configure(loaded_.config, server_states());

  supervising_ = true;
  asio::co_spawn(io_, supervise(),
                 asio::bind_cancellation_slot(stop_supervising_.slot(), [this](std::exception_ptr) {
                   supervising_ = false;
                 }));
  last_tick_ = monotonic_now();
  while (!stopping_ && !start_error_) {
    tick(monotonic_now());
    co_await pause(kTick);
  }
  save_health(monotonic_now());
  co_await leave();
  if (start_error_) co_return std::unexpected(*start_error_);
  co_return Result<void>();
}

asio::awaitable<Result<void>> Appliance::open_network() {
  auto opened = NetworkWatch::open(io_);
  if (!opened) co_return std::unexpected(opened.error());
  network_ = std::move(*opened);
  network_->set_on_change([this](const NetworkState&) { network_changed_ = true; });
  const Instant limit = monotonic_now() + kNetworkLimit;
  while (!network_->synced()) {
    if (monotonic_now() > limit) co_return fail("the kernel does not tell its network state");
    co_await pause(kTick);
  }
  co_return Result<void>();
}

asio::awaitable<void> Appliance::supervise() {
  const Result<void> started = co_await supervisor_.start();
  if (!started) {
    start_error_ = started.error();
    co_return;
  }
  co_await supervisor_.keep_running();
}

// The peers learn that we go from the last advert, so it has to get out before its worker ends.
asio::awaitable<void> Appliance::leave() {
  groups_.leave_all("the control plane is stopping", monotonic_now());
  hellos_.leave();
  const Instant limit = monotonic_now() + kLeaveLimit;
  while (adverts_ && !adverts_->all_taken() && monotonic_now() < limit)
    co_await pause(kTick);
  co_await pause(kTick);  // what was taken is being sent
  stop_supervising_.emit(asio::cancellation_type::terminal);
  while (supervising_)
    co_await pause(kTick);
  co_await supervisor_.stop();
  const Instant told_by = monotonic_now() + kNotifyLimit;
  while (!notifier_.idle() && monotonic_now() < told_by)
    co_await pause(kTick);
}

asio::awaitable<void> Appliance::pause(Duration duration) {
  asio::steady_timer timer(io_, duration);
  boost::system::error_code ignored;
  co_await timer.async_wait(redirect_error(asio::use_awaitable, ignored));
}

// ---- The turn of the loop ----------------------------------------------------------------------

// What the peers have said comes before what our own timers say, and both before the sign of life:
// after a delay the data plane must not go on claiming addresses that others have by now.
void Appliance::tick(Instant now) {
  notice_absence(now);
  receive_adverts(now);
  if (std::exchange(network_changed_, false)) {
    forwarding_.network_changed();
    configure_groups(now);
    judge_groups(now);  // a port may have lost its link
  }
  if (now >= next_traffic_) watch_traffic(now);
  if (std::exchange(health_changed_, false)) take_health(now);
  const bool save = now - health_saved_ >= (health_unsaved_ ? kSaveAfterChange : kSaveAnyway);
  if (save) save_health(now);
  const bool beat = now >= next_beat_;
  if (beat) {
    judge_mirroring(now);
    judge_groups(now);
    operations_.observe();
    control_.tick(now);
  }
  groups_.expire(now);
  forwarding_.tick(network_->state(), now);
  if (!beat) return;
  next_beat_ = now + kBeatEvery;
  forwarding_.beat();
}

// Whoever was stopped (a debugger, a suspended machine) for longer than the fence has lost its
// addresses, whatever it remembers: the groups learn that first, or they would answer the adverts
// of the new master, which have piled up, as those of a rival.
void Appliance::notice_absence(Instant now) {
  const Duration away = now - std::exchange(last_tick_, now);
  absence_.clear();
  if (!region_ || away <= std::chrono::milliseconds(region_->header().fence_ms)) return;
  absence_ = fmt::format("the control plane was stopped for {:.1f} s",
                         std::chrono::duration<double>(away).count());
  spdlog::error("{}", absence_);
  judge_groups(now);
}

void Appliance::receive_adverts(Instant now) {
  if (!adverts_) return;
  adverts_->poll([&](std::uint16_t port, std::span<const std::uint8_t> frame) {
    groups_.receive(port, frame, now);
  });
}

void Appliance::judge_groups(Instant now) {
  if (region_) workers_.observe(*region_, now);
  const auto all = judgements();
  for (std::size_t index = 0; index < all.size(); ++index) {
    const std::string& name = loaded_.config.groups[index].name;
    const auto& [fault, can_say_goodbye, demotions] = all[index];
    if (fault && can_say_goodbye) {
      groups_.retire(name, *fault, now);
    } else {
      groups_.set_usable(name, !fault, fault.value_or(""), now);
    }
  }
  apply_demotions(all, now);
}

std::vector<GroupJudgement> Appliance::judgements() const {
  const auto trouble = why_no_forwarding();
  const auto health = port_health();
  const auto scripts = scripts_.states();
  std::vector<GroupJudgement> all;
  for (const config::RedundancyGroup& group : loaded_.config.groups) {
    const GroupReport* known = find_group(group.name);
    std::optional<std::string> unusable = trouble;
    if (!unusable && known != nullptr) {
      unusable = why_unusable(known->settings, forwarding_.ports(), health, network_->state());
    }
    const bool claimed = known != nullptr && known->state() == RouterState::kMaster;
    const auto results =
        track_results(group, forwarding_.states(), forwarding_.ports(), health, scripts);
    all.push_back(judge(std::move(unusable), results, claimed));
    // Who has a group already keeps it: there is nothing left to wait for.
    if (!out_of_sync_.empty() && !claimed) {
      all.back().demotions.push_back({std::string(kMirrorSource), kMaxDemotion, out_of_sync_});
    }
    for (Demotion::Source& source : operations_.demotions(group.name))
      all.back().demotions.push_back(std::move(source));
  }
  share_fate(loaded_.config, all);
  return all;
}

void Appliance::apply_demotions(const std::vector<GroupJudgement>& judgements, Instant now) {
  for (std::size_t index = 0; index < judgements.size(); ++index) {
    groups_.set_demotions(loaded_.config.groups[index].name, judgements[index].demotions, now);
  }
}

const GroupReport* Appliance::find_group(std::string_view name) const {
  const auto groups = groups_.groups();
  const auto found = std::ranges::find_if(
      groups, [name](const GroupReport& group) { return group.settings.name == name; });
  return found == groups.end() ? nullptr : &*found;
}

// A node that does not know its peer's connections yet must not take its groups away from it.
void Appliance::judge_mirroring(Instant now) {
  out_of_sync_ = mirroring_.why_not_in_sync(now).value_or("");
  std::vector<std::string> claims;
  for (const GroupReport& group : groups_.groups()) {
    if (group.state() == RouterState::kMaster) claims.push_back(group.settings.name);
  }
  std::optional<PeerClaims> peer;
  if (const auto known = mirroring_.snapshot(); known && known->state == mirror::SessionState::up) {
    peer = PeerClaims{known->peer.node, known->peer.claims};
  }
  for (const std::string& line : split_brain_.step(claims, peer, now))
    spdlog::error("{}", line);
  std::uint64_t ends_lost = 0;
  for (std::uint32_t worker = 0; region_ && worker < region_->workers(); ++worker)
    ends_lost += region_->counters(worker).mirror_ends_lost.get();
  mirroring_.tell(std::move(claims), ends_lost);
  mirroring_.tell_views(views_.take_changes());
}

std::optional<std::string> Appliance::why_no_forwarding() const {
  if (!absence_.empty()) return absence_;
  if (!region_) return "there is no data plane";
  return workers_.stalled();
}

std::vector<PortHealth> Appliance::port_health() const {
  std::vector<PortHealth> health;
  if (!region_) return health;
  const abi::RegionHeader& header = region_->header();
  const auto count = std::min<std::size_t>(header.port_count, abi::kMaxPorts);
  for (std::size_t port = 0; port < count; ++port)
    health.push_back({header.ports[port].link_up.load(std::memory_order_relaxed) != 0});
  return health;
}

link::ServerStates Appliance::server_states() const {
  return effective_states(loaded_.config, health_.snapshot(), traffic_.servers());
}

void Appliance::recall_health() {
  const auto path = settings_.run_dir / kHealthFile;
  const auto text = read_text(path);
  if (!text) return;  // nobody was there before
  auto known = read_state(*text, boot_id(), monotonic_now());
  if (!known) {
    return spdlog::info("{} is not used, {}: servers begin as configured", path.string(),
                        known.error().message);
  }
  health_.remember(std::move(*known));
}

void Appliance::save_health(Instant now) {
  health_saved_ = now;
  health_unsaved_ = false;
  const auto saved = replace_file(settings_.run_dir / kHealthFile,
                                  write_state(health_.snapshot(), boot_id(), now));
  const std::string error = saved ? "" : saved.error().message;
  if (!error.empty() && error != save_error_) spdlog::warn("{}", error);
  save_error_ = error;
}

void Appliance::watch_traffic(Instant now) {
  next_traffic_ = now + (traffic_.acts() ? kTrafficEvery : kTrafficForPeopleEvery);
  auto totals = forwarding_.server_totals();
  if (!totals) return traffic_.forget_totals();
  const auto step = traffic_.step(std::move(*totals), forwarding_.states(), now);
  for (const std::string& line : step.log)
    spdlog::warn("{}", line);
  if (step.ejections_changed) health_changed_ = true;
  health_.observe(step.events);
}

// Once for each change of its words, which is once a day for a certificate about to expire.
void Appliance::tell_check_warning(const ServerKey& server, const std::string& warning) {
  if (warning.empty()) {
    check_warnings_.erase(server);
    return;
  }
  std::string& said = check_warnings_[server];
  if (said == warning) return;
  said = warning;
  spdlog::warn("server {}: {}", to_string(server), warning);
}

void Appliance::note_view(const ServerEvent& event) {
  if (event.source != EventSource::Admin) return views_.note(event.key, event.health);
  if (const auto server = health_.find(event.key)) {
    views_.note_mode(event.key, event.health, server->mode);
  }
}

void Appliance::take_health(Instant now) {
  forwarding_.set_states(server_states());
  apply_demotions(judgements(), now);
}

// ---- The data plane comes and goes -------------------------------------------------------------

void Appliance::dataplane_up(abi::Region region, bool adopted) {
  const Instant now = monotonic_now();
  region_.emplace(std::move(region));
  adverts_.emplace(*region_);
  workers_.forget();
  forwarding_.attach(*region_, adopted, network_->state(), now);
  // After the first image: what the peer tells has to have names here, and a place in the workers.
  mirroring_.attach(*region_, adopted, now);
  hellos_.attach(*region_);
  judge_mirroring(now);  // before a group may claim anything
  configure_groups(now);
  take_health(now);
  const auto health = port_health();
  for (const GroupReport& group : groups_.groups()) {
    const std::string name = group.settings.name;
    if (adopted && forwarding_.claims(name) &&
        !why_unusable(group.settings, forwarding_.ports(), health, network_->state())) {
      groups_.adopt(name, now);
    }
  }
  // Before the first sign of life, which would end the fence.
  groups_.repeat_claims();
  forwarding_.beat();
}

void Appliance::dataplane_down(const std::string& why) {
  spdlog::error("{}", why);
  const Instant now = monotonic_now();
  // Its rings lead nowhere any more; ports that the kernel shares still take a last word.
  adverts_.reset();
  groups_.leave_all(why, now);
  mirroring_.detach();
  hellos_.detach();
  forwarding_.detach();
  workers_.forget();
  region_.reset();
}

void Appliance::configure_groups(Instant now) {
  if (!region_) return;  // which ports there are is known with the data plane
  auto settings = group_settings(loaded_.config, forwarding_.ports(), network_->state());
  if (!settings) {
    if (group_error_ != settings.error().message) spdlog::error("{}", settings.error().message);
    group_error_ = settings.error().message;
    return;
  }
  group_error_.clear();
  groups_.configure(std::move(*settings), now);
  hellos_.follow(groups_.groups());
}

// ---- Redundancy's effects ----------------------------------------------------------------------

bool Appliance::send(std::uint16_t port, std::span<const std::uint8_t> frame) {
  if (adverts_) return adverts_->send(port, frame, monotonic_now());
  if (!region_ || port >= forwarding_.ports().size()) return false;
  const int link = forwarding_.ports()[port].link;
  return link != 0 && send_frame(link, frame).has_value();
}

std::optional<MacAddress> Appliance::resolve(std::uint16_t port, Ipv4Address address) {
  return forwarding_.neighbour(port, address);
}

void Appliance::set_group(std::string_view group, bool active) {
  forwarding_.set_group(group, active, monotonic_now());
}

void Appliance::note_transition(std::string_view group, std::string_view what) {
  spdlog::warn("group {}: {}", group, what);
}

void Appliance::note_foreign(std::string_view group, std::string_view what) {
  spdlog::error("group {}: {}", group, what);
}

void Appliance::announce_state(const GroupReport& group) {
  hellos_.tell(groups_.groups());
  const auto* configured = loaded_.config.find_group(group.settings.name);
  if (configured == nullptr || !configured->notify) return;
  const config::PortSpec* port = loaded_.config.node.find_port(configured->port);
  notifier_.tell(*configured->notify, group.settings.name,
                 make_notice(group, port == nullptr ? "" : port->device));
}

// ---- What operators do ------------------------------------------------------------------------

std::string Appliance::out_of_sync() {
  if (auto why = mirroring_.why_not_in_sync(monotonic_now())) return *why;
  const auto known = mirroring_.snapshot();
  if (!known || known->in_sync()) return "";
  return known->inbound == mirror::BulkState::failed
             ? fmt::format("the transfer of them failed, {}", text(known->inbound_failure))
             : "the transfer of them is not over";
}

void Appliance::keep_mastership(const std::string& group) {
  groups_.keep_mastership(group, monotonic_now());
}

// ---- Reload ------------------------------------------------------------------------------------

Result<void> Appliance::apply(LoadedConfig loaded, Instant now) {
  if (!network_ || stopping_) return fail("carpoold is about to start or to end");
  const auto restart = needs_restart(loaded_.config, loaded.config);
  if (!restart.empty()) {
    return fail(fmt::format("it needs a restart of carpoold, because it changes {}",
                            joined(restart, ", ")));
  }
  const auto wrong = check_against_network(loaded.config, network_->state());
  if (!wrong.empty()) {
    return fail(joined(wrong, "\n"));
  }
  // Told once: a name that moved brings no new text.
  const bool retold = loaded.digest == loaded_.digest;
  for (const config::Diagnostic& warning : loaded.config.warnings) {
    if (!retold) spdlog::warn("{}", config::format_diagnostic(warning));
  }
  // Groups first: one that is gone releases its addresses while they still have a name.
  loaded_ = std::move(loaded);
  hellos_.configure(loaded_.config);
  configure_groups(now);
  health_.apply(loaded_.config);
  views_.configure(health_.snapshot());
  mirroring_.configure(loaded_.config, loaded_.digest);
  traffic_.configure(loaded_.config);
  scripts_.configure(loaded_.config);
  forwarding_.configure(loaded_.config, server_states());
  take_health(now);
  judge_groups(now);
  return {};
}

// ---- Status ------------------------------------------------------------------------------------

console::Reply Appliance::status() {
  const Instant now = monotonic_now();
  const auto health = health_.snapshot();
  const auto counters = forwarding_.counters();
  const auto mirroring = mirroring_.snapshot();
  const auto hellos = hellos_.snapshot();
  const console::StatusSources sources{.config = loaded_.config,
                                       .config_path = settings_.source.path.string(),
                                       .config_digest = loaded_.digest,
                                       .dataplane = supervisor_.report(),
                                       .region = region_ ? &*region_ : nullptr,
                                       .workers = workers_.activity(),
                                       .counters = counters,
                                       .reachability = forwarding_.reachability(),
                                       .health = health,
                                       .traffic = traffic_.servers(),
                                       .groups = groups_.groups(),
                                       .mirroring = mirroring,
                                       .why_no_mirroring = mirroring_.why_off(),
                                       .hellos = hellos,
                                       .why_no_hellos = hellos_.why_off(),
                                       .problems = problems(health, mirroring, now),
                                       .started = started_,
                                       .now = now,
                                       .wall_now = std::chrono::system_clock::now()};
  return {200, "application/json", console::status_body(sources)};
}

std::vector<std::string> Appliance::problems(std::span<const ServerSnapshot> health,
                                             const std::optional<mirror::Snapshot>& mirroring,
                                             Instant now) const {
  std::vector<std::string> all;
  const auto& dataplane = supervisor_.report();
  if (dataplane.state == DataplaneState::waiting) {
    all.push_back(fmt::format(
        "the data plane is down, next try in {} ms: {}",
        std::max<std::int64_t>(
            0, std::chrono::duration_cast<std::chrono::milliseconds>(dataplane.next_try - now)
                   .count()),
        dataplane.last_error));
  }
  for (const GroupReport& group : groups_.groups()) {
    if (!group.usable) {
      all.push_back(
          fmt::format("group {} cannot be claimed: {}", group.settings.name, group.why_unusable));
    }
    if (group.demotion().sum() > 0) {
      all.push_back(
          fmt::format("group {} is demoted by {}", group.settings.name, group.demotion().why()));
    }
    if (group.foreign.count > 0 && now - group.foreign.last_seen < kForeignMemory) {
      all.push_back(fmt::format("group {}: adverts from {} are not accepted: {}",
                                group.settings.name, to_string(group.foreign.last_sender),
                                group.foreign.reason));
    }
  }
  if (!group_error_.empty()) all.push_back(group_error_);
  for (std::string& problem : control_.problems())
    all.push_back(std::move(problem));
  if (auto problem = console::mirror_problem(mirroring)) all.push_back(std::move(*problem));
  if (mirroring) {
    auto differences =
        console::view_problems(health, *mirroring->peer_views, mirroring->peer.node, now);
    std::ranges::move(differences, std::back_inserter(all));
  }
  const auto split = split_brain_.problems();
  all.insert(all.end(), split.begin(), split.end());
  if (auto problem = console::hello_problem(hellos_.snapshot())) all.push_back(std::move(*problem));
  const auto forwarding = forwarding_.problems();
  all.insert(all.end(), forwarding.begin(), forwarding.end());
  for (const config::Backend& backend : loaded_.config.backends) {
    const auto index = static_cast<std::size_t>(&backend - loaded_.config.backends.data());
    const auto& states = forwarding_.states();
    if (backend.disabled || index >= states.size() || states[index].empty()) continue;
    if (std::ranges::none_of(states[index], [](const link::ServerState& state) {
          return state.up && !state.draining && !state.maintenance;
        })) {
      all.push_back(fmt::format("backend {} has no usable server", backend.name));
    }
  }
  return all;
}

}  // namespace carpool
