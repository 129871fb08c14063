#include "controlplane/link/publisher.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "controlplane/link/event_reader.h"
#include "tests/unit/link/appliance.h"
#include "tests/unit/link/fake_data_plane.h"

namespace carpool::link {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Instant kStart{1000s};

class PublisherTest : public testing::Test {
 protected:
  std::vector<std::byte> image(std::uint64_t generation) {
    appliance_.generation = generation - 1;
    appliance_.build();
    return appliance_.image;
  }
  void publish(Publisher& publisher, Instant now = kStart) {
    const auto published = publisher.publish(image(publisher.next_generation()), now);
    EXPECT_TRUE(published) << published.error().message;
  }

  Appliance appliance_;
  FakeDataPlane plane_{2};
  Publisher publisher_{plane_.region()};
};

TEST_F(PublisherTest, EveryThreadTakesOverTheImage) {
  publish(publisher_);
  EXPECT_FALSE(publisher_.all_acknowledged());
  plane_.turn();
  EXPECT_TRUE(publisher_.all_acknowledged());
  for (std::uint32_t thread = 0; thread < 3; ++thread) {
    EXPECT_EQ(plane_.region().status(thread).generation, 1u);
    EXPECT_EQ(plane_.image(thread).header().generation, 1u);
  }
  EXPECT_THAT(publisher_.poll(kStart + 10s), IsEmpty());
}

TEST_F(PublisherTest, NeverWritesOverAnImageInUse) {
  publish(publisher_);
  plane_.turn();
  for (int i = 0; i < 20; ++i) {
    publish(publisher_);
    plane_.expect_images_whole();
    if (i % 3 == 0) plane_.turn_of(0);
    if (i % 5 == 0) plane_.turn_of(1);
    if (i % 7 == 0) plane_.turn_of(2);
    (void)publisher_.poll(kStart);
    plane_.expect_images_whole();
  }
  for (int i = 0; i < 3; ++i) {
    plane_.turn();
    (void)publisher_.poll(kStart);
  }
  EXPECT_TRUE(publisher_.all_acknowledged());
  EXPECT_EQ(plane_.region().status(0).generation, 21u);
}

TEST_F(PublisherTest, OnlyTheNewestWaitsWhileAllSlotsAreBusy) {
  publish(publisher_);
  plane_.turn();  // 1 is in use
  publish(publisher_);
  publish(publisher_);  // 2 and 3 are announced
  publish(publisher_);
  publish(publisher_);  // 4 and 5 find no slot
  EXPECT_FALSE(publisher_.all_acknowledged());
  plane_.turn();
  EXPECT_EQ(plane_.region().status(0).generation, 3u);
  EXPECT_FALSE(publisher_.all_acknowledged()) << "5 is still to come";
  (void)publisher_.poll(kStart);
  plane_.turn();
  EXPECT_TRUE(publisher_.all_acknowledged());
  EXPECT_EQ(plane_.region().status(0).generation, 5u);
  EXPECT_THAT(plane_.installed(0), ElementsAre(1, 2, 3, 5));
}

TEST_F(PublisherTest, TellsGroupStates) {
  publish(publisher_);
  publisher_.set_group(3, true, kStart);
  publisher_.set_group(0, false, kStart);
  EXPECT_FALSE(publisher_.all_acknowledged());
  plane_.turn();
  EXPECT_TRUE(publisher_.all_acknowledged());
  EXPECT_EQ(plane_.region().status(2).active_groups, 8u);
  publisher_.set_group(3, false, kStart);
  plane_.turn();
  EXPECT_EQ(plane_.region().status(2).active_groups, 0u);
}

TEST_F(PublisherTest, AsksForMirroringAndBulksOnce) {
  using abi::CommandKind;
  publish(publisher_);
  publisher_.set_mirror(true, kStart);
  publisher_.request_bulk(7, kStart);
  plane_.turn();
  (void)publisher_.poll(kStart);
  publisher_.set_mirror(true, kStart);
  plane_.turn();
  for (std::uint32_t worker = 0; worker < 2; ++worker) {
    const auto& told = plane_.others(worker);
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[0].kind, CommandKind::set_mirror);
    EXPECT_EQ(told[0].active, 1u);
    EXPECT_EQ(told[1].kind, CommandKind::mirror_bulk);
    EXPECT_EQ(told[1].serial, 7u);
  }
  // A new data plane mirrors like the one before, but owes nobody that one's bulk.
  FakeDataPlane successor{1};
  publisher_.attach(successor.region());
  (void)publisher_.poll(kStart);
  successor.turn();
  ASSERT_EQ(successor.others(0).size(), 1u);
  EXPECT_EQ(successor.others(0)[0].kind, CommandKind::set_mirror);
}

TEST_F(PublisherTest, AFullRingLosesNothing) {
  publish(publisher_);
  plane_.turn();
  for (std::uint32_t i = 0; i < 2 * abi::kCommandRingSize + 1; ++i)
    publisher_.set_group(5, i % 2 == 0, kStart);
  publish(publisher_);
  plane_.turn();
  EXPECT_FALSE(publisher_.all_acknowledged());
  (void)publisher_.poll(kStart);
  plane_.turn();
  EXPECT_TRUE(publisher_.all_acknowledged());
  EXPECT_EQ(plane_.region().status(1).active_groups, 1u << 5);
  EXPECT_EQ(plane_.region().status(1).generation, 2u);
}

