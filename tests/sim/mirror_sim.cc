#include "tests/sim/mirror_sim.h"

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "controlplane/mirror/session.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/network.h"
#include "tests/sim/random.h"

namespace carpool::sim {
namespace {

using namespace std::chrono_literals;
using namespace mirror;

constexpr Duration kFaultsFor = 15s;
constexpr Duration kCalmFor = 15s;  // sessions, a bulk that waits for its interval, refreshes
constexpr Duration kTurn = 2ms;
constexpr Duration kRefreshEvery = 2s;
constexpr Duration kSweepEvery = 200ms;
// The other node forgets a connection that nobody has spoken of for so long.
constexpr Duration kForgetAfter = 5s;
constexpr std::size_t kMaxFlows = 400;

// A connection of a node. Its number never comes back, so that a record says which one it is.
struct Flow {
  Instant refreshed;
};

// What a node knows of the other's connections.
struct Mirrored {
  Instant heard;
};

class Node {
 public:
  struct World {
    EventQueue& queue;
    Random& random;
    std::function<void(const Datagram&)> send;
    std::function<void(const std::string&)> trace;
    std::function<void(const std::string&)> violated;
  };

  Node(std::string name, bool names_swapped, World world)
      : name_(std::move(name)), swapped_(names_swapped), world_(std::move(world)) {
    start();
  }

  // ---- What may happen to it
  void start() {  // the control plane, anew
    Session::Start bits;
    for (std::uint8_t& byte : bits)
      byte = static_cast<std::uint8_t>(world_.random.bits());
    PreSharedKey key{1, {}};
    key.secret.fill(7);
    if (session_) count_past();
    session_ = std::make_unique<Session>(std::vector{key}, bits, SessionTiming{});
    session_->set_status({name_, "digest", 0, {}});
    session_->set_names(names(), world_.queue.now());
    session_->set_workers(1);
    walk_.reset();
    ++life_;
    turn();
  }
  void stop() {  // until start(); the data plane goes on
    count_past();
    session_.reset();
  }
  void freeze(Duration duration) { frozen_until_ = world_.queue.now() + duration; }
  void lose_flows() {  // the data plane, anew
    flows_.clear();
    mirrored_.clear();
    walk_.reset();
    if (session_) session_->set_workers(1);
  }
  void receive(Datagram datagram) {
    if (!session_) return;
    if (frozen()) {  // the socket's buffer holds it
      if (buffered_.size() < 2000) buffered_.push_back(datagram);
      return;
    }
    take(datagram);
  }
  void set_rate(unsigned changes_per_turn) { rate_ = changes_per_turn; }

  // ---- What can be seen of it
  [[nodiscard]] bool knows(const Node& other) const {
    if (mirrored_.size() != other.flows_.size()) return false;
    for (const auto& [number, flow] : other.flows_) {
      if (!mirrored_.contains(number)) return false;
    }
    return true;
  }
  [[nodiscard]] std::string difference(const Node& other) const {
    return fmt::format("{} knows {} of the {} connections of {}", name_, mirrored_.size(),
                       other.flows_.size(), other.name_);
  }
  [[nodiscard]] bool up() const { return session_ && session_->state() == SessionState::up; }
  [[nodiscard]] bool in_sync() const {
    return session_ && session_->inbound().state() == BulkState::complete;
  }
  void add_to(MirrorCourse& course) {
    if (session_) count_past();
    course.records += records_;
    course.sessions += sessions_;
    course.gaps += gaps_;
  }

 private:
  // The two nodes number their services and servers differently.
  [[nodiscard]] Names names() const {
    if (swapped_) return {{"", "web"}, {"other/x", "", "web/web1"}};
    return {{"web"}, {"web/web1"}};
  }
  void count_past() {
    sessions_ += session_->counters().sessions;
    gaps_ += session_->counters().peer_gaps;
  }
  [[nodiscard]] bool frozen() const { return world_.queue.now() < frozen_until_; }

