// One end of the talk between two nodes, from the first datagram to the last: finds the other node,
// keeps a heartbeat, carries records both ways, brings a node that joins into sync, and says what
// happens. Pure: no clock, no socket, no randomness; time comes with every call, and what is to be
// done goes into a SessionOutput. Other than the redundancy machines it changes in place: it holds
// megabytes of what is not acknowledged yet.
//
//   DOWN      nobody proved to be there; sends openings
//   GREETING  the peer named this node's epoch, so it is there now; sends hellos
//   UP        and it takes this node's epoch for its peer; sends status, items, acknowledgements
//
// Opening (own epoch) -> hello (names it) -> hello (names the other) -> both are UP. A node that
// has heard nothing for `silence`, or is told so, begins a new life with a new epoch; its peer
// adopts that, and both start their streams anew, each asking for a bulk. A lost session has no
// other way to heal, so there is but one to get right.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/mirror/bulk.h"
#include "controlplane/mirror/channel.h"
#include "controlplane/mirror/counters.h"
#include "controlplane/mirror/message.h"
#include "controlplane/mirror/names.h"
#include "controlplane/mirror/server_views.h"
#include "controlplane/mirror/stream_receiver.h"
#include "controlplane/mirror/stream_sender.h"
#include "dataplane/abi/mirror.h"
#include "dataplane/base/time.h"

namespace carpool::mirror {

enum class SessionState : std::uint8_t { down, greeting, up };
[[nodiscard]] std::string_view name(SessionState state);

struct SessionTiming {
  Duration keepalive = std::chrono::milliseconds(100);  // between openings, hellos and status
  Duration silence = std::chrono::seconds(1);           // after which the peer counts as gone
  Duration acknowledge = std::chrono::milliseconds(2);  // at the latest, what arrived in order
  BulkTiming bulk;
};

// ---- What happens, for log, status and the appliance --------------------------------------------

enum class DownCause : std::uint8_t { silent, restarted };
[[nodiscard]] std::string_view text(DownCause cause);

struct PeerUp {
  std::string node;
  friend bool operator==(const PeerUp&, const PeerUp&) = default;
};
struct PeerDown {
  DownCause cause;
  friend bool operator==(const PeerDown&, const PeerDown&) = default;
};
// This node asked for everything that the peer has: until the end of it, it is not in sync.
struct BulkBegan {
  BulkCause cause;
  friend bool operator==(const BulkBegan&, const BulkBegan&) = default;
};
struct BulkEnded {
  std::uint64_t records = 0;  // that arrived meanwhile
  Duration took{};
  friend bool operator==(const BulkEnded&, const BulkEnded&) = default;
};
struct BulkFailed {
  BulkFailure why;
  friend bool operator==(const BulkFailed&, const BulkFailed&) = default;
};
// Every worker is to tell of all connections of held groups and then end with this serial.
struct WalkWanted {
  std::uint32_t serial = 0;
  friend bool operator==(const WalkWanted&, const WalkWanted&) = default;
};
// Said when it is found and when it is over.
struct DigestsCompared {
  bool differ = false;
  friend bool operator==(const DigestsCompared&, const DigestsCompared&) = default;
};
// "service 'web'": a connection of the peer's cannot be taken, because here is no such thing.
struct UnknownName {
  std::string what;
  friend bool operator==(const UnknownName&, const UnknownName&) = default;
};
// The peer could not tell this many changes.
struct PeerLostChanges {
  std::uint64_t count = 0;
  friend bool operator==(const PeerLostChanges&, const PeerLostChanges&) = default;
};
// Of the peer's operator, and what the peer says to this node's. Both are for the appliance.
using PeerAsked = RequestItem;
using PeerAnswered = AnswerItem;
using SessionEvent =
    std::variant<PeerUp, PeerDown, BulkBegan, BulkEnded, BulkFailed, WalkWanted, DigestsCompared,
                 UnknownName, PeerLostChanges, PeerAsked, PeerAnswered>;
[[nodiscard]] std::string describe(const SessionEvent& event);

// ---- The machine --------------------------------------------------------------------------------

struct Datagram {
  std::array<std::uint8_t, kMaxDatagramBytes> bytes;
  std::size_t length = 0;
  [[nodiscard]] std::span<const std::uint8_t> view() const {
    return std::span(bytes).first(length);
  }
};

// What a call wants done, in order of each kind. The caller clears it.
struct SessionOutput {
  std::vector<Datagram> datagrams;         // to the peer
  std::vector<abi::MirrorRecord> records;  // to this node's workers, with its own indices
  std::vector<SessionEvent> events;
};

class Session {
 public:
  // `start`: random bits, fresh for every start of this program.
  using Start = std::array<std::uint8_t, 12>;
  Session(std::vector<PreSharedKey> keys, const Start& start, const SessionTiming& timing);

  // ---- From the network and the clock
  // Decrypts in place.
  void receive(std::span<std::uint8_t> datagram, Instant now, SessionOutput& out);
  // What is due. To be called at deadline(), and earlier does no harm.
  void tick(Instant now, SessionOutput& out);
  [[nodiscard]] Instant deadline() const;
  // Sends what there is. To be called after everything that arrived together was told.
  void flush(Instant now, SessionOutput& out);

