// Any sequence of events: the machine keeps its timers, its counter and its claim on the addresses
// in order. The first bytes are the configuration, then each event is a byte with its operands.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/sim/carp_node.h"

namespace carpool::sim {
namespace {

// What is not there reads as zero.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
  [[nodiscard]] bool empty() const { return left_ == 0; }
  std::uint8_t next() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

constexpr Ipv4Address kOwn = Ipv4Address::of(10, 0, 0, 2);

CarpConfig read_config(Bytes& bytes) {
  CarpConfig config;
  config.advbase = std::max<std::uint8_t>(1, bytes.next());
  config.advskew = std::min<std::uint8_t>(254, bytes.next());
  const std::uint8_t flags = bytes.next();
  config.preempt = (flags & 1) != 0;
  config.order = (flags & 2) != 0 ? CarpOrder::kDemotionFirst : CarpOrder::kInterval;
  config.preempt_delay = std::chrono::seconds(flags >> 2);
  config.source = kOwn;
  return config;
}

// From below, from ourselves, or from above; with a counter that may be one of ours.
CarpAdvertReceived read_advert(Bytes& bytes, std::uint64_t sent) {
  CarpAdvertReceived advert;
  advert.source = Ipv4Address::of(10, 0, 0, static_cast<std::uint8_t>(1 + bytes.next() % 3));
  advert.advbase = bytes.next();
  advert.advskew = bytes.next();
  advert.demotion = bytes.next();
  advert.counter = sent - bytes.next();
  return advert;
}

void play(Bytes& bytes) {
  EventQueue queue;
  Random random(1);
  std::uint64_t sent = 0;
  const CarpSurroundings surroundings{
      queue,
      random,
      [&sent](const CarpAdvertReceived& advert) { sent = advert.counter; },
      {},
      [](const std::string& what) {
        std::fprintf(stderr, "%s\n", what.c_str());
        std::abort();
      }};
  CarpNode node("node", read_config(bytes), surroundings);
  node.boot();
  while (!bytes.empty()) {
    switch (bytes.next() % 11) {
      case 0:
        queue.run_until(queue.now() + std::chrono::milliseconds(bytes.next()));
        break;
      case 1:
        queue.run_until(queue.now() + std::chrono::seconds(bytes.next() % 32));
        break;
      case 2:
      case 3:
        node.receive(read_advert(bytes, sent));
        break;
      case 4:
        node.set_link(!node.link());
        break;
      case 5:
        node.demote(bytes.next() % 2 == 0 ? "port" : "backend", bytes.next());
        break;
      case 6:
        node.configure(read_config(bytes));
        break;
      case 7:
        node.break_sending(bytes.next() % 2 == 0);
        break;
      case 8:
        node.peer_lost(Ipv4Address::of(10, 0, 0, 1));
        break;
      case 9:
        node.restart_control_plane();
        break;
      case 10:
        node.leave();
        node.boot();
        break;
    }
  }
  queue.run_until(queue.now() + std::chrono::seconds(60));
}

}  // namespace
}  // namespace carpool::sim

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxBytes = 512;  // longer courses only take longer
  carpool::sim::Bytes bytes(data, std::min(size, kMaxBytes));
  carpool::sim::play(bytes);
  return 0;
}