  void turn() {
    world_.queue.after(kTurn + Duration(world_.random.below(500'000)), [this, life = life_] {
      if (life == life_ && session_) turn();
    });
    if (frozen()) return;
    for (Datagram& datagram : std::exchange(buffered_, {}))
      take(datagram);
    const Instant now = world_.queue.now();
    live(now);
    sweep(now);
    walk(now);
    session_->tick(now, output_);
    session_->flush(now, output_);
    carry_out();
    check_bounds();
  }

  // Now and then, what goes by the age of connections.
  void sweep(Instant now) {
    if (now < next_sweep_) return;
    next_sweep_ = now + kSweepEvery;
    for (auto& [number, flow] : flows_) {
      if (now - flow.refreshed < kRefreshEvery) continue;
      flow.refreshed = now;
      tell(number, abi::MirrorKind::refreshed, now);
    }
    std::erase_if(mirrored_,
                  [now](const auto& each) { return now - each.second.heard > kForgetAfter; });
  }

  [[nodiscard]] abi::MirrorRecord record(std::uint32_t number, abi::MirrorKind kind) const {
    abi::MirrorRecord record;
    record.kind = kind;
    record.client = {be32(number)};
    record.service = swapped_ ? 1 : 0;
    record.server = swapped_ ? 2 : 0;
    return record;
  }
  void tell(std::uint32_t number, abi::MirrorKind kind, Instant now) {
    const auto what = record(number, kind);
    session_->add(0, {&what, 1}, now);
  }

  // Connections come, go and are used.
  void live(Instant now) {
    for (unsigned change = 0; change < rate_; ++change) {
      if (flows_.size() < kMaxFlows && world_.random.chance(55)) {
        flows_[++last_number_] = {now};
        tell(last_number_, abi::MirrorKind::opened, now);
      } else if (!flows_.empty()) {
        auto victim = flows_.lower_bound(static_cast<std::uint32_t>(
            flows_.begin()->first +
            world_.random.below(flows_.rbegin()->first - flows_.begin()->first + 1)));
        tell(victim->first, abi::MirrorKind::ended, now);
        flows_.erase(victim);
      }
    }
  }

  // A worker tells of a part of its table in each turn.
  void walk(Instant now) {
    if (!walk_) return;
    auto at = flows_.lower_bound(walk_->next);
    for (int told = 0; told < 50 && at != flows_.end(); ++told, ++at) {
      if (!session_->wants_records()) break;
      tell(at->first, abi::MirrorKind::opened, now);
    }
    if (at != flows_.end()) {
      walk_->next = at->first;
      return;
    }
    abi::MirrorRecord end;
    end.kind = abi::MirrorKind::bulk_end;
    end.serial = walk_->serial;
    walk_.reset();
    session_->add(0, {&end, 1}, now);
  }

  void take(Datagram& datagram) {
    session_->receive(std::span(datagram.bytes).first(datagram.length), world_.queue.now(),
                      output_);
    session_->flush(world_.queue.now(), output_);
    carry_out();
  }

  void carry_out() {
    for (const Datagram& datagram : std::exchange(output_.datagrams, {}))
      world_.send(datagram);
    for (const SessionEvent& event : std::exchange(output_.events, {})) {
      world_.trace(fmt::format("{}: {}", name_, describe(event)));
      if (const auto* wanted = std::get_if<WalkWanted>(&event)) walk_ = Walk{wanted->serial, 0};
      if (std::holds_alternative<UnknownName>(event)) world_.violated("a name got lost");
    }
    for (const abi::MirrorRecord& record : std::exchange(output_.records, {}))
      be_told(record);
  }

  void be_told(const abi::MirrorRecord& record) {
    ++records_;
    const std::uint32_t number = record.client.value.host();
    const std::uint16_t service = swapped_ ? 1 : 0, server = swapped_ ? 2 : 0;
    if (record.service != service || record.server != server) world_.violated("wrong index");
    if (record.kind == abi::MirrorKind::ended) {
      mirrored_.erase(number);
      ended_.insert_or_assign(number, true);
      return;
    }
    // Numbers never come back: whatever opens one after its end was overtaken by it.
    if (ended_.contains(number)) {
      world_.violated(fmt::format("{} is told of connection {} after its end", name_, number));
    }
    mirrored_[number] = {world_.queue.now()};
  }

  void check_bounds() {
    if (session_->sender().items() > StreamSender::kMaxItems + 100) {
      world_.violated("the sender holds more than its bound");
    }
    if (session_->receiver().kept() >= kMaxWindow) {
      world_.violated("the receiver keeps more than its bound");
    }
  }

  struct Walk {
    std::uint32_t serial = 0;
    std::uint32_t next = 0;
  };

  std::string name_;
  bool swapped_;
  World world_;
  std::unique_ptr<Session> session_;
  SessionOutput output_;
  std::map<std::uint32_t, Flow> flows_;
  std::map<std::uint32_t, Mirrored> mirrored_;
  std::map<std::uint32_t, bool> ended_;
  std::uint32_t last_number_ = 0;
  std::optional<Walk> walk_;
  unsigned rate_ = 1;
  Instant frozen_until_{};
  Instant next_sweep_{};
  std::vector<Datagram> buffered_;
  std::uint64_t life_ = 0;
  std::uint64_t records_ = 0, sessions_ = 0, gaps_ = 0;
};

class Course {
 public:
  Course(std::uint64_t seed, bool with_trace)
      : random_(seed), network_(queue_, random_, 2), with_trace_(with_trace) {
    const auto make = [this](std::size_t at, const char* name) {
      return std::make_unique<Node>(
          name, at == 1,
          Node::World{queue_, random_, [this, at](const Datagram& sent) { send(at, sent); },
                      [this](const std::string& line) { trace(line); },
                      [this](const std::string& what) { violated(what); }});
    };
    nodes_ = {make(0, "a"), make(1, "b")};
  }

