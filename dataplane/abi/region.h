// The shared region: one file per instance, created by the data plane, mapped by both processes.
// Everything in it lies at an offset that follows from its shape (how many workers, how large an
// image slot), so that an attaching process can check the whole layout before it trusts any of it.
//
//   header | control line | worker statuses, main status | counters.. | server counters.. |
//   rings.. | image slots
//
// Who writes what: the header and the statuses the data plane, the control line the control plane,
// each ring end its own side, image slots the control plane.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "dataplane/abi/counters.h"
#include "dataplane/abi/limits.h"
#include "dataplane/abi/messages.h"
#include "dataplane/abi/mirror.h"
#include "dataplane/abi/ring.h"
#include "dataplane/base/result.h"
#include "dataplane/base/static_string.h"
#include "dataplane/net/address.h"

namespace carpool::abi {

inline constexpr std::size_t kDefaultImageBytes = std::size_t{4} << 20;

struct RegionShape {
  std::uint32_t workers = 1;
  std::uint32_t image_bytes = kDefaultImageBytes;  // of each slot
};

struct alignas(kCacheLine) PortInfo {
  Name name;    // as configured: "wan"
  Name device;  // "eth1"
  MacAddress mac;
  std::uint8_t shared_with_kernel = 0;
  std::uint8_t reserved = 0;
  std::uint32_t mtu = 0;
  std::atomic<std::uint32_t> link_up{0};
};

struct RegionHeader {
  std::uint64_t magic = kRegionMagic;
  std::uint32_t version = kVersion;
  std::uint32_t header_bytes = sizeof(RegionHeader);
  std::uint64_t total_bytes = 0;
  RegionShape shape;
  Name instance;
  std::uint32_t pid = 0;       // of the data plane
  std::uint32_t fence_ms = 0;  // silence of the control plane after which addresses are given up
  std::uint64_t start_ns = 0;  // CLOCK_MONOTONIC
  std::uint64_t flows_per_worker = 0;
  std::uint32_t port_count = 0;
  std::atomic<std::uint32_t> ready{
      0};  // 1 once every worker runs, 0 again when the data plane stops
  PortInfo ports[kMaxPorts];
};

struct alignas(kCacheLine) ControlLine {
  std::atomic<std::uint64_t> heartbeat{
      0};  // changes at least every 100 ms while the control plane lives
  std::atomic<std::uint32_t> pid{0};
};

// Of a worker, or of the data plane's main thread (which forwards nothing but steers addresses to
// ports).
struct alignas(kCacheLine) ThreadStatus {
  std::atomic<std::uint64_t> heartbeat{0};      // changes with every turn of its loop
  std::atomic<std::uint64_t> generation{0};     // of the image in use; 0: none yet
  std::atomic<std::uint32_t> image_slot{0};     // where that image lies
  std::atomic<std::uint32_t> active_groups{0};  // bit per group, as last commanded
  std::atomic<std::uint32_t> fenced{0};         // 1: no group is claimed, whatever was commanded
  std::atomic<std::uint32_t> reserved{0};
  std::atomic<std::uint64_t> busy_cycles{0};  // TSC cycles in turns that found work
  std::atomic<std::uint64_t> idle_cycles{0};
};
static_assert(sizeof(ThreadStatus) == kCacheLine);
static_assert(kMaxGroups <= 32, "active_groups is a bitmap of 32");

class Region {
 public:
  // Makes the file anew (an old one keeps serving those who still map it) and returns it mapped,
  // ready = 0. Errors: the path, and the reason the system gives.
  static Result<Region> create(const std::filesystem::path& path, const RegionShape& shape);
  // Maps an existing region after checking magic, version, sizes and shape.
  // Errors: no such file, not a region, another version (both are named), cut short.
  static Result<Region> attach(const std::filesystem::path& path);

  Region(Region&& other) noexcept;
  Region& operator=(Region&& other) noexcept;
  ~Region();

  [[nodiscard]] RegionHeader& header() const { return at<RegionHeader>(0); }
  [[nodiscard]] ControlLine& control() const { return at<ControlLine>(layout_.control); }

