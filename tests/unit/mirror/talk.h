// Two sessions and a wire between them, on a clock that only moves when it is told to.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/mirror/session.h"

namespace carpool::mirror::test {

using namespace std::chrono_literals;

inline Names names_of(std::vector<std::string> services, std::vector<std::string> servers) {
  return {std::move(services), std::move(servers)};
}

inline std::vector<PreSharedKey> some_keys() {
  PreSharedKey key{1, {}};
  key.secret.fill(42);
  return {key};
}

// A node: its session and what came out of it.
struct End {
  End(std::string the_name, std::uint8_t start_byte) : name(std::move(the_name)) {
    start(start_byte);
  }
  // The program starts (again).
  void start(std::uint8_t start_byte) {
    Session::Start bits;
    bits.fill(start_byte);
    session = std::make_unique<Session>(some_keys(), bits, SessionTiming{});
    session->set_status({name, "digest", 0, {}});
    session->set_names(names_of({"web"}, {"web/web1"}), {});
    session->set_workers(1);
    output = {};
  }
  // "peer 'b' is there", ...; they are forgotten here.
  std::vector<std::string> events() {
    std::vector<std::string> texts;
    for (const SessionEvent& event : output.events)
      texts.push_back(describe(event));
    output.events.clear();
    return texts;
  }
  template <class Event>
  const Event* find() const {
    for (const SessionEvent& event : output.events) {
      if (const auto* found = std::get_if<Event>(&event)) return found;
    }
    return nullptr;
  }
  std::vector<abi::MirrorRecord> records() { return std::exchange(output.records, {}); }

  std::string name;
  std::unique_ptr<Session> session;
  SessionOutput output;
};

struct Talk {
  End a{"a", 1};
  End b{"b", 2};
  Instant now = Instant(1000s);
  bool cut_a_to_b = false;
  bool cut_b_to_a = false;
  std::function<void(const Datagram&)> tap = [](const Datagram&) {};  // sees what a sends

  // What either side has sent arrives, and what they answer, until nobody says anything.
  void exchange() {
    a.session->flush(now, a.output);
    b.session->flush(now, b.output);
    for (int rounds = 0; rounds < 1000; ++rounds) {
      const bool moved = deliver(a, b, cut_a_to_b, tap);
      if (!deliver(b, a, cut_b_to_a, [](const Datagram&) {}) && !moved) return;
    }
  }
  void run(Duration duration) {
    for (const Instant end = now + duration; now < end; now += 1ms) {
      a.session->tick(now, a.output);
      b.session->tick(now, b.output);
      exchange();
    }
  }
  // Both have found each other, and have nothing more to say.
  void meet() {
    run(250ms);
    finish_walk(a);
    finish_walk(b);
    run(10ms);
    a.output = b.output = {};
  }
  // The worker of this node has nothing to tell (any more).
  void finish_walk(End& end) {
    const auto* walk = end.find<WalkWanted>();
    if (walk == nullptr) return;
    abi::MirrorRecord record;
    record.kind = abi::MirrorKind::bulk_end;
    record.serial = walk->serial;
    end.session->add(0, {&record, 1}, now);
  }
  void tell(End& end, std::vector<abi::MirrorRecord> records) {
    end.session->add(0, records, now);
    end.session->flush(now, end.output);
  }

 private:
  bool deliver(End& from, End& to, bool cut, const std::function<void(const Datagram&)>& see) {
    auto datagrams = std::exchange(from.output.datagrams, {});
    for (Datagram& datagram : datagrams) {
      see(datagram);
      if (!cut)
        to.session->receive(std::span(datagram.bytes).first(datagram.length), now, to.output);
    }
    to.session->flush(now, to.output);
    return !datagrams.empty();
  }
};

}  // namespace carpool::mirror::test
