// Bringing a node into sync. The node that lacks something asks with a serial; the other has its
// workers tell of everything (a walk), and says when that is over. Pure.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/abi/limits.h"
#include "dataplane/base/time.h"

namespace carpool::mirror {

enum class BulkState : std::uint8_t { none, running, complete, failed };
[[nodiscard]] std::string_view name(BulkState state);

enum class BulkCause : std::uint8_t {
  joined,  // the session is new
  gap,     // the peer could not tell everything
  asked,   // by the operator, or for a new data plane
};
[[nodiscard]] std::string_view text(BulkCause cause);

enum class BulkFailure : std::uint8_t { no_progress, too_long, peer_lost };
[[nodiscard]] std::string_view text(BulkFailure why);

struct BulkTiming {
  Duration progress = std::chrono::seconds(5);  // without any record it has failed
  Duration limit = std::chrono::seconds(60);    // other records are progress too, so this as well
  Duration interval = std::chrono::seconds(5);  // between two, where gaps follow each other
};

// What this node asked for.
class InboundBulk {
 public:
  // As soon as may be, once more if one is running. The first cause counts.
  void want(BulkCause cause) {
    if (!wanted_) wanted_ = cause;
  }
  [[nodiscard]] std::optional<BulkCause> wanted() const { return wanted_; }
  [[nodiscard]] bool due(Instant now, const BulkTiming& timing) const {
    return wanted_ && state_ != BulkState::running &&
           (*wanted_ != BulkCause::gap || now - began_ >= timing.interval);
  }
  // Returns the serial to ask with.
  std::uint32_t begin(Instant now) {
    state_ = BulkState::running;
    began_ = progress_ = now;
    records_ = 0;
    wanted_.reset();
    return ++serial_;
  }
  void count(std::uint64_t records, Instant now) {
    if (state_ != BulkState::running || records == 0) return;
    records_ += records;
    progress_ = now;
  }
  // True if it was the end that is waited for.
  bool end(std::uint32_t serial, Instant now) {
    if (state_ != BulkState::running || serial != serial_) return false;
    state_ = BulkState::complete;
    took_ = now - began_;
    return true;
  }
  [[nodiscard]] std::optional<BulkFailure> overdue(Instant now, const BulkTiming& timing) const {
    if (state_ != BulkState::running) return std::nullopt;
    if (now - progress_ >= timing.progress) return BulkFailure::no_progress;
    if (now - began_ >= timing.limit) return BulkFailure::too_long;
    return std::nullopt;
  }
  void fail(BulkFailure why) {
    state_ = BulkState::failed;
    failure_ = why;
  }
  // The session is over.
  void forget() { wanted_.reset(); }

  [[nodiscard]] BulkState state() const { return state_; }
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] Duration took() const { return took_; }
  [[nodiscard]] Instant began() const { return began_; }
  [[nodiscard]] BulkFailure failure() const { return failure_; }

 private:
  BulkState state_ = BulkState::none;
  BulkFailure failure_{};
  std::uint32_t serial_ = 0;
  std::optional<BulkCause> wanted_;
  Instant began_{};
  Instant progress_{};
  Duration took_{};
  std::uint64_t records_ = 0;
};

// What the peer asked for. Walks have serials of this node's own: the end of an old walk, asked for
// by a peer that is gone, must not end a new one.
class OutboundBulk {
 public:
  explicit OutboundBulk(std::uint32_t first_walk) : walk_(first_walk) {}

  void ask(std::uint32_t serial) {
    asked_ = serial;
    state_ = BulkState::running;
    walking_.reset();
  }
  // A walk is to begin: asked for, and not begun yet.
  [[nodiscard]] bool waits() const { return asked_ && walking_.none(); }
  std::uint32_t begin(std::uint32_t workers) {
    for (std::uint32_t worker = 0; worker < workers; ++worker)
      walking_.set(worker);
    return ++walk_;
  }
  // The data plane is gone: the next one will have to walk.
  void interrupt() { walking_.reset(); }
  // The end of a walk in a worker's ring. Returns the peer's serial when it was the last one.
  std::optional<std::uint32_t> end(std::uint32_t worker, std::uint32_t walk) {
    if (walk != walk_ || !walking_.test(worker)) return std::nullopt;
    walking_.reset(worker);
    if (walking_.any()) return std::nullopt;
    state_ = BulkState::complete;
    const auto serial = asked_;
    asked_.reset();
    return serial;
  }
  void forget() {
    if (state_ == BulkState::running) state_ = BulkState::failed;
    asked_.reset();
    walking_.reset();
  }
  [[nodiscard]] bool walking() const { return walking_.any(); }
  [[nodiscard]] BulkState state() const { return state_; }

 private:
  BulkState state_ = BulkState::none;
  std::optional<std::uint32_t> asked_;
  std::uint32_t walk_;
  std::bitset<abi::kMaxWorkers> walking_;  // workers whose end is to come
};

}  // namespace carpool::mirror
