#include "controlplane/link/publisher.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace carpool::link {
namespace {

// Ring indices run freely; the difference tells who is ahead.
bool has_reached(std::uint32_t tail, std::uint32_t head) {
  return static_cast<std::int32_t>(tail - head) >= 0;
}

std::string too_large(const std::vector<std::byte>& image, const abi::Region& region) {
  return fmt::format("forwarding image needs {} bytes, the data plane has room for {}",
                     image.size(), region.image_slot(0).size());
}

}  // namespace

abi::ImageView newest_image(const abi::Region& region) {
  abi::ImageView newest;
  for (std::uint32_t slot = 0; slot < abi::kImageSlots; ++slot) {
    const auto bytes = region.image_slot(slot);
    if (abi::validate(bytes) != abi::ImageFault::none) continue;
    const abi::ImageView image(bytes.data());
    if (!newest || image.header().generation > newest.header().generation) newest = image;
  }
  return newest;
}

void Publisher::attach(abi::Region& region) {
  detach();
  region_ = &region;
  std::uint64_t seen = 0;
  for (std::uint32_t thread = 0; thread <= region.main_thread(); ++thread) {
    const auto ring = region.commands(thread);
    const auto generation = region.status(thread).generation.load(std::memory_order_acquire);
    Thread& state = threads_.emplace_back();
    state.commands = abi::RingProducer<abi::Command>(ring);
    state.head_at_attach = ring.control->head.load(std::memory_order_relaxed);
    state.settled = state.head_at_attach == 0 && generation == 0;
    seen = std::max(seen, generation);
  }
  if (const auto image = newest_image(region)) seen = std::max(seen, image.header().generation);
  // Where the region has seen as much as we have, what waits here is no news to it.
  if (seen >= newest_generation_) newest_.clear();
  if (newest_.size() > region.image_slot(0).size()) {
    reports_.push_back(too_large(newest_, region));
    newest_.clear();
  }
  newest_generation_ = std::max(newest_generation_, seen);
  region.control().pid.store(static_cast<std::uint32_t>(getpid()), std::memory_order_relaxed);
}

void Publisher::detach() {
  region_ = nullptr;
  bulk_.reset();  // who asked for it has to ask the next data plane
  threads_.clear();
  newest_slot_.reset();
  slot_generations_ = {};
}

Result<void> Publisher::publish(std::vector<std::byte> image, Instant now) {
  if (const auto fault = abi::validate(image); fault != abi::ImageFault::none)
    return fail(fmt::format("forwarding image is wrong: {}", abi::name(fault)));
  const auto generation = abi::ImageView(image.data()).header().generation;
  if (generation <= newest_generation_) {
    return fail(fmt::format("forwarding image of generation {} comes after {}", generation,
                            newest_generation_));
  }
  if (region_ && image.size() > region_->image_slot(0).size())
    return fail(too_large(image, *region_));
  newest_ = std::move(image);
  newest_generation_ = generation;
  newest_slot_.reset();
  advance(now);
  return {};
}

void Publisher::set_group(std::uint32_t group, bool active, Instant now) {
  groups_.at(group) = active;
  advance(now);
}

void Publisher::set_mirror(bool on, Instant now) {
  mirror_ = on;
  advance(now);
}

void Publisher::request_bulk(std::uint32_t serial, Instant now) {
  bulk_ = serial;
  advance(now);
}

std::vector<std::string> Publisher::poll(Instant now) {
  advance(now);
  for (std::uint32_t thread = 0; thread < threads_.size(); ++thread) {
    Thread& state = threads_[thread];
    if (!state.behind_since || now - *state.behind_since < kAcknowledgeBound) continue;
    if (std::exchange(state.reported, true)) continue;
    reports_.push_back(fmt::format(
        "{} has not carried out its commands for {} s: it uses generation {} of the "
        "configuration, {} is the newest",
        name_of(thread),
        std::chrono::duration_cast<std::chrono::seconds>(now - *state.behind_since).count(),
        region_->status(thread).generation.load(std::memory_order_relaxed), newest_generation_));
  }
  return std::exchange(reports_, {});
}

void Publisher::on_event(std::uint32_t thread, const abi::Event& event) {
  if (event.kind != abi::EventKind::image_rejected || thread >= threads_.size()) return;
  Thread& state = threads_[thread];
  state.rejected_generation = std::max(state.rejected_generation, event.generation);
  state.reported = true;  // this says more than that it is behind
  reports_.push_back(fmt::format("{} refuses generation {} of the configuration: {}",
                                 name_of(thread), event.generation,
                                 abi::name(static_cast<abi::ImageFault>(event.detail))));
}

bool Publisher::all_acknowledged() const {
  if (!region_ || (!newest_.empty() && !newest_slot_)) return false;
  for (std::uint32_t thread = 0; thread < threads_.size(); ++thread) {
    if (is_behind(thread) ||
        (newest_slot_ && threads_[thread].sent_generation != newest_generation_))
      return false;
  }
  return true;
}

void Publisher::beat() {
  if (region_) region_->control().heartbeat.fetch_add(1, std::memory_order_relaxed);
}

