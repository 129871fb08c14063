// Fast hellos as a part of this node: which links and groups have them follows from configuration
// and data plane; the appliance is told when the peer is gone for a group.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/peer/hello_runner.h"
#include "controlplane/redundancy/runner.h"
#include "dataplane/abi/region.h"

namespace boost::asio {
class io_context;
}

namespace carpool {

class FastHello {
 public:
  // Called from the event loop.
  using OnGone = std::function<void(const hello::PeerGone&)>;

  FastHello(boost::asio::io_context& io, OnGone on_gone);
  ~FastHello();

  // A configuration, the first one included; it has to outlive its use here.
  void configure(const config::Config& config);
  // Groups and their ports, when they have changed.
  void follow(std::span<const GroupReport> groups);
  void attach(const abi::Region& region);
  void detach();
  // A group has changed its state.
  void tell(std::span<const GroupReport> groups);
  // This node leaves: its silence is no news from now on.
  void leave() { stop(); }

  // Nothing where no group has fast hellos; then why_off() says why.
  [[nodiscard]] std::optional<hello::Snapshot> snapshot() const;
  [[nodiscard]] const std::string& why_off() const { return why_off_; }

 private:
  void start();
  void stop();
  void hear(const hello::Event& event);

  boost::asio::io_context& io_;
  OnGone on_gone_;
  const config::Config* config_ = nullptr;
  const abi::Region* region_ = nullptr;
  std::unique_ptr<hello::Runner> runner_;
  std::shared_ptr<int> lifetime_;  // of the runner: what it posted before its end is void after
  std::optional<hello::RunnerSettings> settings_;
  hello::SessionSettings session_;
  std::vector<hello::DataLink> data_links_;
  std::vector<hello::GroupId> claims_;
  std::string why_off_ = "not configured";
};

}  // namespace carpool
