// Brings forwarding images and group states to the threads of the data plane, and knows who has
// taken them over. It keeps what is wanted, compares with what each thread was told, and catches up
// whenever it is polled: nothing gets lost in a full ring, and a new data plane is told everything.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/abi/image.h"
#include "dataplane/abi/limits.h"
#include "dataplane/abi/messages.h"
#include "dataplane/abi/region.h"
#include "dataplane/abi/ring.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace carpool::link {

// The newest whole image in the region, announced or not; none in a new region.
[[nodiscard]] abi::ImageView newest_image(const abi::Region& region);

class Publisher {
 public:
  // A thread that has not taken over an image after this long is reported.
  static constexpr Duration kAcknowledgeBound = std::chrono::seconds(2);

  Publisher() = default;
  // Takes over the command rings of a data plane; whoever fed them before must be gone. The region
  // has to outlive the attachment.
  explicit Publisher(abi::Region& region) { attach(region); }

  // A (new) data plane: it is told everything. An image with other port indices than its own should
  // be replaced by publish() right after. Does not beat: a data plane that is fenced takes up what
  // it was told last with the first beat, so say what holds now before that.
  void attach(abi::Region& region);
  // The data plane is gone. What is published meanwhile waits for the next one.
  void detach();
  [[nodiscard]] bool attached() const { return region_ != nullptr; }

  // Above every generation that the region or this publisher has seen.
  [[nodiscard]] std::uint64_t next_generation() const { return newest_generation_ + 1; }

  // While all slots are busy only the newest image waits.
  // Errors: not an image, an old generation, larger than a slot.
  Result<void> publish(std::vector<std::byte> image, Instant now);
  // Claims (or releases) the addresses of the group with this index on every thread.
  void set_group(std::uint32_t group, bool active, Instant now);
  // Whether workers tell of their connections in their mirror rings.
  void set_mirror(bool on, Instant now);
  // Each worker tells of all connections of claimed groups, then says so with this serial. A later
  // request replaces one that is under way.
  void request_bulk(std::uint32_t serial, Instant now);

  // Carries on with what is unfinished. Returns what an operator should know, each thing once.
  // Call it every few milliseconds until all_acknowledged(), then every second.
  std::vector<std::string> poll(Instant now);
  // To be told of every event of the data plane; it takes notice of rejected images.
  void on_event(std::uint32_t thread, const abi::Event& event);

  // Every thread of an attached data plane uses the newest image and knows every group's state.
  [[nodiscard]] bool all_acknowledged() const;

  // The control plane lives: at least every 100 ms.
  void beat();

 private:
  struct Thread {
    abi::RingProducer<abi::Command> commands;
    std::uint32_t head_at_attach = 0;  // commands before it are an earlier control plane's
    bool settled = false;              // they have been carried out
    std::optional<std::uint64_t> heartbeat_when_read;
    std::uint64_t sent_generation = 0;
    std::uint64_t rejected_generation = 0;
    std::array<std::optional<bool>, abi::kMaxGroups> sent_groups{};
    std::optional<bool> sent_mirror;
    std::optional<std::uint32_t> sent_bulk;
    std::optional<Instant> behind_since;
    std::uint64_t generation_when_behind = 0;
    bool reported = false;  // that it is behind
  };

  [[nodiscard]] bool settle();
  [[nodiscard]] std::optional<std::uint32_t> free_slot() const;
  [[nodiscard]] bool may_use(std::uint32_t thread, std::uint32_t slot) const;
  void write_image(std::uint32_t slot);
  void advance(Instant now);
  void tell(std::uint32_t thread);
  void watch(std::uint32_t thread, Instant now);
  [[nodiscard]] bool is_behind(std::uint32_t thread) const;
  [[nodiscard]] bool knows_groups(std::uint32_t thread) const;
  [[nodiscard]] std::string name_of(std::uint32_t thread) const;

  abi::Region* region_ = nullptr;
  std::vector<Thread> threads_;
  std::vector<std::byte> newest_;             // empty: none yet
  std::uint64_t newest_generation_ = 0;       // of newest_, or what was found in the region
  std::optional<std::uint32_t> newest_slot_;  // where newest_ lies; none: it waits for a slot
  std::array<std::uint64_t, abi::kImageSlots> slot_generations_{};  // 0: not known to hold one
  std::array<std::optional<bool>, abi::kMaxGroups> groups_{};       // as wanted
  std::optional<bool> mirror_;                                      // likewise
  std::optional<std::uint32_t> bulk_;                               // the last one asked for
  std::vector<std::string> reports_;
};

}  // namespace carpool::link
