// Runs the protocol machines of all groups of a node: turns frames, time and the state of the node
// into events, and performs the actions that come back, in order. It decides nothing itself. Time
// comes in with every call, frames and claims go out through RedundancyEffects, so a test runs it
// on a clock of its own.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/redundancy/carp.h"
#include "controlplane/redundancy/carp_classify.h"
#include "controlplane/redundancy/machine.h"
#include "controlplane/redundancy/vrrp.h"
#include "controlplane/redundancy/vrrp_classify.h"
#include "dataplane/base/time.h"
#include "dataplane/net/address.h"

namespace carpool {

struct GroupReport;

// What a runner does to the world.
class RedundancyEffects {
 public:
  RedundancyEffects() = default;
  RedundancyEffects(const RedundancyEffects&) = delete;
  RedundancyEffects& operator=(const RedundancyEffects&) = delete;
  virtual ~RedundancyEffects() = default;

  // Hands a frame to the data plane for sending by that port. false: it was not taken.
  virtual bool send(std::uint16_t port, std::span<const std::uint8_t> frame) = 0;
  // The link-layer address under which a unicast peer is reached by that port; nothing while it is
  // not known.
  virtual std::optional<MacAddress> resolve(std::uint16_t port, Ipv4Address address) = 0;
  // The data plane claims the addresses of the group, or gives them up. Idempotent.
  virtual void set_group(std::string_view group, bool active) = 0;
  // For the log: what happened to which group, in words.
  virtual void note_transition(std::string_view group, std::string_view what) = 0;
  virtual void note_foreign(std::string_view group, std::string_view what) = 0;
  // For those who want to be told: the group is in a new state.
  virtual void announce_state(const GroupReport& group) = 0;
};

struct CarpSettings {
  CarpConfig config;
  CarpKey key;

  friend bool operator==(const CarpSettings&, const CarpSettings&) = default;
};
struct VrrpSettings {
  VrrpConfig config;
  VrrpGroup group;
  VrrpChecksum checksum = VrrpChecksum::kWithPseudoHeader;  // of what we send

  friend bool operator==(const VrrpSettings&, const VrrpSettings&) = default;
};

// A group as it is on this node.
struct GroupSettings {
  std::string name;
  std::variant<CarpSettings, VrrpSettings> protocol;
  std::uint16_t port = 0;  // adverts leave and arrive here
  MacAddress mac;          // what adverts come from and announcements name
  MacAddress port_mac;     // what unicast adverts come from

  struct Announced {
    Ipv4Address address;
    std::uint16_t port = 0;
    friend bool operator==(const Announced&, const Announced&) = default;
  };
  std::vector<Announced> announced;  // virtual and floating addresses

  friend bool operator==(const GroupSettings&, const GroupSettings&) = default;
  [[nodiscard]] std::uint8_t id() const;     // vhid or vrid
  [[nodiscard]] Ipv4Address source() const;  // of adverts; unspecified: the port has no address
  [[nodiscard]] bool is_vrrp() const { return std::holds_alternative<VrrpSettings>(protocol); }
};

// Adverts with our vhid that are not from a peer of ours.
struct ForeignAdverts {
  std::uint64_t count = 0;
  Ipv4Address last_sender;
  std::string_view reason;
  Instant last_seen;
  Instant last_logged;
};

// What status shows of a group.
struct GroupReport {
  GroupSettings settings;
  std::variant<CarpMachine, VrrpMachine> machine;  // of the protocol in the settings
  Instant since;                                   // of the present state
  std::string cause;                               // of the last change of state
  bool usable = false;
  std::string why_unusable;
  ForeignAdverts foreign;
  std::uint64_t malformed = 0;  // adverts on the group's port that are none
  std::uint64_t transitions = 0;

