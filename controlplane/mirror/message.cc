#include "controlplane/mirror/message.h"

#include <algorithm>
#include <cassert>

#include "dataplane/base/endian.h"

namespace carpool::mirror {
namespace {

enum class MessageType : std::uint8_t { hello = 1, status = 2, acknowledgement = 3, item = 4 };
enum class ItemType : std::uint8_t {
  names = 1,
  records = 2,
  bulk_request = 3,
  bulk_end = 4,
  gap = 5,
  views = 6,
  request = 7,
  answer = 8,
};

// The length is filled in by end_message(), which takes everything back if there was no room.
struct MessageStart {
  ByteWriter before;  // as it was
  std::size_t at;
};

MessageStart begin_message(ByteWriter& to, MessageType type) {
  const MessageStart start{to, to.used()};
  to.put(type);
  to.put(std::uint8_t{0});
  to.put(be16(0));
  return start;
}

bool end_message(ByteWriter& to, const MessageStart& start) {
  if (to.overflowed()) {
    to = start.before;
    return false;
  }
  const be16 length(static_cast<std::uint16_t>(to.used() - start.at - kMessageHeaderBytes));
  std::memcpy(to.written().data() + start.at + 2, &length, sizeof length);
  return true;
}

// Claims that do not fit are left out: names of thirty characters fit for every group there can be.
void put_status(ByteWriter& to, const NodeStatus& status) {
  to.put(be16(status.workers));
  to.put_text(status.node);
  to.put_text(status.digest);
  for (const std::string& claim : status.claims) {
    if (claim.size() + 1 <= to.room()) to.put_text(claim);
  }
}

NodeStatus take_status(ByteReader& from) {
  NodeStatus status;
  status.workers = from.take<be16>().host();
  status.node = from.take_text();
  status.digest = from.take_text();
  while (!from.at_end() && !from.failed())
    status.claims.emplace_back(from.take_text());
  return status;
}

std::optional<Message> take_message(MessageType type, ByteReader body) {
  std::optional<Message> message;
  switch (type) {
    case MessageType::hello: {
      Hello hello;
      hello.adopted = body.take<std::uint8_t>() != 0;
      hello.heard = body.take<be64>().host();
      hello.status = take_status(body);
      message = std::move(hello);
      break;
    }
    case MessageType::status:
      message = take_status(body);
      break;
    case MessageType::acknowledgement: {
      const std::uint64_t next = body.take<be64>().host();
      message = Acknowledgement{next, body.rest()};
      break;
    }
    case MessageType::item: {
      const std::uint64_t number = body.take<be64>().host();
      message = StreamItem{number, body.rest()};
      break;
    }
  }
  if (body.failed()) return std::nullopt;
  return message;
}

ItemBytes make_item(ItemType type, auto value) {
  ItemBytes bytes(kItemTypeBytes + sizeof value);
  ByteWriter to(bytes);
  to.put(type);
  to.put(value);
  return bytes;
}

}  // namespace

bool append(ByteWriter& to, const Hello& hello) {
  const auto start = begin_message(to, MessageType::hello);
  to.put(static_cast<std::uint8_t>(hello.adopted));
  to.put(be64(hello.heard));
  put_status(to, hello.status);
  return end_message(to, start);
}

bool append(ByteWriter& to, const NodeStatus& status) {
  const auto start = begin_message(to, MessageType::status);
  put_status(to, status);
  return end_message(to, start);
}

bool append(ByteWriter& to, const Acknowledgement& acknowledgement) {
  const auto start = begin_message(to, MessageType::acknowledgement);
  to.put(be64(acknowledgement.next));
  to.put_bytes(acknowledgement.map);
  return end_message(to, start);
}

bool append(ByteWriter& to, const StreamItem& item) {
  const auto start = begin_message(to, MessageType::item);
  to.put(be64(item.number));
  to.put_bytes(item.item);
  return end_message(to, start);
}

std::optional<Message> MessageReader::next() {
  if (malformed_ || reader_.at_end()) return std::nullopt;
  const auto type = reader_.take<MessageType>();
  static_cast<void>(reader_.take<std::uint8_t>());  // reserved
  const auto length = reader_.take<be16>().host();
  const auto body = reader_.take_bytes(length);
  auto message = reader_.failed() ? std::nullopt : take_message(type, ByteReader(body));
  malformed_ = !message;
  return message;
}

// ---- Stream items -------------------------------------------------------------------------------

ItemBytes encode_names(NameTable table, std::span<const NamesItem::Entry>& entries) {
  ItemBytes bytes(kMaxItemBytes);
  ByteWriter to(bytes);
  to.put(ItemType::names);
  to.put(table);
  while (!entries.empty()) {
    const auto& entry = entries.front();
    if (sizeof(be16) + 1 + std::min<std::size_t>(entry.name.size(), 255) > to.room()) break;
    to.put(be16(entry.index));
    to.put_text(entry.name);
    entries = entries.subspan(1);
  }
  bytes.resize(to.used());
  return bytes;
}

ItemBytes encode_views(std::span<const ViewsItem::Entry>& entries) {
  ItemBytes bytes(kMaxItemBytes);
  ByteWriter to(bytes);
  to.put(ItemType::views);
  while (!entries.empty()) {
    const auto& entry = entries.front();
    std::size_t size = sizeof entry.state;
    for (const std::string_view text : {entry.name, entry.check, entry.text})
      size += 1 + std::min<std::size_t>(text.size(), 255);
    if (size > to.room()) break;
    to.put(entry.state);
    for (const std::string_view text : {entry.name, entry.check, entry.text})
      to.put_text(text);
    entries = entries.subspan(1);
  }
  bytes.resize(to.used());
  return bytes;
}

ItemBytes encode(const BulkRequestItem& item) {
  return make_item(ItemType::bulk_request, be32(item.serial));
}
ItemBytes encode(const BulkEndItem& item) {
  return make_item(ItemType::bulk_end, be32(item.serial));
}
ItemBytes encode(const GapItem& item) {
  return make_item(ItemType::gap, be64(item.lost));
}

ItemBytes encode(const RequestItem& item) {
  ItemBytes bytes(kMaxItemBytes);  // three texts of 255 bytes fit
  ByteWriter to(bytes);
  to.put(ItemType::request);
  to.put(be32(item.id));
  to.put(item.kind);
  to.put(be32(item.demotion));
  to.put_text(item.group);
  to.put_text(item.who);
  bytes.resize(to.used());
  return bytes;
}

ItemBytes encode(const AnswerItem& item) {
  ItemBytes bytes(kMaxItemBytes);
  ByteWriter to(bytes);
  to.put(ItemType::answer);
  to.put(be32(item.id));
  to.put(static_cast<std::uint8_t>(item.granted));
  const std::size_t count_at = to.used();
  to.put(std::uint8_t{0});
  std::uint8_t count = 0;
  for (const AnswerItem::Move& move : item.moves) {
    if (1 + std::min<std::size_t>(move.group.size(), 255) + sizeof(be32) > to.room()) break;
    if (count == 255) break;
    to.put_text(move.group);
    to.put(be32(move.took_us));
    ++count;
  }
  bytes[count_at] = count;
  const auto text = std::string_view(item.text).substr(0, to.room());
  to.put_bytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  bytes.resize(to.used());
  return bytes;
}

ItemBytes begin_records() {
  ItemBytes bytes;
  bytes.reserve(kItemTypeBytes + kRecordsPerItem * kRecordBytes);
  bytes.push_back(static_cast<std::uint8_t>(ItemType::records));
  return bytes;
}

void append_record(ItemBytes& item, const abi::MirrorRecord& record) {
  const std::size_t at = item.size();
  assert(at + kRecordBytes <= kMaxItemBytes);
  item.resize(at + kRecordBytes);
  encode_record(record, std::span<std::uint8_t, kRecordBytes>(item.data() + at, kRecordBytes));
}

namespace {

std::optional<Item> take_request(ByteReader& from) {
  RequestItem request;
  request.id = from.take<be32>().host();
  request.kind = from.take<RequestKind>();
  request.demotion = from.take<be32>().host();
  request.group = from.take_text();
  request.who = from.take_text();
  const bool is_known =
      request.kind == RequestKind::may_take || request.kind == RequestKind::hand_over;
  if (!is_known) return std::nullopt;
  return request;
}

Item take_answer(ByteReader& from) {
  AnswerItem answer;
  answer.id = from.take<be32>().host();
  answer.granted = from.take<std::uint8_t>() != 0;
  const auto count = from.take<std::uint8_t>();
  for (unsigned at = 0; at < count && !from.failed(); ++at) {
    std::string group(from.take_text());
    answer.moves.push_back({std::move(group), from.take<be32>().host()});
  }
  const auto text = from.rest();
  answer.text.assign(reinterpret_cast<const char*>(text.data()), text.size());
  return answer;
}

}  // namespace

std::optional<Item> decode_item(std::span<const std::uint8_t> bytes) {
  ByteReader from(bytes);
  std::optional<Item> item;
  switch (from.take<ItemType>()) {
    case ItemType::names: {
      NamesItem names;
      names.table = from.take<NameTable>();
      if (names.table > NameTable::servers) return std::nullopt;
      while (!from.at_end() && !from.failed()) {
        const std::uint16_t index = from.take<be16>().host();
        names.entries.push_back({index, from.take_text()});
      }
      item = std::move(names);
      break;
    }
    case ItemType::views: {
      ViewsItem views;
      while (!from.at_end() && !from.failed()) {
        ViewsItem::Entry entry;
        entry.state = from.take<ServerViewState>();
        if (entry.state > ServerViewState::maintenance) return std::nullopt;
        entry.name = from.take_text();
        entry.check = from.take_text();
        entry.text = from.take_text();
        views.entries.push_back(entry);
      }
      item = std::move(views);
      break;
    }
    case ItemType::records:
      if (from.rest().size() % kRecordBytes != 0) return std::nullopt;
      return RecordsItem{from.rest()};
    case ItemType::bulk_request:
      item = BulkRequestItem{from.take<be32>().host()};
      break;
    case ItemType::bulk_end:
      item = BulkEndItem{from.take<be32>().host()};
      break;
    case ItemType::gap:
      item = GapItem{from.take<be64>().host()};
      break;
    case ItemType::request:
      item = take_request(from);
      break;
    case ItemType::answer:
      item = take_answer(from);
      break;
  }
  if (from.failed() || !item) return std::nullopt;
  return item;
}

}  // namespace carpool::mirror
