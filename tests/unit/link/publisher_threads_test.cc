// Threads that take over images while new ones are written: what ThreadSanitizer has to say.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "controlplane/link/publisher.h"
#include "tests/unit/link/appliance.h"
#include "tests/unit/link/fake_data_plane.h"

namespace carpool::link {
namespace {

TEST(PublisherThreads, NobodySeesAnImageChange) {
  constexpr std::uint64_t kGenerations = 500;
  Appliance appliance;
  for (std::uint8_t i = 1; i < 20; ++i)
    appliance.add_server(std::to_string(i), Ipv4Address::of(10, 0, 0, i));
  FakeDataPlane plane(2);
  Publisher publisher(plane.region());

  std::atomic<bool> stop{false};
  const auto loop = [&](std::uint32_t thread) {
    while (!stop.load(std::memory_order_relaxed)) {
      plane.turn_of(thread);
      const auto image = plane.image(thread);
      if (!image) continue;
      // The builder was told to give every server the generation as its weight.
      for (const auto& server : image.servers())
        ASSERT_EQ(server.weight, image.header().generation);
    }
  };
  std::vector<std::thread> threads;
  for (std::uint32_t thread = 0; thread < 3; ++thread)
    threads.emplace_back(loop, thread);

  const auto wait = [&] {
    while (!publisher.all_acknowledged()) {
      (void)publisher.poll(monotonic_now());
      std::this_thread::yield();
    }
  };
  for (std::uint64_t generation = 1; generation <= kGenerations; ++generation) {
    for (auto& state : appliance.states[0])
      state.weight = static_cast<std::uint32_t>(generation);
    appliance.build();
    EXPECT_TRUE(publisher.publish(appliance.image, monotonic_now()));
    publisher.set_group(0, generation % 2 == 0, monotonic_now());
    if (generation % 10 == 0) wait();
  }
  wait();
  stop = true;
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(plane.installed(0).back(), kGenerations);
  EXPECT_EQ(plane.region().status(1).active_groups, 1u);
}

}  // namespace
}  // namespace carpool::link