// An earlier control plane may have left commands behind that name slots. No slot is safe to write
// to before they are carried out: read, and then two more turns of the loop, as the thread may be
// in the middle of the turn that read the last one.
bool Publisher::settle() {
  bool all = true;
  for (std::uint32_t thread = 0; thread < threads_.size(); ++thread) {
    Thread& state = threads_[thread];
    if (state.settled) continue;
    all = false;
    const auto tail = region_->commands(thread).control->tail.load(std::memory_order_acquire);
    if (!has_reached(tail, state.head_at_attach)) continue;
    const auto beats = region_->status(thread).heartbeat.load(std::memory_order_acquire);
    if (!state.heartbeat_when_read) state.heartbeat_when_read = beats;
    state.settled = beats - *state.heartbeat_when_read >= 2;
  }
  return all;
}

// A thread may use the image that its status names and every one that it was told of since and has
// not refused; one with the generation in its status, too, as the two fields of the status change
// one after the other.
bool Publisher::may_use(std::uint32_t thread, std::uint32_t slot) const {
  const auto& status = region_->status(thread);
  const auto generation = status.generation.load(std::memory_order_acquire);
  const auto written = slot_generations_[slot];
  if (generation != 0 && status.image_slot.load(std::memory_order_acquire) == slot) return true;
  if (written == 0) return false;
  return written == generation ||
         written > std::max(generation, threads_[thread].rejected_generation);
}

std::optional<std::uint32_t> Publisher::free_slot() const {
  for (std::uint32_t slot = 0; slot < abi::kImageSlots; ++slot) {
    bool used = false;
    for (std::uint32_t thread = 0; thread < threads_.size(); ++thread)
      used |= may_use(thread, slot);
    if (!used) return slot;
  }
  return std::nullopt;
}

// The header goes in last, and an old one out first: a control plane that dies in between leaves
// no image that looks whole. What a process stored before its death is there in program order, so
// only the compiler has to be held back.
void Publisher::write_image(std::uint32_t slot) {
  const auto place = region_->image_slot(slot);
  constexpr std::size_t kHeader = sizeof(abi::ImageHeader);
  std::memset(place.data(), 0, kHeader);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::memcpy(place.data() + kHeader, newest_.data() + kHeader, newest_.size() - kHeader);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::memcpy(place.data(), newest_.data(), kHeader);
  slot_generations_[slot] = newest_generation_;
  newest_slot_ = slot;
}

void Publisher::advance(Instant now) {
  if (!region_) return;
  const bool settled = settle();
  if (!newest_.empty() && !newest_slot_ && settled) {
    if (const auto slot = free_slot()) write_image(*slot);
  }
  for (std::uint32_t thread = 0; thread < threads_.size(); ++thread) {
    tell(thread);
    watch(thread, now);
  }
}

// Sends the difference between what is wanted and what was sent, as far as the ring has room.
void Publisher::tell(std::uint32_t thread) {
  Thread& state = threads_[thread];
  if (newest_slot_ && state.sent_generation != newest_generation_) {
    const abi::Command install{.kind = abi::CommandKind::install_image,
                               .image_slot = *newest_slot_,
                               .generation = newest_generation_};
    if (!state.commands.push(install)) return;
    state.sent_generation = newest_generation_;
    state.reported = false;
  }
  for (std::uint32_t group = 0; group < groups_.size(); ++group) {
    if (!groups_[group] || state.sent_groups[group] == groups_[group]) continue;
    const abi::Command set{
        .kind = abi::CommandKind::set_group, .group = group, .active = *groups_[group] ? 1u : 0u};
    if (!state.commands.push(set)) return;
    state.sent_groups[group] = groups_[group];
  }
  // After the groups: a bulk is of those that are claimed.
  if (mirror_ && state.sent_mirror != mirror_) {
    const abi::Command set{.kind = abi::CommandKind::set_mirror, .active = *mirror_ ? 1u : 0u};
    if (!state.commands.push(set)) return;
    state.sent_mirror = mirror_;
  }
  if (bulk_ && state.sent_bulk != bulk_) {
    const abi::Command start{.kind = abi::CommandKind::mirror_bulk, .serial = *bulk_};
    if (!state.commands.push(start)) return;
    state.sent_bulk = bulk_;
  }
}

// Notes since when a thread has made no progress with what it was told.
void Publisher::watch(std::uint32_t thread, Instant now) {
  Thread& state = threads_[thread];
  const auto generation = region_->status(thread).generation.load(std::memory_order_relaxed);
  if (!is_behind(thread)) {
    state.behind_since.reset();
    state.reported = false;
  } else if (!state.behind_since || state.generation_when_behind != generation) {
    state.behind_since = now;
    state.generation_when_behind = generation;
  }
}

bool Publisher::is_behind(std::uint32_t thread) const {
  const Thread& state = threads_[thread];
  const auto generation = region_->status(thread).generation.load(std::memory_order_acquire);
  const bool uses_sent = state.sent_generation == 0 || generation == state.sent_generation;
  return !state.settled || !uses_sent || !knows_groups(thread);
}

bool Publisher::knows_groups(std::uint32_t thread) const {
  const auto active = region_->status(thread).active_groups.load(std::memory_order_acquire);
  for (std::uint32_t group = 0; group < groups_.size(); ++group) {
    if (groups_[group] && *groups_[group] != ((active >> group & 1) != 0)) return false;
  }
  return true;
}

std::string Publisher::name_of(std::uint32_t thread) const {
  return thread == region_->main_thread() ? "the data plane's main thread"
                                          : fmt::format("worker {}", thread);
}

}  // namespace carpool::link
