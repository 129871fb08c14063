// Works out which way every server is reached, and sees to it that the link-layer addresses on the
// way stay known: the data plane's traffic does not pass through the kernel, so without being asked
// the kernel would forget them. Pure: the kernel's state and the time go in, requests come out.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "controlplane/link/reachability.h"
#include "controlplane/runtime/network_state.h"
#include "dataplane/abi/image.h"
#include "dataplane/abi/region.h"
#include "dataplane/base/time.h"
#include "dataplane/net/address.h"

namespace carpool::link {

// The ports of an attached data plane, with the kernel's interfaces that bear their devices' names.
[[nodiscard]] std::vector<RegionPort> region_ports(const abi::RegionHeader& header,
                                                   const NetworkState& network);

class NextHops {
 public:
  // How often the kernel is asked to confirm an entry that it holds for stale.
  static constexpr Duration kRefresh = std::chrono::seconds(10);
  // Unknown and failed ones: first this long after the request before, then ever twice as long.
  static constexpr Duration kFirstRetry = std::chrono::seconds(1);
  static constexpr Duration kLastRetry = std::chrono::seconds(30);
  // A neighbour that no server needs any more is kept up to date for its last connections.
  static constexpr Duration kLinger = std::chrono::hours(1);
  // Ten thousand servers are not asked for in one burst.
  static constexpr std::size_t kMaxRequestsPerStep = 256;
  static constexpr Duration kPace = std::chrono::milliseconds(50);

  struct Step {
    bool changed = false;                // reachability() did: build a new image
    std::vector<NeighbourKey> requests;  // ask the kernel to resolve or confirm these
    Instant next{};                      // call step() again by then, or when the network changes
  };

  void set_servers(std::vector<Ipv4Address> servers);
  void set_ports(std::vector<RegionPort> ports);
  // After a restart: link-layer addresses that a running data plane has, until the kernel says
  // something else.
  void adopt(abi::ImageView image);

  [[nodiscard]] Step step(const NetworkState& network, Instant now);
  [[nodiscard]] const Reachability& reachability() const { return reachability_; }

 private:
  struct Tracked {
    bool wanted = false;
    bool usable = false;  // in the kernel's eyes, when last looked at
    std::optional<Instant> unwanted_since;
    Instant next_request{};  // at once
    Duration retry = kFirstRetry;
  };

  [[nodiscard]] bool topology_changed(const NetworkState& network);
  [[nodiscard]] bool route_servers(const NetworkState& network);
  [[nodiscard]] Reach reach(const NetworkState& network, Ipv4Address server) const;
  bool follow(const PortNeighbour& key, Tracked& tracked, const Neighbour* known, Step& step,
              Instant now);

  std::vector<Ipv4Address> servers_;
  std::vector<RegionPort> ports_;
  NetworkState topology_;  // as last routed by; without neighbours
  bool routed_ = false;
  std::unordered_map<PortNeighbour, Tracked, PortNeighbourHash> tracked_;
  Reachability reachability_;
};

}  // namespace carpool::link
