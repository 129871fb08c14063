#include "controlplane/mirror/session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "dataplane/base/endian.h"

namespace carpool::mirror {
namespace {

// Openings and strangers are answered this often between two heartbeats: they can be replayed.
constexpr unsigned kMaxAnswers = 8;
// So many items are acknowledged together, if they come in order.
constexpr unsigned kItemsPerAcknowledgement = 16;
// Half a window of records that wait for the peer is enough of a walk; the rest stays in the rings.
constexpr std::size_t kWalkBacklog = kMaxWindow / 2;

std::uint32_t random_serial(const Session::Start& start) {
  std::uint32_t serial = 0;
  std::memcpy(&serial, start.data(), sizeof serial);
  return serial;
}

}  // namespace

Session::Session(std::vector<PreSharedKey> keys, const Start& start, const SessionTiming& timing)
    : timing_(timing),
      start_(start),
      channel_(std::move(keys), epoch()),
      outbound_(random_serial(start)) {}

// Random bits of this start, and which of its lives this is.
Epoch Session::epoch() const {
  Epoch epoch{};
  const be32 life(life_);
  std::ranges::copy(start_, epoch.begin());
  std::memcpy(epoch.data() + start_.size(), &life, sizeof life);
  return epoch;
}

// ---- From the network ---------------------------------------------------------------------------

void Session::receive(std::span<std::uint8_t> datagram, Instant now, SessionOutput& out) {
  const auto opened = channel_.open(datagram);
  if (!opened) {
    ++counters_.drops(opened.error());
    return;
  }
  ++counters_.received;
  if (opened->type == DatagramType::opening) return answer_opening(*opened, out);
  if (channel_.peer() != opened->sender) return greet_stranger(*opened, now, out);
  hear_peer(*opened, now, out);
}

// Authentic, but perhaps recorded long ago: so it gets an answer, and leaves no trace.
void Session::answer_opening(const Opened& opened, SessionOutput& out) {
  if (answers_ == kMaxAnswers) return;
  ++answers_;
  const bool is_peer = channel_.peer() == opened.sender;
  send_hello(opened.sender, is_peer, is_peer ? channel_.highest_heard() : opened.sequence, out);
}

// It named this node's epoch. Fresh it is if it has heard what was sent since the present peer was
// adopted; a replay of a former peer has not.
void Session::greet_stranger(const Opened& opened, Instant now, SessionOutput& out) {
  const auto message = MessageReader(opened.payload).next();
  const auto* hello = message ? std::get_if<Hello>(&*message) : nullptr;
  if (hello == nullptr || hello->heard < freshness_) {
    ++counters_.drops(DropReason::stale);
    return;
  }
  if (state_ != SessionState::down) go_down(DownCause::restarted, out);
  channel_.adopt(opened);
  freshness_ = channel_.next_sequence();
  state_ = SessionState::greeting;
  heard_ = now;
  peer_key_id_ = opened.key_id;
  peer_status_ = hello->status;
  next_heartbeat_ = now;  // say hello at once
  if (hello->adopted) come_up(now, out);
}

void Session::hear_peer(const Opened& opened, Instant now, SessionOutput& out) {
  heard_ = now;
  peer_key_id_ = opened.key_id;
  MessageReader messages(opened.payload);
  while (auto message = messages.next()) {
    // Whatever is no hello says that this node was adopted.
    if (!std::holds_alternative<Hello>(*message)) come_up(now, out);
    std::visit([&](auto&& what) { hear(std::forward<decltype(what)>(what), now, out); },
               std::move(*message));
  }
  if (messages.malformed()) ++counters_.drops(DropReason::malformed);
}

void Session::hear(const Hello& hello, Instant now, SessionOutput& out) {
  hear(hello.status, now, out);
  if (hello.adopted) come_up(now, out);
  // It does not know yet that it was adopted, too.
  if (state_ == SessionState::up) next_heartbeat_ = now;
}

void Session::hear(NodeStatus status, Instant, SessionOutput& out) {
  peer_status_ = std::move(status);
  compare_digests(out);
}

void Session::hear(const Acknowledgement& acknowledgement, Instant now, SessionOutput&) {
  if (!sender_.acknowledge(acknowledgement, now)) ++counters_.drops(DropReason::malformed);
}

void Session::hear(const StreamItem& item, Instant now, SessionOutput& out) {
  if (paused_) {
    ++counters_.paused;
    return;
  }
  const auto arrival =
      receiver_.take(item, [&](std::span<const std::uint8_t> bytes) { deliver(bytes, now, out); });
  if (arrival == StreamReceiver::Arrival::duplicate) ++counters_.duplicates;
  // The sender had better know at once that something is missing, or was heard after all.
  const bool urgent =
      arrival != StreamReceiver::Arrival::in_order || ++unacknowledged_ >= kItemsPerAcknowledgement;
  const Instant due = urgent ? now : now + timing_.acknowledge;
  acknowledge_at_ = std::min(acknowledge_at_.value_or(due), due);
}

// ---- Items of the peer, in order ----------------------------------------------------------------

void Session::deliver(std::span<const std::uint8_t> bytes, Instant now, SessionOutput& out) {
  const auto item = decode_item(bytes);
  if (!item) {
    ++counters_.drops(DropReason::malformed);
    return;
  }
  std::visit([&](const auto& what) { deliver(what, now, out); }, *item);
}

void Session::deliver(const RecordsItem& item, Instant now, SessionOutput& out) {
  std::string unknown;
  for (std::size_t at = 0; at < item.records.size(); at += kRecordBytes) {
    auto record = decode_record(item.records.subspan(at).first<kRecordBytes>());
    if (!record) {
      ++counters_.drops(DropReason::malformed);
    } else if (translation_.translate(*record, unknown)) {
      ++counters_.records_in;
      out.records.push_back(*record);
    } else {
      ++counters_.records_unknown;
      if (!unknown.empty()) out.events.push_back(UnknownName{std::exchange(unknown, {})});
    }
  }
  inbound_.count(item.records.size() / kRecordBytes, now);
}

void Session::deliver(const BulkRequestItem& item, Instant now, SessionOutput& out) {
  outbound_.ask(item.serial);
  run_bulks(now, out);
}

void Session::deliver(const BulkEndItem& item, Instant now, SessionOutput& out) {
  if (!inbound_.end(item.serial, now)) return;
  ++counters_.bulks_received;
  out.events.push_back(BulkEnded{inbound_.records(), inbound_.took()});
}

void Session::deliver(const GapItem& item, Instant now, SessionOutput& out) {
  ++counters_.peer_gaps;
  out.events.push_back(PeerLostChanges{item.lost});
  inbound_.want(BulkCause::gap);
  run_bulks(now, out);
}

// ---- States -------------------------------------------------------------------------------------

void Session::come_up(Instant now, SessionOutput& out) {
  if (state_ == SessionState::up) return;
  state_ = SessionState::up;
  ++counters_.sessions;
  next_heartbeat_ = now;
  out.events.push_back(PeerUp{peer_status_->node});
  compare_digests(out);
  for (ItemBytes& item : encode_changes({}, names_))
    sender_.add(std::move(item), now);
  for (ItemBytes& item : views_.all())
    sender_.add(std::move(item), now);
  inbound_.want(BulkCause::joined);
  run_bulks(now, out);
}

// Everything that belongs to the session; the channel is the caller's affair.
void Session::go_down(DownCause cause, SessionOutput& out) {
  const bool was_up = state_ == SessionState::up;
  state_ = SessionState::down;
  counters_.retransmitted += sender_.retransmissions();
  sender_ = {};
  receiver_ = {};
  acknowledge_at_.reset();
  unacknowledged_ = 0;
  translation_.forget_peer();
  views_.forget_peer();
  outbound_.forget();
  inbound_.forget();
  if (inbound_.state() == BulkState::running) {
    inbound_.fail(BulkFailure::peer_lost);
    ++counters_.bulks_failed;
    out.events.push_back(BulkFailed{BulkFailure::peer_lost});
  }
  if (was_up) out.events.push_back(PeerDown{cause});
}

void Session::begin_new_life() {
  ++life_;
  channel_.renew(epoch());
  freshness_ = 0;  // nothing that names the new epoch can be old
}

void Session::compare_digests(SessionOutput& out) {
  if (state_ != SessionState::up) return;
  const bool differ = peer_status_->digest != status_.digest;
  if (differ == digests_differ_) return;
  digests_differ_ = differ;
  out.events.push_back(DigestsCompared{differ});
}

// ---- From the clock -----------------------------------------------------------------------------

Instant Session::deadline() const {
  Instant due = next_heartbeat_;
  if (acknowledge_at_) due = std::min(due, *acknowledge_at_);
  if (const auto expiry = sender_.deadline()) due = std::min(due, *expiry);
  return due;
}

void Session::tick(Instant now, SessionOutput& out) {
  if (state_ != SessionState::down && now - *heard_ >= timing_.silence) {
    go_down(DownCause::silent, out);
    begin_new_life();
  }
  run_bulks(now, out);
  sender_.expire(now);
  if (now < next_heartbeat_) return;
  next_heartbeat_ = now + timing_.keepalive;
  answers_ = 0;
  send_heartbeat(out);
}

void Session::run_bulks(Instant now, SessionOutput& out) {
  if (const auto why = inbound_.overdue(now, timing_.bulk)) {
    inbound_.fail(*why);
    ++counters_.bulks_failed;
    out.events.push_back(BulkFailed{*why});
  }
  if (state_ != SessionState::up || workers_ == 0) return;
  if (inbound_.due(now, timing_.bulk)) {
    const BulkCause cause = *inbound_.wanted();
    sender_.add(encode(BulkRequestItem{inbound_.begin(now)}), now);
    out.events.push_back(BulkBegan{cause});
  }
  if (outbound_.waits()) out.events.push_back(WalkWanted{outbound_.begin(workers_)});
}

// ---- From this node -----------------------------------------------------------------------------

void Session::set_workers(std::uint32_t workers) {
  workers_ = workers;
  status_.workers = static_cast<std::uint16_t>(workers);
  outbound_.interrupt();
  if (workers > 0 && state_ == SessionState::up) inbound_.want(BulkCause::asked);
}

bool Session::wants_records() const {
  return !outbound_.walking() || sender_.items() < kWalkBacklog;
}

void Session::add(std::uint32_t worker, std::span<const abi::MirrorRecord> records, Instant now) {
  for (const abi::MirrorRecord& record : records) {
    if (record.kind == abi::MirrorKind::bulk_end) {
      add_to_walk(worker, record.serial, now);
      continue;
    }
    if (state_ != SessionState::up) {
      ++counters_.records_unheard;
      continue;
    }
    if (record.service >= names_.services.size() || names_.services[record.service].empty()) {
      ++counters_.records_nameless;
      continue;
    }
    switch (sender_.add(record, now)) {
      case StreamSender::Taken::yes:
        ++counters_.records_out;
        break;
      case StreamSender::Taken::refresh_dropped:
        ++counters_.refreshes_dropped;
        break;
      case StreamSender::Taken::change_lost:
        ++counters_.changes_lost;
        break;
    }
  }
}

void Session::add_to_walk(std::uint32_t worker, std::uint32_t serial, Instant now) {
  if (worker >= abi::kMaxWorkers) return;
  const auto ended = outbound_.end(worker, serial);
  if (!ended) return;
  ++counters_.bulks_sent;
  sender_.add(encode(BulkEndItem{*ended}), now);
}

void Session::add_gap(std::uint64_t lost) {
  if (state_ != SessionState::up || lost == 0) return;
  counters_.changes_lost += lost;
  sender_.add_gap(lost);
}

void Session::set_keys(std::vector<PreSharedKey> keys) {
  channel_.set_keys(std::move(keys));
}

void Session::set_names(const Names& names, Instant now) {
  if (names == names_) return;
  if (state_ == SessionState::up) {
    for (ItemBytes& item : encode_changes(names_, names))
      sender_.add(std::move(item), now);
  }
  names_ = names;
  translation_.set_local(names);
}

void Session::change_views(std::vector<ServerView> changed, Instant now) {
  auto items = views_.change(std::move(changed));
  if (state_ != SessionState::up) return;
  for (ItemBytes& item : items)
    sender_.add(std::move(item), now);
}

void Session::set_status(NodeStatus status) {
  status.workers = status_.workers;
  status_ = std::move(status);
}

void Session::ask(const RequestItem& request, Instant now) {
  if (state_ == SessionState::up) sender_.add(encode(request), now);
}

void Session::answer(const AnswerItem& answer, Instant now) {
  if (state_ == SessionState::up) sender_.add(encode(answer), now);
}

// ---- Sending ------------------------------------------------------------------------------------

template <class Fill>
void Session::send(const std::optional<Epoch>& receiver, SessionOutput& out, Fill fill) {
  Datagram& datagram = out.datagrams.emplace_back();
  ByteWriter payload(
      std::span<std::uint8_t>(datagram.bytes).subspan(kHeaderBytes, kMaxPayloadBytes));
  fill(payload);
  datagram.length = channel_.seal(receiver, payload.used(), datagram.bytes);
  ++counters_.sent;
}

void Session::send_hello(const Epoch& receiver, bool adopted, std::uint64_t heard,
                         SessionOutput& out) {
  send(receiver, out, [&](ByteWriter& to) {
    static_cast<void>(append(to, Hello{adopted, heard, status_}));  // always fits
  });
}

void Session::send_heartbeat(SessionOutput& out) {
  switch (state_) {
    case SessionState::down:
      return send(std::nullopt, out, [](ByteWriter&) {});
    case SessionState::greeting:
      return send_hello(*channel_.peer(), true, channel_.highest_heard(), out);
    case SessionState::up:
      return send(channel_.peer(), out,
                  [&](ByteWriter& to) { static_cast<void>(append(to, status_)); });
  }
}

void Session::flush(Instant now, SessionOutput& out) {
  if (now >= next_heartbeat_) tick(now, out);
  if (state_ != SessionState::up) return;
  send_items(now, out);
  if (!acknowledge_at_ || now < *acknowledge_at_) return;
  acknowledge_at_.reset();
  unacknowledged_ = 0;
  send(channel_.peer(), out,
       [&](ByteWriter& to) { static_cast<void>(append(to, receiver_.acknowledgement())); });
}

void Session::send_items(Instant now, SessionOutput& out) {
  while (auto item = sender_.next(now)) {
    send(channel_.peer(), out, [&](ByteWriter& to) { static_cast<void>(append(to, *item)); });
  }
}

// ---- Text ---------------------------------------------------------------------------------------

std::string_view name(SessionState state) {
  switch (state) {
    case SessionState::down:
      return "down";
    case SessionState::greeting:
      return "greeting";
    case SessionState::up:
      return "up";
  }
  std::unreachable();
}

std::string_view text(DownCause cause) {
  return cause == DownCause::silent ? "it is silent" : "it has started anew";
}

namespace {

std::string words(const PeerUp& event) {
  return fmt::format("peer '{}' is there", event.node);
}
std::string words(const PeerDown& event) {
  return fmt::format("peer lost: {}", text(event.cause));
}
std::string words(const BulkBegan& event) {
  return fmt::format("asking the peer for all its connections: {}", text(event.cause));
}
std::string words(const BulkEnded& event) {
  return fmt::format("in sync: {} records in {} ms", event.records,
                     std::chrono::duration_cast<std::chrono::milliseconds>(event.took).count());
}
std::string words(const BulkFailed& event) {
  return fmt::format("not in sync: {}", text(event.why));
}
std::string words(const WalkWanted& event) {
  return fmt::format("telling the peer of all connections (walk {})", event.serial);
}
std::string words(const DigestsCompared& event) {
  return event.differ ? "the peer runs another configuration than this node"
                      : "the peer runs the same configuration again";
}
std::string words(const UnknownName& event) {
  return fmt::format("the peer balances {}, which this node does not have: configurations differ",
                     event.what);
}
std::string words(const PeerLostChanges& event) {
  return fmt::format("the peer could not tell {} changes", event.count);
}
std::string words(const PeerAsked& event) {
  const std::string_view group = event.group.empty() ? "all groups" : event.group;
  return event.kind == RequestKind::may_take
             ? fmt::format("{} asks whether this node may take {} over", event.who, group)
             : fmt::format("{} asks this node to hand over {}", event.who, group);
}
std::string words(const PeerAnswered& event) {
  return event.granted ? "the peer agrees" : fmt::format("the peer refuses: {}", event.text);
}

}  // namespace

std::string describe(const SessionEvent& event) {
  return std::visit([](const auto& alternative) { return words(alternative); }, event);
}

}  // namespace carpool::mirror
