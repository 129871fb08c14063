// A course of events: nodes of one protocol on one network, half a minute of random faults, then
// calm. The seed decides everything.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/sim/network.h"
#include "tests/sim/router_node.h"

namespace carpool::sim {

using namespace std::chrono_literals;

struct CourseReport {
  std::vector<std::string> violations;  // empty: all invariants held
  std::string trace;                    // if asked for
  unsigned takeovers = 0;               // to see that something happened at all
};

template <class Protocol>
class Course {
 public:
  Course(std::uint64_t seed, bool with_trace)
      : random_(seed), network_(queue_, random_, node_count()), agreement_(random_agreement()) {
    for (std::size_t i = 0; i < nodes_wanted_; ++i) {
      nodes_.push_back(make_node(i, with_trace));
    }
  }

  CourseReport run() {
    for (const auto& node : nodes_) {
      queue_.after(random_.between(0s, 5s), [node = node.get()] { node->boot(); });
    }
    queue_.after(kLookEvery, [this] { look(); });
    queue_.after(random_.between(1s, 6s), [this] { trouble(); });
    queue_.run_until(Instant(kTrouble));
    calm_down();
    queue_.run_until(queue_.now() + settle_time());
    const auto settled = masters();
    check_settled(settled);
    queue_.run_until(queue_.now() + kStable);
    if (masters() != settled) violated("the master changes without a reason");
    return std::move(report_);
  }

 private:
  using Node = RouterNode<Protocol>;
  using Advert = typename Protocol::AdvertReceived;

  static constexpr Duration kTrouble = 30s;
  static constexpr Duration kTroubleEvery = 2s;  // at most, between two faults
  static constexpr Duration kLookEvery = 20ms;
  static constexpr Duration kStable = 20s;  // nothing may change for this long after they settled

  // Two in most courses, as in the field.
  std::size_t node_count() {
    nodes_wanted_ = random_.chance(60) ? 2 : 3;
    return nodes_wanted_;
  }

  std::unique_ptr<Node> make_node(std::size_t index, bool with_trace) {
    Surroundings<Protocol> surroundings{
        queue_,
        random_,
        [this, index](const Advert& advert) {
          network_.multicast(index, advert, [this](std::size_t to, const auto& heard) {
            nodes_[to]->receive(heard);
          });
        },
        {},
        [this](const std::string& what) { violated(what); }};
    if (with_trace) {
      surroundings.trace = [this](const std::string& line) { trace(line); };
    }
    return std::make_unique<Node>(fmt::format("lb{}", index + 1), random_config(index),
                                  std::move(surroundings));
  }

  typename Protocol::Config random_config(std::size_t index) {
    return Protocol::random_config(random_, agreement_,
                                   Ipv4Address::of(10, 0, 0, static_cast<std::uint8_t>(index + 1)));
  }

  Agreement random_agreement() {
    Agreement agreement;
    agreement.preempt = random_.chance(75);
    if (random_.chance(30)) agreement.preempt_delay = random_.between(1s, 8s);
    agreement.other_order = random_.chance(20);
    return agreement;
  }

  // ---- Faults --------------------------------------------------------------------------------

  static constexpr std::uint64_t kBoot =
      0;  // what a node without power gets, whatever the dice say

  void trouble() {
    if (queue_.now() >= Instant(kTrouble)) return;
    disturbed_ = queue_.now();
    const std::size_t index = random_.below(nodes_.size());
    Node& node = *nodes_[index];
    switch (node.powered() ? random_.below(11) : kBoot) {
      case kBoot:
        node.boot();
        break;
      case 1:
        crash(node);
        break;
      case 2:
        node.leave();
        break;
      case 3:
        node.restart_control_plane();
        break;
      case 4:
        node.set_link(!node.link());
        break;
      case 5:
        flap(node);
        break;
      case 6:
        network_.cut(index, random_.below(nodes_.size()));
        break;
      case 7:
        network_.heal();
        break;
      case 8:
        network_.set_faults(random_faults());
        break;
      case 9:
        node.break_sending(random_.chance(50));
        break;
      case 10:
        node.demote("backend", random_.chance(50) ? 0 : random_demotion());
        break;
    }
    if (random_.chance(10)) node.configure(random_config(index));
    queue_.after(random_.between(1ms, kTroubleEvery), [this] { trouble(); });
  }

  void crash(Node& node) {
    node.crash();
    if (!random_.chance(50)) return;  // else the fast heartbeat notices
    queue_.after(30ms, [this, &node] {
      for (const auto& other : nodes_) {
        if (!node.powered()) other->peer_lost(node.config().source);
      }
    });
  }

