// What is inside a datagram: messages one after another, each with its type and length. Hello,
// status and acknowledgement may be lost; a stream item is sent until it is acknowledged, and taken
// in the order of its number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "controlplane/mirror/bytes.h"
#include "controlplane/mirror/datagram.h"
#include "controlplane/mirror/record.h"

namespace carpool::mirror {

inline constexpr std::size_t kMessageHeaderBytes = 4;  // type, reserved, length of the body
inline constexpr std::size_t kMaxBodyBytes = kMaxPayloadBytes - kMessageHeaderBytes;

// What a node says of itself, several times a second.
struct NodeStatus {
  std::string node;                 // its name
  std::string digest;               // of its configuration: the same on both nodes, or they differ
  std::uint16_t workers = 0;        // 0: no data plane now
  std::vector<std::string> claims;  // groups whose addresses it claims now; what fits

  friend bool operator==(const NodeStatus&, const NodeStatus&) = default;
};

struct Hello {
  bool adopted = false;     // "your epoch is the one that I talk to"
  std::uint64_t heard = 0;  // highest sequence heard from the receiver: proves how fresh this is
  NodeStatus status;

  friend bool operator==(const Hello&, const Hello&) = default;
};

struct Acknowledgement {
  std::uint64_t next = 0;             // every item before this one has arrived
  std::span<const std::uint8_t> map;  // which of those after it, one bit each from bit 0 on
};

struct StreamItem {
  std::uint64_t number = 0;
  std::span<const std::uint8_t> item;  // for decode_item()
};

using Message = std::variant<Hello, NodeStatus, Acknowledgement, StreamItem>;

// Appends a message. False, and nothing is appended, if there is no room.
[[nodiscard]] bool append(ByteWriter& to, const Hello& hello);
[[nodiscard]] bool append(ByteWriter& to, const NodeStatus& status);
[[nodiscard]] bool append(ByteWriter& to, const Acknowledgement& acknowledgement);
[[nodiscard]] bool append(ByteWriter& to, const StreamItem& item);

// Takes the messages of a payload one by one. They point into it.
class MessageReader {
 public:
  explicit MessageReader(std::span<const std::uint8_t> payload) : reader_(payload) {}

  [[nodiscard]] std::optional<Message> next();  // nothing: at the end, or malformed from here on
  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  ByteReader reader_;
  bool malformed_ = false;
};

// ---- Stream items -------------------------------------------------------------------------------

enum class NameTable : std::uint8_t { services, servers };

// What indices of the sender's forwarding image mean. An empty name: nothing any more.
struct NamesItem {
  struct Entry {
    std::uint16_t index = 0;
    std::string_view name;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  NameTable table = NameTable::services;
  std::vector<Entry> entries;

  friend bool operator==(const NamesItem&, const NamesItem&) = default;
};

struct RecordsItem {
  std::span<const std::uint8_t> records;  // kRecordBytes each
};

// "Tell me of every connection that you have." The highest serial counts.
struct BulkRequestItem {
  std::uint32_t serial = 0;
  friend bool operator==(const BulkRequestItem&, const BulkRequestItem&) = default;
};
// Everything that the sender had when that request arrived has been told.
struct BulkEndItem {
  std::uint32_t serial = 0;
  friend bool operator==(const BulkEndItem&, const BulkEndItem&) = default;
};
// Here the sender could not keep up, and so many changes are not told.
struct GapItem {
  std::uint64_t lost = 0;
  friend bool operator==(const GapItem&, const GapItem&) = default;
};

// What the sender thinks of servers, by name: those that have changed, and all to a peer that
// joins.
enum class ServerViewState : std::uint8_t { gone, up, down, stopping, drain, maintenance };
struct ViewsItem {
  struct Entry {
    ServerViewState state = ServerViewState::gone;
    std::string_view name;   // "web/web1"
    std::string_view check;  // "L4TOUT"
    std::string_view text;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  std::vector<Entry> entries;

  friend bool operator==(const ViewsItem&, const ViewsItem&) = default;
};

// What an operator wants of the pair and one node cannot do alone.
enum class RequestKind : std::uint8_t {
  may_take = 1,   // could you take this group over now? So far it is only a question
  hand_over = 2,  // hand this group, or without a name all that you have, over to me
};
struct RequestItem {
  std::uint32_t id = 0;  // for the answer
  RequestKind kind = RequestKind::may_take;
  std::uint32_t demotion = 0;  // of the sender's group, but for what operators added to it
  std::string group;
  std::string who;  // asks for it: for the log
  friend bool operator==(const RequestItem&, const RequestItem&) = default;
};
struct AnswerItem {
  struct Move {  // a group that has been handed over
    std::string group;
    std::uint32_t took_us = 0;
    friend bool operator==(const Move&, const Move&) = default;
  };
  std::uint32_t id = 0;
  bool granted = false;
  std::vector<Move> moves;
  std::string text;  // why it was not granted
  friend bool operator==(const AnswerItem&, const AnswerItem&) = default;
};

using Item = std::variant<NamesItem, RecordsItem, BulkRequestItem, BulkEndItem, GapItem, ViewsItem,
                          RequestItem, AnswerItem>;

inline constexpr std::size_t kItemNumberBytes = 8;
inline constexpr std::size_t kItemTypeBytes = 1;
inline constexpr std::size_t kMaxItemBytes = kMaxBodyBytes - kItemNumberBytes;
inline constexpr std::size_t kRecordsPerItem = (kMaxItemBytes - kItemTypeBytes) / kRecordBytes;
static_assert(kRecordsPerItem == 33);

using ItemBytes = std::vector<std::uint8_t>;
// Names that do not fit one item any more are taken off the front of `entries` by later calls.
[[nodiscard]] ItemBytes encode_names(NameTable table, std::span<const NamesItem::Entry>& entries);
[[nodiscard]] ItemBytes encode_views(std::span<const ViewsItem::Entry>& entries);  // likewise
[[nodiscard]] ItemBytes encode(const BulkRequestItem& item);
[[nodiscard]] ItemBytes encode(const BulkEndItem& item);
[[nodiscard]] ItemBytes encode(const GapItem& item);
[[nodiscard]] ItemBytes encode(const RequestItem& item);
// Moves that do not fit are left out, and a text is cut.
[[nodiscard]] ItemBytes encode(const AnswerItem& item);
// An item without records yet, which append_record() adds to, kRecordsPerItem at most.
[[nodiscard]] ItemBytes begin_records();
void append_record(ItemBytes& item, const abi::MirrorRecord& record);

// Nothing: it is not an item.
[[nodiscard]] std::optional<Item> decode_item(std::span<const std::uint8_t> bytes);

}  // namespace carpool::mirror
