// What the two nodes think of the servers: each tells the other, so that an operator sees where
// they differ (a cable, a firewall, an address that only one of them reaches). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/mirror/message.h"
#include "dataplane/base/time.h"

namespace carpool::mirror {

struct ServerView {
  std::string name;  // "web/web1": the backend and the server
  ServerViewState state = ServerViewState::gone;
  std::string check{};  // "L4TOUT", "L7STS/503"; empty: it has not been checked
  std::string text{};   // why, in the words of the check; cut to kMaxViewText

  friend bool operator==(const ServerView&, const ServerView&) = default;
};

inline constexpr std::size_t kMaxViewText = 80;
// As many servers as a configuration can have; of more, nothing is kept.
inline constexpr std::size_t kMaxViews = 16384;

// A view of the other node's, and since when it is this one.
struct PeerView {
  ServerViewState state = ServerViewState::gone;
  std::string check;
  std::string text;
  Instant since{};
};
using PeerViews = std::map<std::string, PeerView, std::less<>>;

// Items that tell these views.
[[nodiscard]] std::vector<ItemBytes> encode_views(std::span<const ServerView> views);

// Both sides of it, for one session.
class ServerViews {
 public:
  // Of this node: those that have changed; gone: there is no such server any more. Returns what the
  // peer, where there is one, has to be told.
  [[nodiscard]] std::vector<ItemBytes> change(std::vector<ServerView> changed);
  // All of this node's, for a peer that joins.
  [[nodiscard]] std::vector<ItemBytes> all() const;

  void learn(const ViewsItem& item, Instant now);
  void forget_peer();
  // Never null. Another object after every change.
  [[nodiscard]] const std::shared_ptr<const PeerViews>& peer() const;

 private:
  std::map<std::string, ServerView, std::less<>> own_;
  PeerViews peer_;
  mutable std::shared_ptr<const PeerViews> published_ = std::make_shared<PeerViews>();
  mutable bool changed_ = false;  // since it was published
};

}  // namespace carpool::mirror
