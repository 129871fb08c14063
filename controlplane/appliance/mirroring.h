// Connection mirroring as a part of this node: starts and ends its runner as configuration and data
// plane come and go, carries its wishes to the workers, and says whether this node knows the peer's
// connections well enough to take over from it without need.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/mirror/runner.h"
#include "controlplane/mirror/snapshot.h"
#include "dataplane/abi/image.h"
#include "dataplane/abi/region.h"
#include "dataplane/base/time.h"

namespace boost::asio {
class io_context;
}

namespace carpool {

class Mirroring {
 public:
  // How long a node that starts looks for its peer before it goes on without.
  static constexpr Duration kPeerWait = std::chrono::seconds(3);

  struct Workers {
    std::function<void(bool on)> set_mirror;
    std::function<void(std::uint32_t serial)> walk;
  };
  // What passes between the operators of the two nodes.
  struct Operators {
    std::function<void(const mirror::RequestItem&)> asked;
    std::function<void(const mirror::AnswerItem&)> answered;
  };
  // Called from the event loop.
  Mirroring(boost::asio::io_context& io, Workers workers, Operators operators);
  ~Mirroring();

  // A configuration, the first one included.
  void configure(const config::Config& config, const std::string& digest);
  // A data plane came up. `adopted`: with connections, so there is nothing to wait for.
  void attach(const abi::Region& region, bool adopted, Instant now);
  void detach();
  // Of every forwarding image, before it is published.
  void image_changes(abi::ImageView image);
  // Groups that this node claims, and ends of connections that workers could not tell, so far.
  void tell(std::vector<std::string> claims, std::uint64_t ends_lost);
  // What this node thinks of servers, as far as it has changed.
  void tell_views(std::vector<mirror::ServerView> changed);

  // To the peer; lost where it is not there.
  void ask(mirror::RequestItem request);
  void answer(mirror::AnswerItem answer);

  // Why this node should leave its peer's groups where they are; nothing where it need not.
  [[nodiscard]] std::optional<std::string> why_not_in_sync(Instant now);

  // Nothing where mirroring is off; then why_off() says why.
  [[nodiscard]] std::optional<mirror::Snapshot> snapshot() const;
  [[nodiscard]] const std::string& why_off() const { return why_off_; }

 private:
  void start();
  void stop();
  void hear(const mirror::SessionEvent& event);

  boost::asio::io_context& io_;
  Workers workers_;
  Operators operators_;
  const config::Config* config_ = nullptr;
  const abi::Region* region_ = nullptr;
  mirror::NodeStatus status_;
  mirror::Names names_;
  std::map<std::string, mirror::ServerView> views_;  // of this node's servers, by name
  std::optional<mirror::RunnerSettings> settings_;
  std::unique_ptr<mirror::Runner> runner_;
  std::shared_ptr<int> lifetime_;  // of the runner: what it posted before its end is void after
  std::string why_off_ = "not configured";
  std::uint64_t ends_lost_ = 0;
  bool settled_ = true;  // the first bulk of this data plane has ended, or nobody is there to ask
  Instant attached_{};
};

}  // namespace carpool