  // ---- From this node's data plane
  // It runs, with so many workers; 0: it does not. A new one is empty: the peer is asked for all.
  void set_workers(std::uint32_t workers);
  // Records of this worker's ring, its ends of walks included. They are dropped while nobody is
  // there to be told.
  void add(std::uint32_t worker, std::span<const abi::MirrorRecord> records, Instant now);
  // Whether more records should be fetched now. No: during a walk, when enough of it waits for the
  // peer; left in the ring they slow the walk down.
  [[nodiscard]] bool wants_records() const;
  // The workers had to drop so many changes.
  void add_gap(std::uint64_t lost);
  // Workers cannot take more records now: what comes is left to be sent again.
  void set_paused(bool paused) { paused_ = paused; }

  // ---- From this node's configuration and state
  void set_keys(std::vector<PreSharedKey> keys);
  void set_names(const Names& names, Instant now);
  void set_status(NodeStatus status);  // without workers
  // What this node thinks of servers, as far as it has changed.
  void change_views(std::vector<ServerView> changed, Instant now);
  void request_bulk() { inbound_.want(BulkCause::asked); }
  // Between operators, in order with everything else; lost if the peer is not there.
  void ask(const RequestItem& request, Instant now);
  void answer(const AnswerItem& answer, Instant now);

  // ---- For status
  [[nodiscard]] SessionState state() const { return state_; }
  [[nodiscard]] const std::optional<NodeStatus>& peer() const { return peer_status_; }
  [[nodiscard]] const std::shared_ptr<const PeerViews>& peer_views() const { return views_.peer(); }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] Counters& counters() { return counters_; }
  [[nodiscard]] const InboundBulk& inbound() const { return inbound_; }
  [[nodiscard]] const OutboundBulk& outbound() const { return outbound_; }
  [[nodiscard]] const StreamSender& sender() const { return sender_; }
  [[nodiscard]] const StreamReceiver& receiver() const { return receiver_; }
  [[nodiscard]] const std::vector<std::string>& unknown() const { return translation_.unknown(); }
  [[nodiscard]] bool digests_differ() const { return digests_differ_; }
  [[nodiscard]] std::optional<Instant> heard() const { return heard_; }
  [[nodiscard]] std::uint16_t peer_key_id() const { return peer_key_id_; }

 private:
  void answer_opening(const Opened& opened, SessionOutput& out);
  void greet_stranger(const Opened& opened, Instant now, SessionOutput& out);
  void hear_peer(const Opened& opened, Instant now, SessionOutput& out);
  void hear(const Hello& hello, Instant now, SessionOutput& out);
  void hear(NodeStatus status, Instant now, SessionOutput& out);
  void hear(const Acknowledgement& acknowledgement, Instant now, SessionOutput& out);
  void hear(const StreamItem& item, Instant now, SessionOutput& out);

  void deliver(std::span<const std::uint8_t> bytes, Instant now, SessionOutput& out);
  void deliver(const NamesItem& item, Instant, SessionOutput&) { translation_.learn(item); }
  void deliver(const ViewsItem& item, Instant now, SessionOutput&) { views_.learn(item, now); }
  void deliver(const RecordsItem& item, Instant now, SessionOutput& out);
  void deliver(const BulkRequestItem& item, Instant now, SessionOutput& out);
  void deliver(const BulkEndItem& item, Instant now, SessionOutput& out);
  void deliver(const GapItem& item, Instant now, SessionOutput& out);
  void deliver(const RequestItem& item, Instant, SessionOutput& out) { out.events.push_back(item); }
  void deliver(const AnswerItem& item, Instant, SessionOutput& out) { out.events.push_back(item); }

  void come_up(Instant now, SessionOutput& out);
  void go_down(DownCause cause, SessionOutput& out);
  void begin_new_life();
  void compare_digests(SessionOutput& out);
  void run_bulks(Instant now, SessionOutput& out);
  void add_to_walk(std::uint32_t worker, std::uint32_t serial, Instant now);

  [[nodiscard]] Epoch epoch() const;
  // Appends a datagram made of what `fill(writer)` writes.
  template <class Fill>
  void send(const std::optional<Epoch>& receiver, SessionOutput& out, Fill fill);
  void send_hello(const Epoch& receiver, bool adopted, std::uint64_t heard, SessionOutput& out);
  void send_heartbeat(SessionOutput& out);
  void send_items(Instant now, SessionOutput& out);

  SessionTiming timing_;
  Start start_;
  std::uint32_t life_ = 0;
  Channel channel_;
  SessionState state_ = SessionState::down;
  NodeStatus status_;
  std::optional<NodeStatus> peer_status_;  // of the adopted peer, as last heard
  std::uint16_t peer_key_id_ = 0;
  bool digests_differ_ = false;
  // A stranger proves to be fresh by having heard this sequence number or a later one.
  std::uint64_t freshness_ = 0;
  unsigned answers_ = 0;  // to openings and strangers, since the last heartbeat

  Names names_;
  NameTranslation translation_;
  ServerViews views_;
  StreamSender sender_;
  StreamReceiver receiver_;
  bool paused_ = false;
  std::optional<Instant> acknowledge_at_;  // something arrived that the peer has not been told of
  unsigned unacknowledged_ = 0;            // items

  std::uint32_t workers_ = 0;
  InboundBulk inbound_;
  OutboundBulk outbound_;

  std::optional<Instant> heard_;  // something authentic of the adopted peer
  Instant next_heartbeat_{};
  Counters counters_;
};

}  // namespace carpool::mirror
