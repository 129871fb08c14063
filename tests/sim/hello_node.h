// A simulated appliance with CARP and fast hellos: the real session and machine on the virtual
// clock, a worker that sends prepared hellos until the fence, and two links.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/peer/hello_session.h"
#include "tests/sim/router_node.h"

namespace carpool::sim {

using namespace std::chrono_literals;

inline constexpr std::size_t kPeerLink = 0, kDataLink = 1;
inline constexpr auto kHelloInterval = 10ms;
inline constexpr unsigned kHelloCount = 5;

class HelloNode {
 public:
  // Puts a hello on a link, towards the other node.
  using Put = std::function<void(std::size_t link, const hello::Message&)>;
  using Gone = std::function<void(const hello::PeerGone&)>;

  HelloNode(std::string name, CarpConfig config, Surroundings<Carp> surroundings, Put put,
            Gone gone)
      : queue_(surroundings.queue),
        random_(surroundings.random),
        router_(std::move(name), config, std::move(surroundings)),
        put_(std::move(put)),
        gone_(std::move(gone)) {
    queue_.after(1ms, [this] { turn_control(); });
    queue_.after(1ms, [this] { turn_worker(); });
  }

  RouterNode<Carp>& router() { return router_; }
  [[nodiscard]] const RouterNode<Carp>& router() const { return router_; }

  // ---- What may happen to it
  void boot() { router_.boot(); }
  void crash() {
    router_.crash();
    session_.reset();
    prepared_.clear();
    for (auto& box : arrived_)
      box.clear();
  }
  void pause_control(Duration time) { control_back_ = queue_.now() + time; }
  void pause_worker(Duration time) { worker_back_ = queue_.now() + time; }
  void pause(Duration time) {
    pause_control(time);
    pause_worker(time);
  }
  // carpoold alone dies, and is back after 50 ms to two fences; the data plane lives on.
  void restart_control() {
    session_.reset();
    router_.restart_control_plane();
  }
  // What knows of hellos begins anew after a while.
  void restart_hellos(Duration after) {
    session_.reset();
    pause_control(after);
  }
  void receive(std::size_t link, const hello::Message& message) {
    if (router_.powered()) arrived_[link].push_back(message);
  }

  // ---- What can be seen of it
  [[nodiscard]] bool all_up() const {
    if (!session_) return false;
    const auto links = session_->links();
    return std::ranges::all_of(
        links, [](const hello::LinkReport& link) { return link.state == hello::LinkState::up; });
  }

 private:
  static constexpr Duration kLead = RouterNode<Carp>::kFence + 200ms;

  void begin() {
    arrived_[kPeerLink].clear();
    session_.emplace(hello::Life(random_.bits()), hello::Challenge(random_.bits()));
    session_->configure(
        {.links = {{"peer", hello::LinkId::peer, kHelloInterval, kHelloCount},
                   {"wan", hello::link_id("wan"), kHelloInterval, kHelloCount}},
         .groups = {{"public", hello::group_id("public"), 1, kHelloInterval, kHelloCount}}});
    next_hello_ = prepared_until_ = queue_.now();
  }

  // As the runner's thread: arrivals first, then the look, then what is to be sent.
  void turn_control() {
    queue_.after(random_.between(4ms, 6ms), [this] { turn_control(); });
    const Instant now = queue_.now();
    if (now < control_back_ || !router_.running()) return;
    if (!session_) begin();
    beat_ = now;
    session_->set_claims(router_.link() ? std::vector{hello::group_id("public")}
                                        : std::vector<hello::GroupId>());
    for (const hello::Message& message : std::exchange(arrived_[kPeerLink], {}))
      session_->hear(kPeerLink, message, other_source());
    for (const hello::Message& message : std::exchange(punted_, {}))
      session_->hear(kDataLink, message, other_source());
    events_.clear();
    session_->look(now, std::exchange(worker_ran_, false), events_);
    for (const hello::Event& event : events_) {
      const auto* gone = std::get_if<hello::PeerGone>(&event);
      if (gone == nullptr) continue;
      gone_(*gone);
      router_.peer_lost(gone->source);
    }
    if (now >= next_hello_) {
      next_hello_ = now + kHelloInterval;
      put_(kPeerLink, session_->next(kPeerLink));
    }
    for (; prepared_until_ < now + kLead; prepared_until_ += kHelloInterval)
      prepared_.emplace_back(std::max(prepared_until_, now), session_->next(kDataLink));
  }

  void turn_worker() {
    queue_.after(random_.between(500us, 2ms), [this] { turn_worker(); });
    const Instant now = queue_.now();
    if (!router_.powered() || now < worker_back_) return;
    worker_ran_ = true;
    std::ranges::move(std::exchange(arrived_[kDataLink], {}), std::back_inserter(punted_));
    const bool fenced = now - beat_ > RouterNode<Carp>::kFence;
    for (; !prepared_.empty() && (fenced || prepared_.front().first <= now);
         prepared_.pop_front()) {
      if (!fenced && now - prepared_.front().first <= 100ms && router_.can_send()) {
        put_(kDataLink, prepared_.front().second);
      }
    }
  }

  [[nodiscard]] Ipv4Address other_source() const {
    return router_.config().source == Ipv4Address::of(10, 0, 0, 1) ? Ipv4Address::of(10, 0, 0, 2)
                                                                   : Ipv4Address::of(10, 0, 0, 1);
  }

  EventQueue& queue_;
  Random& random_;
  RouterNode<Carp> router_;
  Put put_;
  Gone gone_;
  std::optional<hello::Session> session_;  // none: no control plane runs
  std::array<std::deque<hello::Message>, 2> arrived_;
  std::deque<hello::Message> punted_;
  std::deque<std::pair<Instant, hello::Message>> prepared_;
  std::vector<hello::Event> events_;
  bool worker_ran_ = false;
  Instant beat_{}, next_hello_{}, prepared_until_{}, control_back_{}, worker_back_{};
};

}  // namespace carpool::sim