  // Threads 0..workers-1 are the workers, thread `workers` is the main thread.
  [[nodiscard]] std::uint32_t workers() const { return shape_.workers; }
  [[nodiscard]] std::uint32_t main_thread() const { return shape_.workers; }
  [[nodiscard]] ThreadStatus& status(std::uint32_t thread) const {
    return at<ThreadStatus>(layout_.status + thread * sizeof(ThreadStatus));
  }
  [[nodiscard]] RingPlace<Command> commands(std::uint32_t thread) const {
    return ring<Command>(layout_.commands, thread, kCommandRingSize);
  }
  [[nodiscard]] RingPlace<Event> events(std::uint32_t thread) const {
    return ring<Event>(layout_.events, thread, kEventRingSize);
  }

  [[nodiscard]] WorkerCounters& counters(std::uint32_t worker) const {
    return at<WorkerCounters>(layout_.counters + worker * sizeof(WorkerCounters));
  }
  // By server index of the image, kMaxServers of them.
  [[nodiscard]] std::span<ServerCounters> servers(std::uint32_t worker) const {
    return {&at<ServerCounters>(layout_.servers + worker * sizeof(ServerCounters) * kMaxServers),
            kMaxServers};
  }
  // Adverts that this worker received, on their way to the control plane.
  [[nodiscard]] RingPlace<AdvertFrame> punted(std::uint32_t worker) const {
    return ring<AdvertFrame>(layout_.punted, worker, kAdvertRingSize);
  }
  // Frames that the control plane wants sent by this worker.
  [[nodiscard]] RingPlace<AdvertFrame> injected(std::uint32_t worker) const {
    return ring<AdvertFrame>(layout_.injected, worker, kAdvertRingSize);
  }
  // Hellos of the peer that this worker received.
  [[nodiscard]] RingPlace<AdvertFrame> hellos_in(std::uint32_t worker) const {
    return ring<AdvertFrame>(layout_.hellos_in, worker, kAdvertRingSize);
  }
  // Hellos that worker 0 is to send, each at its time, in the order of their times. It drops them
  // while the control plane is silent for longer than the fence: who hears them knows that this
  // node's addresses may still be answered for.
  [[nodiscard]] RingPlace<AdvertFrame> hellos_out() const {
    return ring<AdvertFrame>(layout_.hellos_out, 0, kHelloRingSize);
  }
  // Connections that this worker tells of, for the peer.
  [[nodiscard]] RingPlace<MirrorRecord> mirror_out(std::uint32_t worker) const {
    return ring<MirrorRecord>(layout_.mirror_out, worker, kMirrorRingSize);
  }
  // Connections of the peer's that this worker is to take up: those in its slots (slot_owner).
  [[nodiscard]] RingPlace<MirrorRecord> mirror_in(std::uint32_t worker) const {
    return ring<MirrorRecord>(layout_.mirror_in, worker, kMirrorRingSize);
  }
  [[nodiscard]] std::span<std::byte> image_slot(std::uint32_t slot) const {
    return {bytes_ + layout_.images + std::size_t{slot} * shape_.image_bytes, shape_.image_bytes};
  }

 private:
  struct Layout {
    std::size_t control, status, counters, servers, commands, events, punted, injected, hellos_in,
        hellos_out, mirror_out, mirror_in, images, end;
  };
  static Layout layout_of(const RegionShape& shape);

  Region(std::byte* bytes, const RegionShape& shape)
      : bytes_(bytes), shape_(shape), layout_(layout_of(shape)) {}

  template <class Type>
  [[nodiscard]] Type& at(std::size_t offset) const {
    return *reinterpret_cast<Type*>(bytes_ + offset);
  }
  template <class Element>
  [[nodiscard]] RingPlace<Element> ring(std::size_t base, std::uint32_t index,
                                        std::uint32_t capacity) const {
    return RingPlace<Element>::at(bytes_ + base + index * ring_bytes<Element>(capacity), capacity);
  }

  std::byte* bytes_ = nullptr;
  RegionShape shape_;  // a private copy: what the mapping was checked for
  Layout layout_{};
};

}  // namespace carpool::abi