  void flap(Node& node) {
    for (int i = 0; i < 6; ++i) {
      queue_.after(i * random_.between(1ms, 50ms), [&node] { node.set_link(!node.link()); });
    }
  }

  unsigned random_demotion() { return static_cast<unsigned>(50 + random_.below(200)); }

  NetworkFaults random_faults() {
    NetworkFaults faults;
    faults.echo_percent = 10;
    if (random_.chance(40)) return faults;
    faults.loss_percent = static_cast<unsigned>(random_.below(60));
    faults.duplicate_percent = static_cast<unsigned>(random_.below(30));
    faults.max_delay = random_.between(1ms, 400ms);
    return faults;
  }

  void calm_down() {
    trace("-- calm");
    disturbed_ = queue_.now();
    network_.heal();
    network_.set_faults({.duplicate_percent = 5, .echo_percent = 10});
    for (const auto& node : nodes_) {
      node->break_sending(false);
      node->set_link(true);
      if (!node->running())
        queue_.after(Node::kFence, [&node] {
          node->boot();
          node->boot_control_plane();
        });
    }
    // Flaps and restarts that were under way end within this, then every link is up for good.
    queue_.after(2 * Node::kFence, [this] {
      disturbed_ = queue_.now();
      for (const auto& node : nodes_) {
        node->set_link(true);
      }
    });
    queue_.run_until(queue_.now() + 2 * Node::kFence);
  }

  // ---- Invariants ----------------------------------------------------------------------------

  std::vector<const Node*> masters() const {
    std::vector<const Node*> result;
    for (const auto& node : nodes_) {
      if (node->claims()) result.push_back(node.get());
    }
    return result;
  }

  void look() {
    const auto claiming = masters();
    if (claiming.size() == 1 && claiming != last_single_) {
      ++report_.takeovers;
      last_single_ = claiming;
    }
    const Instant now = queue_.now();
    const bool all_heard = std::ranges::all_of(claiming, &Node::can_send);
    if (!network_.lossless() || !all_heard) disturbed_ = now;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        look_at(*nodes_[i], *nodes_[j], contested_[i][j]);
      }
    }
    queue_.after(kLookEvery, [this] { look(); });
  }

  // Two nodes may have been connected just after their adverts: the next one is an interval away,
  // and then it travels, or is answered.
  void look_at(const Node& one, const Node& other, std::optional<Instant>& since) {
    const bool contest = one.claims() && other.claims() && one.running() && other.running();
    if (!contest) return since.reset();
    const Instant now = queue_.now();
    if (!since) since = now;
    const Duration bound = std::max(one.interval(), other.interval()) +
                           2 * network_.faults().max_delay + Node::kTimerLag + kLookEvery;
    if (now - std::max(*since, disturbed_) > bound) violated("two masters for too long");
  }

  // Who comes back waits for silence, then for the delay, then for the next advert of a master.
  Duration settle_time() const {
    Duration silence{}, preempting{};
    for (const auto& node : nodes_) {
      silence = std::max(silence, node->master_down());
      preempting = std::max(preempting, node->preempts_within());
    }
    return silence + agreement_.preempt_delay + preempting + 100ms;
  }

  void check_settled(const std::vector<const Node*>& settled) {
    if (settled.size() != 1) {
      return violated(fmt::format("{} masters on a calm network", settled.size()));
    }
    if (!agreement_.preempt) return;
    for (const auto& node : nodes_) {
      if (node->rank() < settled.front()->rank()) {
        violated(node->name() + " is preferred, but " + settled.front()->name() + " is master");
      }
    }
  }

  void violated(const std::string& what) {
    trace("!! " + what);
    report_.violations.push_back(fmt::format("{:.3f} {}", seconds(), what));
  }
  void trace(const std::string& line) {
    report_.trace += fmt::format("{:8.3f} {}\n", seconds(), line);
  }
  double seconds() const {
    return std::chrono::duration<double>(queue_.now().time_since_epoch()).count();
  }

  EventQueue queue_;
  Random random_;
  std::size_t nodes_wanted_ = 0;
  Network network_;
  Agreement agreement_;
  std::vector<std::unique_ptr<Node>> nodes_;
  CourseReport report_;
  Instant disturbed_{};  // the last fault; adverts get through since then
  // Since when both of two running nodes claim.
  std::array<std::array<std::optional<Instant>, kMaxNodes>, kMaxNodes> contested_{};
  std::vector<const Node*> last_single_;
};

}  // namespace carpool::sim
