// The threads of a data plane as the control plane sees them, in a region of their own; a test says
// when each takes a turn.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "dataplane/abi/image.h"
#include "dataplane/abi/region.h"
#include "dataplane/abi/ring.h"

namespace carpool::link {

class FakeDataPlane {
 public:
  explicit FakeDataPlane(std::uint32_t workers)
      : path_(fresh_path()), region_(make(path_, workers)), threads_(workers + 1) {
    for (std::uint32_t thread = 0; thread < threads_.size(); ++thread)
      threads_[thread].commands = abi::RingConsumer<abi::Command>(region_.commands(thread));
  }
  ~FakeDataPlane() { std::filesystem::remove(path_); }
  FakeDataPlane(const FakeDataPlane&) = delete;
  FakeDataPlane& operator=(const FakeDataPlane&) = delete;

  [[nodiscard]] abi::Region& region() { return region_; }
  [[nodiscard]] abi::ImageView image(std::uint32_t thread) const { return threads_[thread].image; }
  // Generations that a thread has installed, in order.
  [[nodiscard]] const std::vector<std::uint64_t>& installed(std::uint32_t thread) const {
    return threads_[thread].installed;
  }

  // Commands that are about neither images nor groups, in order.
  [[nodiscard]] const std::vector<abi::Command>& others(std::uint32_t thread) const {
    return threads_[thread].others;
  }

  void turn() {
    for (std::uint32_t thread = 0; thread < threads_.size(); ++thread)
      turn_of(thread);
  }
  // Carries out all commands.
  void turn_of(std::uint32_t thread) {
    region_.status(thread).heartbeat.fetch_add(1, std::memory_order_release);
    abi::Command command;
    while (threads_[thread].commands.pop(command))
      carry_out(thread, command);
  }
  // Likewise, but refuses every image.
  void reject_of(std::uint32_t thread) {
    abi::RingProducer<abi::Event> events(region_.events(thread));
    abi::Command command;
    while (threads_[thread].commands.pop(command)) {
      if (command.kind != abi::CommandKind::install_image) continue;
      EXPECT_TRUE(events.push({.kind = abi::EventKind::image_rejected,
                               .detail = static_cast<std::uint32_t>(abi::ImageFault::too_small),
                               .generation = command.generation,
                               .address = {},
                               .mac = {}}));
    }
  }

  // What every thread uses is what it took over.
  void expect_images_whole() const {
    for (std::uint32_t thread = 0; thread < threads_.size(); ++thread) {
      const auto& state = threads_[thread];
      if (!state.image) continue;
      EXPECT_EQ(state.image.header().generation, state.installed.back()) << "thread " << thread;
      const auto slot = region_.status(thread).image_slot.load();
      EXPECT_EQ(abi::validate(region_.image_slot(slot)), abi::ImageFault::none);
    }
  }

 private:
  struct Thread {
    abi::RingConsumer<abi::Command> commands;
    abi::ImageView image;
    std::vector<std::uint64_t> installed;
    std::vector<abi::Command> others;
  };

  static std::filesystem::path fresh_path() {
    static int count = 0;
    return std::filesystem::temp_directory_path() /
           ("carpool-link-" + std::to_string(getpid()) + "-" + std::to_string(++count));
  }
  static abi::Region make(const std::filesystem::path& path, std::uint32_t workers) {
    auto region = abi::Region::create(path, {.workers = workers, .image_bytes = 16'384});
    if (!region) throw std::runtime_error(region.error().message);
    return *std::move(region);
  }

  void carry_out(std::uint32_t thread, const abi::Command& command) {
    abi::ThreadStatus& status = region_.status(thread);
    if (command.kind == abi::CommandKind::set_group) {
      const std::uint32_t bit = 1u << command.group;
      const auto groups = status.active_groups.load();
      status.active_groups = command.active != 0 ? groups | bit : groups & ~bit;
      return;
    }
    if (command.kind != abi::CommandKind::install_image) {
      threads_[thread].others.push_back(command);
      return;
    }
    const auto slot = region_.image_slot(command.image_slot);
    ASSERT_EQ(abi::validate(slot), abi::ImageFault::none);
    const abi::ImageView image(slot.data());
    ASSERT_EQ(image.header().generation, command.generation);
    threads_[thread].image = image;
    threads_[thread].installed.push_back(command.generation);
    status.image_slot = command.image_slot;
    status.generation.store(command.generation, std::memory_order_release);
  }

  std::filesystem::path path_;
  abi::Region region_;
  std::vector<Thread> threads_;
};

}  // namespace carpool::link