  MirrorCourse run() {
    const Instant calm = queue_.now() + kFaultsFor;
    while (queue_.now() < calm) {
      queue_.run_until(queue_.now() + random_.between(50ms, 3s));
      something_happens();
    }
    trace("calm");
    network_.heal();
    network_.set_faults({.max_delay = 2ms});
    for (auto& node : nodes_)
      node->set_rate(1);
    for (std::size_t at = 0; at < stopped_.size(); ++at) {
      if (std::exchange(stopped_[at], false)) nodes_[at]->start();
    }
    queue_.run_until(queue_.now() + kCalmFor);
    for (auto& node : nodes_)
      node->set_rate(0);
    queue_.run_until(queue_.now() + 1s);
    judge();
    for (auto& node : nodes_)
      node->add_to(course_);
    return std::move(course_);
  }

 private:
  void send(std::size_t from, const Datagram& datagram) {
    network_.multicast(from, datagram, [this](std::size_t to, const Datagram& arrived) {
      nodes_[to]->receive(arrived);
    });
  }

  void something_happens() {
    const std::size_t who = random_.below(2);
    switch (random_.below(9)) {
      case 0:
      case 1:
        trace("the network is bad");
        return network_.set_faults({.loss_percent = static_cast<unsigned>(random_.below(40)),
                                    .duplicate_percent = static_cast<unsigned>(random_.below(30)),
                                    .echo_percent = static_cast<unsigned>(random_.below(30)),
                                    .max_delay = random_.between(1ms, 40ms)});
      case 2:
        trace("the network is good");
        network_.set_faults({.max_delay = 1ms});
        return network_.heal();
      case 3:
        trace(fmt::format("{} is not heard", who));
        return network_.cut(who, 1 - who);
      case 4:
        trace("nobody is heard");
        network_.cut(0, 1);
        return network_.cut(1, 0);
      case 5:
        if (std::exchange(stopped_[who], !stopped_[who])) {
          trace(fmt::format("{} starts", who));
          return nodes_[who]->start();
        }
        trace(fmt::format("{} stops", who));
        return nodes_[who]->stop();
      case 6:
        trace(fmt::format("{} freezes", who));
        return nodes_[who]->freeze(random_.between(10ms, 3s));
      case 7:
        if (stopped_[who]) return;
        trace(fmt::format("the data plane of {} starts anew", who));
        return nodes_[who]->lose_flows();
      default:
        nodes_[who]->set_rate(static_cast<unsigned>(random_.below(20)));
    }
  }

  void judge() {
    for (std::size_t at = 0; at < nodes_.size(); ++at) {
      const Node& node = *nodes_[at];
      const Node& other = *nodes_[1 - at];
      if (!node.up()) violated(fmt::format("{} has not found its peer", at));
      if (!node.in_sync()) violated(fmt::format("{} is not in sync", at));
      if (!node.knows(other)) violated(node.difference(other));
    }
  }

  void trace(const std::string& line) {
    if (!with_trace_) return;
    const auto at = std::chrono::duration<double>(queue_.now().time_since_epoch()).count();
    course_.trace += fmt::format("{:9.4f} {}\n", at, line);
  }
  void violated(const std::string& what) {
    trace("VIOLATED: " + what);
    if (course_.violations.size() < 5) course_.violations.push_back(what);
  }

  EventQueue queue_;
  Random random_;
  Network network_;
  std::array<std::unique_ptr<Node>, 2> nodes_;
  std::array<bool, 2> stopped_{};
  bool with_trace_;
  MirrorCourse course_;
};

}  // namespace

MirrorCourse run_mirror_course(std::uint64_t seed, bool with_trace) {
  return Course(seed, with_trace).run();
}

}  // namespace carpool::sim
