#include "controlplane/mirror/stream_sender.h"

#include <algorithm>
#include <utility>

namespace carpool::mirror {

StreamSender::Taken StreamSender::add(const abi::MirrorRecord& record, Instant now) {
  const bool refresh = record.kind == abi::MirrorKind::refreshed;
  if (refresh && entries_.size() >= kItemsForChanges) return Taken::refresh_dropped;
  const bool full = tail_open_ && entries_.back().records == kRecordsPerItem;
  if (!tail_open_ || full) {
    if (entries_.size() >= kMaxItems) {
      ++lost_;
      return Taken::change_lost;
    }
    entries_.push_back({.bytes = begin_records(), .added = now, .sent = {}});
    tail_open_ = true;
  }
  append_record(entries_.back().bytes, record);
  ++entries_.back().records;
  ++records_;
  return Taken::yes;
}

void StreamSender::add(ItemBytes item, Instant now) {
  entries_.push_back({.bytes = std::move(item), .added = now, .sent = {}});
  tail_open_ = false;
}

void StreamSender::tell_gap(Instant now) {
  if (lost_ == 0 || entries_.size() >= kItemsForChanges) return;
  add(encode(GapItem{std::exchange(lost_, 0)}), now);
}

std::optional<Instant> StreamSender::oldest() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.front().added;
}

// ---- Sending ------------------------------------------------------------------------------------

std::optional<StreamItem> StreamSender::next(Instant now) {
  tell_gap(now);
  if (in_flight_ >= window()) return std::nullopt;
  while (!lost_items_.empty()) {
    const std::uint64_t number = *lost_items_.begin();
    lost_items_.erase(lost_items_.begin());
    if (number < first_) continue;
    const auto at = static_cast<std::size_t>(number - first_);
    if (!entries_[at].lost) continue;  // acknowledged meanwhile
    ++retransmissions_;
    return transmit(at, now);
  }
  if (sent_ == entries_.size() || sent_ >= kMaxWindow) return std::nullopt;
  const std::size_t at = sent_++;
  if (sent_ == entries_.size()) tail_open_ = false;
  return transmit(at, now);
}

StreamItem StreamSender::transmit(std::size_t at, Instant now) {
  Entry& entry = entries_[at];
  entry.sent = now;
  entry.lost = false;
  ++entry.transmissions;
  ++in_flight_;
  return {first_ + at, entry.bytes};
}

std::optional<Instant> StreamSender::deadline() const {
  if (sent_ == 0) return std::nullopt;
  return entries_.front().sent + timeout_;
}

void StreamSender::expire(Instant now) {
  if (sent_ == 0 || now < *deadline()) return;
  for (std::size_t at = 0; at < sent_; ++at) {
    if (now - entries_[at].sent >= timeout_) mark_lost(at, now);
  }
  timeout_ = std::min(timeout_ * 2, kMaxTimeout);
}

void StreamSender::mark_lost(std::size_t at, Instant now) {
  Entry& entry = entries_[at];
  if (entry.acknowledged || entry.lost) return;
  entry.lost = true;
  --in_flight_;
  lost_items_.insert(first_ + at);
  close_window(now);
}

// ---- Being acknowledged -------------------------------------------------------------------------

bool StreamSender::acknowledge(const Acknowledgement& acknowledgement, Instant now) {
  if (acknowledgement.next > first_ + sent_) return false;
  std::size_t acknowledged = 0;
  const auto take = [&](Entry& entry) {
    if (entry.acknowledged) return;
    // Of an item that was sent twice it is not known which time was heard.
    if (entry.transmissions == 1) measure(now - entry.sent);
    forget(entry);
    ++acknowledged;
  };
  while (first_ < acknowledgement.next) {
    take(entries_.front());
    entries_.pop_front();
    ++first_;
    --sent_;
  }
  std::size_t end = 0;  // behind the last one that arrived
  if (acknowledgement.next == first_) {
    const std::size_t bits = acknowledgement.map.size() * 8;
    for (std::size_t bit = 0; bit < bits && bit + 1 < sent_; ++bit) {
      if ((acknowledgement.map[bit / 8] >> (bit % 8) & 1) == 0) continue;
      take(entries_[bit + 1]);
      end = bit + 2;
    }
  }
  if (acknowledged > 0) {
    timeout_ = round_trip_ ? std::clamp(*round_trip_ + 4 * variation_, kMinTimeout, kMaxTimeout)
                           : kFirstTimeout;
    open_window(acknowledged);
  }
  find_overtaken(end, now);
  return true;
}

void StreamSender::forget(Entry& entry) {
  if (!entry.lost) --in_flight_;
  entry.acknowledged = true;
  entry.lost = false;
  records_ -= entry.records;
  entry.bytes = {};
}

// Items with kReordering later ones acknowledged; not those that were sent again just now.
void StreamSender::find_overtaken(std::size_t end, Instant now) {
  const Duration patience = round_trip_.value_or(kFirstTimeout);
  for (std::size_t at = 0; at + kReordering < end; ++at) {
    if (now - entries_[at].sent >= patience) mark_lost(at, now);
  }
}

void StreamSender::measure(Duration round_trip) {
  if (!round_trip_) {
    round_trip_ = round_trip;
    variation_ = round_trip / 2;
    return;
  }
  const Duration error = round_trip - *round_trip_;
  variation_ += ((error < Duration::zero() ? -error : error) - variation_) / 4;
  *round_trip_ += error / 8;
}

// Once per round trip: what is lost together is one sign.
void StreamSender::close_window(Instant now) {
  if (now - last_cut_ < round_trip_.value_or(kFirstTimeout)) return;
  last_cut_ = now;
  threshold_ = window_ = std::max<double>(window_ / 2, kMinWindow);
}

void StreamSender::open_window(std::size_t acknowledged) {
  const auto items = static_cast<double>(acknowledged);
  window_ += window_ < threshold_ ? items : items / window_;
  window_ = std::min<double>(window_, kMaxWindow);
}

}  // namespace carpool::mirror