  [[nodiscard]] RouterState state() const;
  [[nodiscard]] const Demotion& demotion() const;
  [[nodiscard]] std::string_view state_name() const;  // in the protocol's words
};

class RedundancyRunner {
 public:
  // `random` gives fresh random bits: the counters that machines start from.
  RedundancyRunner(RedundancyEffects& effects, std::function<std::uint64_t()> random)
      : effects_(effects), random_(std::move(random)) {}

  // The groups from now on. One that is not there any more leaves; a new one starts unusable, in
  // INIT; one with another vhid or port is another group; any other change is an event, and a group
  // that did not change does not notice.
  void configure(std::vector<GroupSettings> groups, Instant now);

  // Whether the group can send and receive and the data plane forwards; if not, why.
  void set_usable(std::string_view group, bool usable, std::string_view why, Instant now);
  // Not to be claimed here any more, though the group could still be: it says that it leaves, so
  // that a peer takes over at once. Until the next set_usable(true).
  void retire(std::string_view group, std::string_view why, Instant now);
  // Instead of set_usable(true), where the data plane claims the group's addresses already: the
  // control plane was away and nobody noticed.
  void adopt(std::string_view group, Instant now);
  // These are the reasons to demote the group from now on, besides those that it finds itself.
  void set_demotions(std::string_view group, std::span<const Demotion::Source> reasons,
                     Instant now);
  // Sets one reason to demote the group, or removes it (value 0).
  void demote(std::string_view group, std::string_view source, unsigned value, std::string_view why,
              Instant now);

  // Planned switchover: says that this node leaves, and goes on until a peer has taken over. What
  // came of it is seen in the group's state.
  void hand_over(std::string_view group, Instant now);
  // Nobody took over: goes on as if nothing had been said.
  void keep_mastership(std::string_view group, Instant now);

  // A frame of protocol 112 that arrived at a port.
  void receive(std::uint16_t port, std::span<const std::uint8_t> frame, Instant now);
  // Fires the timers that are due.
  void expire(Instant now);
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  // Evidence from elsewhere that the node which sends its adverts from `source` is gone.
  void lose_peer(std::string_view name, Ipv4Address source, Instant now);

  // Planned exit: every group says that it leaves, and releases its addresses.
  void leave_all(std::string_view why, Instant now);
  // Says to the data plane again who is master: it may be a new one that knows nothing.
  void repeat_claims();

  [[nodiscard]] std::span<const GroupReport> groups() const { return groups_; }

 private:
  struct Timers {
    std::array<std::optional<Instant>, kRouterTimers> deadlines;
  };

  GroupReport* find(std::string_view name);
  Timers& timers_of(const GroupReport& group);
  void remove(std::size_t index, Instant now);

  // What happens to every machine alike.
  template <class Event>
  void handle(GroupReport& group, const Event& event, Instant now);
  template <class Protocol>
  void drive(GroupReport& group, const typename Protocol::Happening& what, Instant now);

  void perform(GroupReport& group, const ArmTimer& action, Instant now);
  void perform(GroupReport& group, const CancelTimer& action, Instant now);
  void perform(GroupReport& group, const BecomeMaster& action, Instant now);
  void perform(GroupReport& group, const BecomeBackup& action, Instant now);
  void perform(GroupReport& group, const Announce& action, Instant now);
  void perform(GroupReport& group, const StateChanged& action, Instant now);
  bool send_advert(const GroupReport& group, const SendCarpAdvert& action);
  bool send_advert(const GroupReport& group, const SendVrrpAdvert& action);

  void take(GroupReport& group, const CarpClassification& classified, Instant now);
  void take(GroupReport& group, const VrrpClassification& classified, Instant now);
  void note_foreign(GroupReport& group, Ipv4Address source, const MacAddress& source_mac,
                    std::string_view reason, Instant now);

  RedundancyEffects& effects_;
  std::function<std::uint64_t()> random_;
  std::vector<GroupReport> groups_;
  std::vector<Timers> timers_;  // of the group at the same index
};

}  // namespace carpool