TEST_F(PublisherTest, ANewDataPlaneIsToldEverything) {
  publish(publisher_);
  publisher_.set_group(1, true, kStart);
  plane_.turn();
  publisher_.detach();
  publish(publisher_);  // while none is there
  publisher_.set_group(2, true, kStart);
  publisher_.set_group(1, false, kStart);

  FakeDataPlane fresh(4);
  publisher_.attach(fresh.region());
  (void)publisher_.poll(kStart);
  fresh.turn();
  EXPECT_TRUE(publisher_.all_acknowledged());
  EXPECT_EQ(fresh.region().status(3).generation, 2u);
  EXPECT_EQ(fresh.region().status(3).active_groups, 1u << 2);
}

TEST_F(PublisherTest, ARestartedControlPlaneWaitsForOldCommands) {
  publish(publisher_);
  plane_.turn();
  publish(publisher_);  // announced, not read; then it dies
  publisher_.detach();

  Publisher restarted(plane_.region());
  EXPECT_EQ(restarted.next_generation(), 3u);
  publish(restarted);
  publish(restarted);
  plane_.expect_images_whole();
  plane_.turn();  // reads the old command
  (void)restarted.poll(kStart);
  EXPECT_EQ(newest_image(plane_.region()).header().generation, 2u) << "may be in the middle of it";
  for (int i = 0; i < 4; ++i) {
    plane_.turn();
    (void)restarted.poll(kStart);
  }
  EXPECT_TRUE(restarted.all_acknowledged());
  EXPECT_THAT(plane_.installed(1), ElementsAre(1, 2, 4));
}

TEST_F(PublisherTest, ReportsAThreadThatDoesNotFollowOnce) {
  publish(publisher_);
  plane_.turn_of(0);
  plane_.turn_of(2);
  EXPECT_THAT(publisher_.poll(kStart + 1s), IsEmpty());
  EXPECT_THAT(publisher_.poll(kStart + 2s),
              ElementsAre("worker 1 has not carried out its commands for 2 s: it uses generation 0 "
                          "of the configuration, 1 is the newest"));
  EXPECT_THAT(publisher_.poll(kStart + 3s), IsEmpty());
  plane_.turn_of(1);
  EXPECT_THAT(publisher_.poll(kStart + 4s), IsEmpty());
  publish(publisher_, kStart + 4s);
  plane_.turn_of(0);
  plane_.turn_of(1);
  EXPECT_THAT(publisher_.poll(kStart + 7s),
              ElementsAre(HasSubstr("the data plane's main thread has not")));
}

TEST_F(PublisherTest, RejectedImagesAreReportedAndGiveTheirSlotsBack) {
  publish(publisher_);
  plane_.turn();
  EventReader events(plane_.region());
  for (int i = 0; i < 5; ++i) {
    publish(publisher_);
    plane_.reject_of(0);
    plane_.turn_of(1);
    plane_.turn_of(2);
    int count = 0;
    events.poll([&](std::uint32_t thread, const abi::Event& event) {
      publisher_.on_event(thread, event);
      ++count;
    });
    EXPECT_EQ(count, 1);
    EXPECT_THAT(publisher_.poll(kStart),
                ElementsAre("worker 0 refuses generation " + std::to_string(i + 2) +
                            " of the configuration: too small"));
  }
  publish(publisher_);
  plane_.turn();
  EXPECT_TRUE(publisher_.all_acknowledged());
}

TEST_F(PublisherTest, RefusesWhatIsNoImage) {
  EXPECT_THAT(publisher_.publish({}, kStart).error().message, HasSubstr("too small"));
  publish(publisher_);
  EXPECT_EQ(publisher_.publish(image(1), kStart).error().message,
            "forwarding image of generation 1 comes after 1");
  for (std::uint16_t i = 0; i < 300; ++i)
    appliance_.add_server(std::to_string(i), Ipv4Address{be32(0x0a000100u + i)});
  EXPECT_THAT(publisher_.publish(image(2), kStart).error().message,
              HasSubstr("the data plane has room for 16384"));
}

TEST_F(PublisherTest, AnImageThatWasNotFinishedIsNotFound) {
  publish(publisher_);
  plane_.turn();
  publish(publisher_);
  const auto slots = {plane_.region().image_slot(0), plane_.region().image_slot(1)};
  for (const auto slot : slots) {
    if (abi::ImageView(slot.data()).header().generation == 2)
      std::ranges::fill(slot.first(sizeof(abi::ImageHeader)), std::byte{0});
  }
  EXPECT_EQ(newest_image(plane_.region()).header().generation, 1u);
}

TEST_F(PublisherTest, Beats) {
  const auto before = plane_.region().control().heartbeat.load();
  publisher_.beat();
  EXPECT_NE(plane_.region().control().heartbeat.load(), before);
  EXPECT_EQ(plane_.region().control().pid, static_cast<std::uint32_t>(getpid()));
}

}  // namespace
}  // namespace carpool::link
