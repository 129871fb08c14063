// The worker's side of the control plane: commands, the fence, frames to send. A bounded turn of
// each per loop, also when packets never stop.
#include <algorithm>
#include <cstring>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "dataplane/base/time.h"
#include "dataplane/worker.h"

namespace carpool {

std::uint32_t Worker::control_turn(std::uint64_t now) {
  abi::Command commands[kCommandsPerTurn];
  const std::uint32_t count = commands_.pop(commands);
  for (std::uint32_t i = 0; i < count; ++i)
    obey(commands[i]);
  watch_control_plane(now);
  return count + send_injected() + send_hellos(now) + mirror_turn();
}

void Worker::obey(const abi::Command& command) {
  switch (command.kind) {
    case abi::CommandKind::install_image:
      install(command);
      break;
    case abi::CommandKind::set_group:
      if (command.group >= abi::kMaxGroups) break;
      commanded_groups_ &= ~(1u << command.group);
      commanded_groups_ |= (command.active != 0 ? 1u : 0u) << command.group;
      status_.active_groups.store(commanded_groups_, std::memory_order_release);
      break;
    case abi::CommandKind::set_mirror:
      pipeline_.set_mirror(command.active != 0);
      break;
    case abi::CommandKind::mirror_bulk:
      pipeline_.begin_bulk(command.serial);
      break;
    case abi::CommandKind::none:
      break;
  }
}

void Worker::install(const abi::Command& command) {
  using abi::ImageFault;
  ImageFault fault = ImageFault::wrong_size;
  if (command.image_slot < abi::kImageSlots) {
    fault = abi::check_successor(pipeline_.image(), region_.image_slot(command.image_slot));
  }
  if (fault != ImageFault::none) {
    abi::Event event;
    event.kind = abi::EventKind::image_rejected;
    event.detail = static_cast<std::uint32_t>(fault);
    event.generation = command.generation;
    report(event);
    return;
  }
  pipeline_.install(abi::ImageView(region_.image_slot(command.image_slot).data()));
  status_.image_slot.store(command.image_slot, std::memory_order_relaxed);
  status_.generation.store(command.generation, std::memory_order_release);
}

// A control plane that is silent no longer advertises, so its peer will take the addresses: from
// then on they are not ours, whatever was commanded last. The clock is this worker's own, so a
// worker that was stopped for long finds itself fenced until the control plane has shown that it
// still lives.
void Worker::watch_control_plane(std::uint64_t now) {
  const std::uint64_t heartbeat = region_.control().heartbeat.load(std::memory_order_relaxed);
  if (heartbeat != control_heartbeat_) {
    control_heartbeat_ = heartbeat;
    control_seen_at_ = now;
  }
  const bool fenced = control_seen_at_ == 0 || now - control_seen_at_ > fence_cycles_;
  status_.fenced.store(fenced, std::memory_order_relaxed);
  if (fenced) {
    pipeline_.drop_groups();
  } else {
    pipeline_.hold_groups(commanded_groups_, turn_ms_);
  }
}

std::uint32_t Worker::send_injected() {
  const std::uint32_t count = injected_.pop(frames_);
  if (count == 0) return 0;
  const std::uint64_t now_ns = to_ns(monotonic_now());
  for (std::uint32_t i = 0; i < count; ++i) {
    const abi::AdvertFrame& frame = frames_[i];
    if (now_ns - frame.time_ns > abi::kAdvertMaxAgeNs) {
      counters_.stale_adverts.add(1);
      continue;
    }
    inject(frame);
  }
  return count;
}

// The ring is almost never empty, as hellos are prepared ahead, and almost never is one due: so
// only the time of the next one is looked at. A fenced worker answers for no address any more, and
// must not say that it does.
std::uint32_t Worker::send_hellos(std::uint64_t now) {
  if (now < hello_at_) [[likely]]
    return 0;
  const std::uint64_t now_ns = to_ns(monotonic_now());
  const bool fenced = status_.fenced.load(std::memory_order_relaxed) != 0;
  for (std::uint32_t taken = 0; taken < kHellosPerTurn; ++taken) {
    if (!hello_waits_ && !hellos_.pop(hello_)) {
      hello_at_ = now + cycles_per_ms_;
      return taken;
    }
    hello_waits_ = true;
    if (hello_.time_ns > now_ns && !fenced) {
      const std::uint64_t wait_us = std::min<std::uint64_t>((hello_.time_ns - now_ns) / 1000, 1000);
      hello_at_ = now + wait_us * cycles_per_ms_ / 1000;
      return taken;
    }
    hello_waits_ = false;
    if (!fenced && now_ns - hello_.time_ns <= abi::kHelloMaxAgeNs) inject(hello_);
  }
  return kHellosPerTurn;
}

void Worker::inject(const abi::AdvertFrame& frame) {
  if (frame.port >= settings_.ports.size() || frame.length > abi::kMaxAdvertBytes) return;
  rte_mbuf* buffer = rte_pktmbuf_alloc(settings_.pool);
  if (buffer == nullptr) return;
  std::memcpy(rte_pktmbuf_append(buffer, frame.length), frame.bytes, frame.length);
  if (send(static_cast<std::uint8_t>(frame.port), &buffer, 1) == 0) rte_pktmbuf_free(buffer);
}

// Records of the peer's into the flow table, and what a bulk still has to tell.
std::uint32_t Worker::mirror_turn() {
  const std::uint32_t count = learned_.pop(told_);
  for (std::uint32_t i = 0; i < count; ++i)
    pipeline_.learn(told_[i], turn_ms_);
  return count + pipeline_.bulk_turn(turn_ms_);
}

// Lost if the control plane does not fetch its events: what they tell is shown, not acted upon.
void Worker::report(const abi::Event& event) {
  (void)events_.push(event);
}

}  // namespace carpool
