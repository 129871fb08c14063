// Follows the kernel's network state over rtnetlink, and asks the kernel to resolve neighbours.
#pragma once

#include <functional>
#include <memory>

#include "controlplane/runtime/network_state.h"
#include "dataplane/base/result.h"

namespace boost::asio {
class io_context;
}

namespace carpool {

class NetworkWatch {
 public:
  // Begins with a dump of everything. Follows the network namespace that the caller is in.
  [[nodiscard]] static Result<std::unique_ptr<NetworkWatch>> open(boost::asio::io_context& io);
  ~NetworkWatch();

  // Called from the event loop when the first dump is complete and after every change since,
  // however many messages a change took that arrived together.
  void set_on_change(std::function<void(const NetworkState&)> callback);

  // Empty until the first dump is complete.
  [[nodiscard]] const NetworkState& state() const;
  [[nodiscard]] bool synced() const;

  // Makes the kernel find out the MAC address of `address` on the link, as if it had a packet for
  // it: an unknown or failed neighbour is asked for by ARP, a stale one is confirmed (after 5 s
  // unless somebody talks to it, by default), one known to be reachable is left alone. The answer
  // arrives as a change of the neighbour. Traffic through the data plane does not keep the kernel's
  // entries fresh, so repeat this every few seconds for whatever is in use.
  [[nodiscard]] Result<void> request_resolution(int link, Ipv4Address address);

 private:
  struct Follower;
  explicit NetworkWatch(std::shared_ptr<Follower> follower);

  std::shared_ptr<Follower> follower_;
};

}  // namespace carpool
