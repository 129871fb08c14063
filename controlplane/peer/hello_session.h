// Judges from hellos whether the other node is alive. Pure: no clock, socket, thread or randomness;
// time comes with every call. It changes in place, as it lives on a thread that must not allocate
// much.
//
// What a hello proves. Each side has a life (random for each start) and a challenge, and repeats
// the challenges that it hears: of the peer that it knows, and of the stranger that it heard last.
// A hello counts only if it repeats this side's challenge, so it was made after that was chosen,
// and if its number is higher than those before it. A stranger that does so is the peer from then
// on; this side then takes a new challenge, so that nothing which an earlier peer has sent can ever
// make a stranger of it again. Recordings prove nothing at any time, and cannot end what is proven.
//
// What silence proves. A link is lost after `count` intervals without a hello, as counted by this
// side's own looks: time in which this side itself did not run, or (on a data link) its workers did
// not, is not the peer's silence. A peer is gone for a group when both the group's data link and
// the peer link are lost; or when the data link is lost and the peer says, over the peer link, that
// it takes no part in the group any more. One lost link is told, and nothing else.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/peer/hello_message.h"
#include "dataplane/base/time.h"
#include "dataplane/net/address.h"

namespace carpool::hello {

struct LinkSettings {
  std::string name;  // "peer", or the name of the port
  LinkId id{};
  std::chrono::milliseconds interval{10};
  unsigned count = 5;  // so many intervals without a hello, and the link is lost

  friend bool operator==(const LinkSettings&, const LinkSettings&) = default;
};

struct GroupSettings {
  std::string name;
  GroupId id{};
  std::size_t link = 1;  // index of its data link
  std::chrono::milliseconds interval{10};
  unsigned count = 5;

  friend bool operator==(const GroupSettings&, const GroupSettings&) = default;
};

struct SessionSettings {
  std::vector<LinkSettings> links;  // the first one is the peer link
  std::vector<GroupSettings> groups;

  friend bool operator==(const SessionSettings&, const SessionSettings&) = default;
};

// ---- What happens -------------------------------------------------------------------------------

struct PeerFound {  // another carpool, or the same one after a new start
  friend bool operator==(const PeerFound&, const PeerFound&) = default;
};
struct PeerEnded {  // it said goodbye
  friend bool operator==(const PeerEnded&, const PeerEnded&) = default;
};
struct LinkLost {
  std::string link;
  friend bool operator==(const LinkLost&, const LinkLost&) = default;
};
struct LinkBack {
  std::string link;
  friend bool operator==(const LinkBack&, const LinkBack&) = default;
};
enum class GoneCause : std::uint8_t {
  silent,    // on both links
  released,  // its data link is silent, and it says that it takes no part any more
};
struct PeerGone {
  std::string group;
  Ipv4Address source;  // of its hellos, and so of its adverts, on the group's data link
  GoneCause cause = GoneCause::silent;
  friend bool operator==(const PeerGone&, const PeerGone&) = default;
};
using Event = std::variant<PeerFound, PeerEnded, LinkLost, LinkBack, PeerGone>;
[[nodiscard]] std::string describe(const Event& event);

// ---- The machine --------------------------------------------------------------------------------

enum class LinkState : std::uint8_t { unheard, up, lost };
[[nodiscard]] std::string_view name(LinkState state);

struct LinkReport {
  std::string name;
  LinkState state = LinkState::unheard;
  Duration silence{};          // as far as it is the peer's
  std::uint64_t heard = 0;     // hellos that counted
  std::uint64_t losses = 0;    // times that it was lost
  Duration longest_silence{};  // that did not end in a loss

  friend bool operator==(const LinkReport&, const LinkReport&) = default;
};

class Session {
 public:
  // Both random.
  Session(Life life, Challenge first);

  // Links and groups that stay keep what is known of them.
  void configure(SessionSettings settings);

  // A hello that came in by a link, from this address, and is authentic. Nothing: it counts.
  std::optional<Drop> hear(std::size_t link, const Message& message, Ipv4Address source);

  // Counts silence up to now. To be called several times per interval, and after all that has
  // arrived was heard. `workers_ran`: since the last look, every one of them.
  void look(Instant now, bool workers_ran, std::vector<Event>& events);

  // The next hello to send by a link. On the peer link it tells the claims.
  [[nodiscard]] Message next(std::size_t link);
  [[nodiscard]] Message goodbye();

  // The groups that this node takes part in: it is MASTER or BACKUP.
  void set_claims(std::vector<GroupId> claims) { claims_ = std::move(claims); }

  [[nodiscard]] const SessionSettings& settings() const { return settings_; }
  [[nodiscard]] bool has_peer() const { return peer_.has_value(); }
  [[nodiscard]] bool peer_ended() const { return peer_ && peer_->ended; }
  [[nodiscard]] std::vector<LinkReport> links() const;

 private:
  struct Link {
    std::uint64_t next_sequence = 1;  // of ours
    std::uint64_t highest = 0;        // of the peer's
    bool heard = false;               // from the present peer
    bool fresh = false;               // since the last look
    bool lost = false;
    Duration silence{};
    Duration unseen{};  // since the last look at which the peer could have been heard
    std::chrono::milliseconds peer_interval{};
    Ipv4Address source;
    LinkReport report;
  };
  struct Peer {
    Life life{};
    Challenge challenge{};     // its newest
    Challenge adopted_with{};  // ours, that it knew then
    bool ended = false;
    std::optional<std::vector<GroupId>> claims;
  };

  [[nodiscard]] Challenge fresh_challenge() const;
  void adopt(const Message& message);
  void count_silence(std::size_t at, Duration gap, bool could_hear, std::vector<Event>& events);
  [[nodiscard]] bool is_silent(const Link& link, std::chrono::milliseconds interval,
                               unsigned count) const;
  [[nodiscard]] std::optional<GoneCause> why_gone(const GroupSettings& group) const;

  Life life_;
  Challenge challenge_;
  SessionSettings settings_;
  std::vector<Link> links_;                     // as in the settings
  std::vector<std::optional<GoneCause>> gone_;  // by group: told already
  std::vector<GroupId> claims_;
  std::optional<Peer> peer_;
  Challenge stranger_ = Challenge::none;  // heard last, and not proven
  std::vector<Event> pending_;            // for the next look
  Instant last_look_{};
};

}  // namespace carpool::hello
