// Keeps the data plane's forwarding image true: collects what it is made from (configuration,
// server states, routes and neighbours), and builds and publishes a new one when any of it has
// changed, several changes at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/link/counters.h"
#include "controlplane/link/event_reader.h"
#include "controlplane/link/ids.h"
#include "controlplane/link/image_builder.h"
#include "controlplane/link/maglev.h"
#include "controlplane/link/next_hops.h"
#include "controlplane/link/publisher.h"
#include "controlplane/link/server_totals.h"
#include "controlplane/runtime/network_state.h"
#include "dataplane/abi/region.h"
#include "dataplane/base/time.h"

namespace carpool {

class Forwarding {
 public:
  // Asks the kernel for a neighbour's link-layer address.
  using Resolve = std::function<void(const NeighbourKey&)>;

  // Gets every new image before the data plane does.
  using Announce = std::function<void(abi::ImageView)>;

  Forwarding(Resolve resolve, Announce announce)
      : resolve_(std::move(resolve)), announce_(std::move(announce)) {}

  // The configuration has to outlive its use here. Server states go with it.
  void configure(const config::Config& config, link::ServerStates states);
  void set_states(link::ServerStates states);
  void network_changed() { network_changed_ = true; }

  // A data plane came up. The region has to outlive the attachment. `adopted`: it ran before, so
  // what it counts for whom is taken over from its image.
  void attach(abi::Region& region, bool adopted, const NetworkState& network, Instant now);
  void detach();

  // Whether the data plane claims the group now: it was told to, and is not fenced.
  [[nodiscard]] bool claims(std::string_view group) const;
  void set_group(std::string_view group, bool active, Instant now);
  void set_mirror(bool on, Instant now) { publisher_.set_mirror(on, now); }
  void request_bulk(std::uint32_t serial, Instant now) { publisher_.request_bulk(serial, now); }
  void beat() { publisher_.beat(); }

  // Does what is due; call it every few milliseconds.
  void tick(const NetworkState& network, Instant now);

  [[nodiscard]] link::CountersSnapshot counters();
  // By server, in the order of the configuration; see ServerTotalsReader. Nothing where there is no
  // data plane, or none yet that knows the configuration.
  [[nodiscard]] std::optional<std::vector<link::ServerTotals>> server_totals() const;
  [[nodiscard]] const std::vector<link::RegionPort>& ports() const { return ports_; }
  [[nodiscard]] const link::Reachability& reachability() const { return next_hops_.reachability(); }
  // The link-layer address under which a server or a unicast peer is reached by that port; nothing
  // while it is not known.
  [[nodiscard]] std::optional<MacAddress> neighbour(std::uint16_t port, Ipv4Address address) const;
  [[nodiscard]] const link::ServerStates& states() const { return states_; }
  // What keeps parts of the configuration from working, for an operator.
  [[nodiscard]] std::vector<std::string> problems() const;
  // Somebody else says that it owns an address of ours: who, and when last.
  struct Conflict {
    Ipv4Address address;
    MacAddress mac;
    Instant last;
  };
  [[nodiscard]] const std::optional<Conflict>& conflict() const { return conflict_; }

 private:
  void release_unknown_groups(Instant now);
  void follow_network(const NetworkState& network, Instant now);
  void build(Instant now);
  void poll_data_plane(Instant now);

  Resolve resolve_;
  Announce announce_;
  const config::Config* config_ = nullptr;
  link::ServerStates states_;
  abi::Region* region_ = nullptr;
  std::vector<link::RegionPort> ports_;

  link::Publisher publisher_;
  std::optional<link::EventReader> events_;
  link::Ids ids_;
  link::MaglevTables maglev_;
  link::NextHops next_hops_;
  link::CounterReader counters_;
  link::ServerTotalsReader server_totals_;
  std::vector<std::byte> previous_;  // the newest image; empty: none yet
  std::array<std::uint64_t, 2> secret_{};

  bool network_changed_ = true;
  bool image_stale_ = true;
  bool indices_stale_ = true;  // server_totals_ does not know the newest ones
  Instant next_network_step_{};
  Instant last_build_{};
  Instant next_poll_{};
  bool settled_ = false;  // the data plane has carried out everything
  std::vector<std::string> image_problems_;
  std::string build_error_;
  std::vector<std::string> publisher_reports_;  // as long as not everything is acknowledged
  std::optional<Conflict> conflict_;
};

}  // namespace carpool
