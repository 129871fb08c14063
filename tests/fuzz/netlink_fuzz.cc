// Applies a datagram of rtnetlink messages to a state that has something of everything, and looks
// routes up in what comes of it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "controlplane/runtime/netlink_message.h"
#include "controlplane/runtime/network_state.h"

namespace {

using namespace carpool;

NetworkState initial() {
  NetworkState state;
  state.links[3] = Link{.index = 3, .name = "v0", .mtu = 1500, .enabled = true};
  state.addresses = {{3, {Ipv4Address::of(10, 0, 0, 1), 24}}};
  state.routes = {{.destination = {{}, 0},
                   .metric = 100,
                   .hops = {{.link = 3, .gateway = Ipv4Address::of(10, 0, 0, 254)}}},
                  {.destination = {Ipv4Address::of(10, 0, 0, 0), 24}, .hops = {{.link = 3}}}};
  state.neighbours[{3, Ipv4Address::of(10, 0, 0, 254)}] = {.mac = {{2, 0, 0, 0, 0, 1}}, .state = 2};
  return state;
}

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const NetworkState kInitial = initial();
  NetworkState state = kInitial;
  netlink::Bytes datagram(data, size);
  while (const auto message = netlink::take_message(datagram)) {
    const NetworkState before = state;
    const auto outcome = apply_message(state, *message);
    require(outcome.changed == (state != before));
    apply_message(state, *message);
  }
  for (const auto destination : {Ipv4Address::of(10, 0, 0, 7), Ipv4Address::of(192, 0, 2, 1),
                                 Ipv4Address::of(10, 0, 0, 254)}) {
    const auto hop = next_hop(state, destination);
    require(!hop || state.links.contains(hop->link));
  }
  return 0;
}
