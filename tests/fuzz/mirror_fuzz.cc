// Any bytes as what the peer sends. As a datagram: nothing opens that was not sealed, and nothing
// is read past its end. As the payload of an authentic datagram: the session survives whatever a
// peer of another mind may say, keeps its bounds, and what decodes survives encoding.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "controlplane/mirror/session.h"

namespace carpool::mirror {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

std::vector<PreSharedKey> keys() {
  PreSharedKey key{1, {}};
  key.secret.fill(7);
  return {key};
}

Session::Start start(std::uint8_t fill) {
  Session::Start bits;
  bits.fill(fill);
  return bits;
}

Epoch epoch(std::uint8_t fill) {
  Epoch made;
  made.fill(fill);
  return made;
}

// The first life of a session, as it names itself.
Epoch first_epoch(std::uint8_t fill) {
  Epoch made{};
  std::fill_n(made.begin(), Session::Start{}.size(), fill);
  return made;
}

void check_datagram(std::span<const std::uint8_t> bytes) {
  Session session(keys(), start(1), {});
  SessionOutput out;
  std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  session.receive(copy, Instant(std::chrono::seconds(1)), out);
  require(out.datagrams.empty() && out.records.empty() && out.events.empty());
  require(session.counters().received == 0 && session.state() == SessionState::down);
}

void check_record(std::span<const std::uint8_t, kRecordBytes> bytes) {
  const auto record = decode_record(bytes);
  if (!record) return;
  require(record->slot < abi::kSlots);
  std::array<std::uint8_t, kRecordBytes> again;
  encode_record(*record, again);
  require(std::ranges::equal(again, bytes));
}

void check_item(std::span<const std::uint8_t> bytes) {
  const auto item = decode_item(bytes);
  if (!item) return;
  if (const auto* names = std::get_if<NamesItem>(&*item)) {
    std::span<const NamesItem::Entry> rest = names->entries;
    const ItemBytes encoded = encode_names(names->table, rest);
    const auto again = decode_item(encoded);
    require(again.has_value());
    const auto& entries = std::get<NamesItem>(*again).entries;
    require(entries.size() + rest.size() == names->entries.size());
    require(std::ranges::equal(entries, std::span(names->entries).first(entries.size())));
  } else if (const auto* views = std::get_if<ViewsItem>(&*item)) {
    std::span<const ViewsItem::Entry> rest = views->entries;
    const ItemBytes encoded = encode_views(rest);
    const auto again = decode_item(encoded);
    require(again.has_value());
    const auto& entries = std::get<ViewsItem>(*again).entries;
    require(entries.size() + rest.size() == views->entries.size());
    require(std::ranges::equal(entries, std::span(views->entries).first(entries.size())));
  } else if (const auto* records = std::get_if<RecordsItem>(&*item)) {
    for (std::size_t at = 0; at < records->records.size(); at += kRecordBytes)
      check_record(records->records.subspan(at).first<kRecordBytes>());
  }
}

// A peer that has the key: says hello, then each part of the input as a payload of its own.
class Peer {
 public:
  Peer() : channel_(keys(), epoch(9)) {
    session_.set_names({{"web"}, {"web/web1"}}, now_);
    session_.set_workers(2);
    std::array<std::uint8_t, kMaxPayloadBytes> payload;
    ByteWriter hello(payload);
    require(append(hello, Hello{true, 0, {"peer", "digest", 1, {}}}));
    say(hello.written());
    require(session_.state() == SessionState::up);
  }

  void say(std::span<const std::uint8_t> payload) {
    payload = payload.first(std::min(payload.size(), kMaxPayloadBytes));
    std::array<std::uint8_t, kMaxDatagramBytes> datagram{};
    std::ranges::copy(payload, datagram.begin() + kHeaderBytes);
    const std::size_t length = channel_.seal(first_epoch(1), payload.size(), datagram);
    session_.receive(std::span(datagram).first(length), now_, out_);
    session_.flush(now_, out_);
    now_ += std::chrono::milliseconds(30);
    session_.tick(now_, out_);
    for (const Datagram& sent : out_.datagrams)
      require(sent.length <= kMaxDatagramBytes);
    for (const abi::MirrorRecord& record : out_.records)
      require(record.service == 0 && record.server == 0 && record.slot < abi::kSlots);
    for (const SessionEvent& event : out_.events)
      require(!describe(event).empty());
    require(session_.receiver().kept() < kMaxWindow);
    require(session_.peer_views()->size() <= kMaxViews);
    out_ = {};
  }

 private:
  Instant now_ = Instant(std::chrono::seconds(1));
  Session session_{keys(), start(1), {}};
  Channel channel_;
  SessionOutput out_;
};

void check_payload(std::span<const std::uint8_t> payload) {
  MessageReader messages(payload);
  while (const auto message = messages.next()) {
    if (const auto* item = std::get_if<StreamItem>(&*message)) check_item(item->item);
  }
}

}  // namespace
}  // namespace carpool::mirror

// The input: parts, each two bytes of length (large ones are cut) and so many bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carpool::mirror;
  std::span<const std::uint8_t> rest(data, size);
  check_datagram(rest);
  Peer peer;
  while (rest.size() > 2) {
    const std::size_t wanted = std::size_t{rest[0]} << 8 | rest[1];
    rest = rest.subspan(2);
    const auto part = rest.first(std::min(wanted, rest.size()));
    rest = rest.subspan(part.size());
    check_payload(part);
    peer.say(part);
  }
  return 0;
}
