// Indices of a forwarding image are a node's own affair; between nodes a service and a server go by
// name. This translates.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/mirror/message.h"
#include "dataplane/abi/image.h"
#include "dataplane/abi/mirror.h"

namespace carpool::mirror {

// What this node's indices mean, by index; an empty name: nothing. A record needs no name of its
// group: that is its service's.
struct Names {
  std::vector<std::string> services;  // as the image calls them: "web", "web@internal"
  std::vector<std::string> servers;   // "web/web1": the service and the server

  friend bool operator==(const Names&, const Names&) = default;
};

[[nodiscard]] Names names_of(abi::ImageView image);

// Items that tell the peer what has changed from `before` to `now`.
[[nodiscard]] std::vector<ItemBytes> encode_changes(const Names& before, const Names& now);

// The other node's indices as this node's.
class NameTranslation {
 public:
  // Names of the peer that are unknown here and have been met in a record are remembered, this
  // many.
  static constexpr std::size_t kMaxUnknown = 16;

  void set_local(const Names& local);
  void learn(const NamesItem& item);
  void forget_peer();

  // Replaces service and server; false if either is unknown here. `fresh_unknown` is then the name
  // of what is unknown when it is met for the first time, else empty.
  [[nodiscard]] bool translate(abi::MirrorRecord& record, std::string& fresh_unknown);
  // "service 'web'", "server 'web/web1'"
  [[nodiscard]] const std::vector<std::string>& unknown() const { return unknown_; }

 private:
  struct Entry {
    std::string name;
    int local = -1;
    bool reported = false;
  };
  struct Table {
    std::string_view what;
    std::vector<Entry> peer;                               // by its index
    std::unordered_map<std::string, std::uint16_t> local;  // by name
    [[nodiscard]] int find(const std::string& name) const;
    void set_local(std::span<const std::string> names);
  };
  [[nodiscard]] bool translate(Table& table, std::uint16_t& index, std::string& fresh_unknown);

  Table services_{"service", {}, {}};
  Table servers_{"server", {}, {}};
  std::vector<std::string> unknown_;
};

}  // namespace carpool::mirror
