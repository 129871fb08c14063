// The sending half of a reliable stream of items: numbers them, keeps them until they are
// acknowledged, sends lost ones again, and never holds more than a stated number. Pure.
//
// The window opens with every acknowledgement and closes when items are lost, as TCP's does (RFC
// 5681): a peer link is seldom shared, but it may be slow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>

#include "controlplane/mirror/message.h"
#include "dataplane/abi/mirror.h"
#include "dataplane/base/time.h"

namespace carpool::mirror {

// Items on their way at most; the receiver has room for as many that came early.
inline constexpr std::size_t kMaxWindow = 1024;

class StreamSender {
 public:
  // Items kept at most, names and requests apart: half a million changes, 22 MB. Refreshes are
  // dropped from half of that on.
  static constexpr std::size_t kMaxItems = 16'384;
  static constexpr std::size_t kItemsForChanges = kMaxItems / 2;
  static constexpr std::size_t kMinWindow = 8;
  static constexpr std::size_t kFirstWindow = 64;
  static constexpr Duration kFirstTimeout = std::chrono::milliseconds(100);
  static constexpr Duration kMinTimeout = std::chrono::milliseconds(20);
  static constexpr Duration kMaxTimeout = std::chrono::milliseconds(250);
  // An item counts as lost when this many later ones have arrived.
  static constexpr std::uint64_t kReordering = 3;

  enum class Taken : std::uint8_t { yes, refresh_dropped, change_lost };

  // Tells of a connection. After a lost change the peer is told of the gap as soon as there is
  // room.
  Taken add(const abi::MirrorRecord& record, Instant now);
  // Anything else; always taken, so that its own bound is the caller's affair.
  void add(ItemBytes item, Instant now);
  // So many changes were lost before they came here.
  void add_gap(std::uint64_t lost) { lost_ += lost; }

  // False: it speaks of items that were never sent.
  bool acknowledge(const Acknowledgement& acknowledgement, Instant now);

  // What is to be sent now: lost items first, then new ones as far as the window goes.
  [[nodiscard]] std::optional<StreamItem> next(Instant now);
  // Finds out what was lost with nothing heard since. To be called at deadline().
  void expire(Instant now);
  [[nodiscard]] std::optional<Instant> deadline() const;

  [[nodiscard]] std::size_t items() const { return entries_.size(); }
  [[nodiscard]] std::size_t window() const { return static_cast<std::size_t>(window_); }
  [[nodiscard]] std::uint64_t unacknowledged_records() const { return records_; }
  [[nodiscard]] std::uint64_t retransmissions() const { return retransmissions_; }
  // When the oldest thing that is not acknowledged came.
  [[nodiscard]] std::optional<Instant> oldest() const;

 private:
  struct Entry {
    ItemBytes bytes;
    std::uint32_t records = 0;
    std::uint32_t transmissions = 0;
    Instant added;
    Instant sent;
    bool acknowledged = false;
    bool lost = false;  // waits in lost_items_
  };

  void tell_gap(Instant now);
  void mark_lost(std::size_t at, Instant now);
  void forget(Entry& entry);
  void find_overtaken(std::size_t end, Instant now);
  void measure(Duration round_trip);
  void close_window(Instant now);
  void open_window(std::size_t acknowledged);
  [[nodiscard]] StreamItem transmit(std::size_t at, Instant now);

  std::deque<Entry> entries_;
  std::uint64_t first_ = 0;             // number of the first entry
  std::size_t sent_ = 0;                // that many from the front were sent at least once
  std::size_t in_flight_ = 0;           // sent, and neither acknowledged nor lost
  bool tail_open_ = false;              // the last entry takes more records
  std::set<std::uint64_t> lost_items_;  // the first of them holds up the others, so it goes first
  std::uint64_t records_ = 0;
  std::uint64_t lost_ = 0;  // changes, not told of yet
  std::uint64_t retransmissions_ = 0;

  double window_ = kFirstWindow;
  double threshold_ = kMaxWindow;
  Instant last_cut_{};
  Duration timeout_ = kFirstTimeout;
  std::optional<Duration> round_trip_;
  Duration variation_{};
};

}  // namespace carpool::mirror
