// What operators ask of a node: to hand its groups over to the other one, to do so there and back,
// and to stay out of the way for maintenance. One place for all ways in (the control socket, the
// console, the peer's operator): they bring words and get results.
//
// A switchover is a conversation. The peer is asked whether it could take the group; then the group
// says its farewell but goes on until the peer's advert is heard, so there is no moment without a
// master; what is still under way to this node by then is forwarded (dataplane/stage/linger.cc).
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "controlplane/appliance/handover.h"
#include "controlplane/appliance/operator_state.h"
#include "controlplane/config/model.h"
#include "controlplane/mirror/message.h"
#include "controlplane/mirror/snapshot.h"
#include "controlplane/redundancy/runner.h"
#include "dataplane/base/time.h"

namespace carpool {

// The node, as far as operations see and move it.
class OperationsNode {
 public:
  OperationsNode() = default;
  OperationsNode(const OperationsNode&) = delete;
  OperationsNode& operator=(const OperationsNode&) = delete;
  virtual ~OperationsNode() = default;

  [[nodiscard]] virtual const config::Config& config() const = 0;
  [[nodiscard]] virtual std::span<const GroupReport> groups() const = 0;
  [[nodiscard]] virtual std::optional<mirror::Snapshot> mirroring() const = 0;
  [[nodiscard]] virtual std::string why_no_mirroring() const = 0;
  // Why this node does not know the peer's connections; empty if it does.
  [[nodiscard]] virtual std::string out_of_sync() = 0;

  virtual void hand_over(const std::string& group) = 0;
  virtual void keep_mastership(const std::string& group) = 0;
  // What operators wish has changed, and with it what demotes the groups.
  virtual void wishes_changed() = 0;
  virtual void ask_peer(const mirror::RequestItem& request) = 0;
  virtual void answer_peer(const mirror::AnswerItem& answer) = 0;
};

// A group that has changed hands.
struct GroupMove {
  std::string group;
  std::string from, to;  // nodes
  Duration took{};       // from the farewell until the new holder was heard; both forwarded in it
};
struct DrillReport {
  std::vector<GroupMove> there, back;
};
struct MaintenanceReport {
  bool on = false;
  std::vector<std::string> groups;  // that it is about
  std::vector<GroupMove> moved;
  std::string kept;  // why groups stay here all the same
};

class Operations {
 public:
  template <class Value>
  using Outcome = std::expected<Value, Refusal>;
  template <class Value>
  using Pending = boost::asio::awaitable<Outcome<Value>>;

  // `file`: where wishes are kept.
  Operations(boost::asio::io_context& io, OperationsNode& node, std::filesystem::path file);

  // What an earlier carpoold was asked.
  void recall();

  // The named group and its sync-group; without a name all that this node has, or if it has none,
  // all that the peer has. `who` is for log and status.
  [[nodiscard]] Pending<std::vector<GroupMove>> switchover(std::string group, std::string who);
  [[nodiscard]] Pending<DrillReport> drill(std::string group, std::string who);
  // Maintenance begins or ends; without a name for all groups.
  [[nodiscard]] Pending<MaintenanceReport> demote(bool on, std::string group, std::string who);

  // From the peer.
  void asked(const mirror::RequestItem& request);
  void answered(const mirror::AnswerItem& answer);

  // To be called now and then: a switchover's effect ends when its group comes back.
  void observe();

  [[nodiscard]] std::vector<Demotion::Source> demotions(std::string_view group) const;

  // How long the drill stays on the other node: its announcements are over by then.
  static constexpr Duration kDrillStay = std::chrono::seconds(3);

 private:
  using Names = std::vector<std::string>;
  template <class Value>
  using Awaitable = boost::asio::awaitable<Value>;

  Pending<std::vector<GroupMove>> move(std::string group, std::string who);
  Pending<std::vector<GroupMove>> give(Names groups, std::string who);
  Pending<std::vector<GroupMove>> fetch(std::string group, std::string who);
  Awaitable<std::optional<Refusal>> prepare(const Names& groups, std::string who);
  Awaitable<std::optional<mirror::AnswerItem>> ask(mirror::RequestItem request, Duration limit);
  Awaitable<void> serve(mirror::RequestItem request);
  Awaitable<bool> wait_until(std::function<bool()> holds, Duration limit);
  Awaitable<void> pause(Duration duration);

  [[nodiscard]] mirror::AnswerItem judge_request(const mirror::RequestItem& request);
  void settle_moved(const std::string& group, const std::string& who);
  [[nodiscard]] const GroupReport* find(std::string_view group) const;
  [[nodiscard]] std::string peer_name() const;
  [[nodiscard]] std::shared_ptr<int> begin();  // nothing: something is under way
  void save();

  boost::asio::io_context& io_;
  OperationsNode& node_;
  std::filesystem::path file_;
  OperatorState state_;
  std::weak_ptr<int> under_way_;  // one at a time
  std::uint32_t last_request_ = 0;
  std::map<std::uint32_t, std::optional<mirror::AnswerItem>> answers_;  // that are waited for
  bool giving_ = false;  // groups that come back meanwhile come back from a farewell
};

}  // namespace carpool
