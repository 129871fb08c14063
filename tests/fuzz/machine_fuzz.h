// Any sequence of events for a protocol machine: it keeps its timers and its claim on the addresses
// in order. The first bytes are the configuration, then each event is a byte with its operands.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "tests/sim/router_node.h"

namespace carpool::sim {

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

// From below, from ourselves, or from above.
inline Ipv4Address read_source(Bytes& bytes) {
  return Ipv4Address::of(10, 0, 0, static_cast<std::uint8_t>(1 + bytes.next() % 3));
}

// read_config(bytes) -> configuration; read_advert(bytes, what was sent last) -> advert.
template <class Protocol, class ReadConfig, class ReadAdvert>
void play(Bytes& bytes, ReadConfig read_config, ReadAdvert read_advert) {
  using Advert = typename Protocol::AdvertReceived;
  EventQueue queue;
  Random random(1);
  Advert sent;
  const Surroundings<Protocol> surroundings{queue,
                                            random,
                                            [&sent](const Advert& advert) { sent = advert; },
                                            {},
                                            [](const std::string& what) {
                                              std::fprintf(stderr, "%s\n", what.c_str());
                                              std::abort();
                                            }};
  RouterNode<Protocol> node("node", read_config(bytes), surroundings);
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

inline constexpr std::size_t kMaxFuzzBytes = 512;  // longer courses only take longer

}  // namespace carpool::sim
