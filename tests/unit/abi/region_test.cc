#include "dataplane/abi/region.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace carpool::abi {
namespace {

using testing::HasSubstr;

class RegionTest : public testing::Test {
 protected:
  RegionTest() {
    char name[] = "/tmp/carpool-region-XXXXXX";
    directory_ = mkdtemp(name);
    path_ = directory_ / "region";
  }
  ~RegionTest() override { std::filesystem::remove_all(directory_); }

  // Overwrites bytes of the file, as a faulty or foreign program would.
  template <class Value>
  void write_at(std::size_t offset, const Value& value) const {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <class Value>
  void write_at(Value RegionHeader::* field, const Value& value) const {
    alignas(RegionHeader) std::byte probe[sizeof(RegionHeader)];
    auto& header = *new (probe) RegionHeader;
    write_at(static_cast<std::size_t>(reinterpret_cast<std::byte*>(&(header.*field)) - probe),
             value);
  }

  // What attach has to say; empty if it succeeds.
  [[nodiscard]] std::string attach_error() const {
    const auto region = Region::attach(path_);
    return region ? "" : region.error().message;
  }

  std::filesystem::path directory_;
  std::filesystem::path path_;
  const RegionShape shape_{.workers = 2, .image_bytes = 8192};
};

TEST_F(RegionTest, AttachSeesWhatCreateMade) {
  const auto made = Region::create(path_, shape_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->header().ready, 0u);
  made->header().instance = Name("lb1");
  made->header().port_count = 1;
  made->counters(1).received.add(5);
  made->servers(1)[kMaxServers - 1].connections.add(6);
  made->image_slot(2).back() = std::byte{7};
  made->status(made->main_thread()).generation = 8;

  const auto seen = Region::attach(path_);
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(seen->workers(), 2u);
  EXPECT_EQ(seen->header().instance.view(), "lb1");
  EXPECT_EQ(seen->counters(0).received.get(), 0u);
  EXPECT_EQ(seen->counters(1).received.get(), 5u);
  EXPECT_EQ(seen->servers(1)[kMaxServers - 1].connections.get(), 6u);
  EXPECT_EQ(seen->image_slot(2).size(), 8192u);
  EXPECT_EQ(seen->image_slot(2).back(), std::byte{7});
  EXPECT_EQ(seen->status(2).generation, 8u);
}

TEST_F(RegionTest, PartsLieApartAndAligned) {
  const auto region = Region::create(path_, shape_);
  ASSERT_TRUE(region);
  const auto* const first = reinterpret_cast<const std::byte*>(&region->header());
  std::map<std::size_t, std::size_t> parts;  // start -> end
  const auto add = [&](const void* start, std::size_t bytes, std::size_t alignment = kCacheLine) {
    const auto at = static_cast<std::size_t>(static_cast<const std::byte*>(start) - first);
    EXPECT_EQ(at % alignment, 0u);
    EXPECT_TRUE(parts.emplace(at, at + bytes).second) << at;
  };
  add(&region->header(), sizeof(RegionHeader));
  add(&region->control(), sizeof(ControlLine));
  for (std::uint32_t thread = 0; thread <= region->main_thread(); ++thread) {
    add(&region->status(thread), sizeof(ThreadStatus));
    add(region->commands(thread).control, ring_bytes<Command>(kCommandRingSize));
    add(region->events(thread).control, ring_bytes<Event>(kEventRingSize));
  }
  for (std::uint32_t worker = 0; worker < region->workers(); ++worker) {
    add(&region->counters(worker), sizeof(WorkerCounters));
    add(region->servers(worker).data(), region->servers(worker).size_bytes());
    add(region->punted(worker).control, ring_bytes<AdvertFrame>(kAdvertRingSize));
    add(region->injected(worker).control, ring_bytes<AdvertFrame>(kAdvertRingSize));
    add(region->hellos_in(worker).control, ring_bytes<AdvertFrame>(kAdvertRingSize));
  }
  for (std::uint32_t slot = 0; slot < kImageSlots; ++slot)
    add(region->image_slot(slot).data(), region->image_slot(slot).size(), 4096);

  std::size_t end = 0;
  for (const auto& [start, next] : parts) {
    EXPECT_GE(start, end);
    end = next;
  }
  EXPECT_EQ(end, region->header().total_bytes);
  EXPECT_EQ(end, std::filesystem::file_size(path_));
}

TEST_F(RegionTest, CreateAnewLeavesTheOldOneToThoseWhoMapIt) {
  const auto old = Region::create(path_, shape_);
  ASSERT_TRUE(old);
  const auto old_client = Region::attach(path_);
  ASSERT_TRUE(old_client);
  const auto fresh = Region::create(path_, RegionShape{.workers = 3, .image_bytes = 4096});
  ASSERT_TRUE(fresh);

  old->control().heartbeat = 1;
  EXPECT_EQ(old_client->control().heartbeat, 1u);
  EXPECT_EQ(fresh->control().heartbeat, 0u);
  EXPECT_EQ(Region::attach(path_)->workers(), 3u);
}

TEST_F(RegionTest, MovesLikeAValue) {
  auto first = Region::create(path_, shape_);
  ASSERT_TRUE(first);
  Region second = std::move(*first);
  second.header().pid = 1;
  auto other = Region::create(directory_ / "other", RegionShape{.workers = 1, .image_bytes = 4096});
  ASSERT_TRUE(other);
  *other = std::move(second);
  EXPECT_EQ(other->header().pid, 1u);
  EXPECT_EQ(other->workers(), 2u);
}

TEST_F(RegionTest, RefusesImpossibleShapes) {
  for (const RegionShape& shape : {
           RegionShape{.workers = 0, .image_bytes = 4096},
           RegionShape{.workers = kMaxWorkers + 1, .image_bytes = 4096},
           RegionShape{.workers = 1, .image_bytes = 0},
           RegionShape{.workers = 1, .image_bytes = 4097},
           RegionShape{.workers = 1, .image_bytes = 0x80000000},
       }) {
    const auto region = Region::create(path_, shape);
    ASSERT_FALSE(region);
    EXPECT_THAT(region.error().message, HasSubstr("impossible shape"));
    EXPECT_FALSE(exists(path_));
  }
}

TEST_F(RegionTest, CreateNamesPathAndReason) {
  const auto region = Region::create(directory_ / "missing" / "region", shape_);
  ASSERT_FALSE(region);
  EXPECT_EQ(region.error().message, "shared region " +
                                        (directory_ / "missing" / "region.new").string() +
                                        ": cannot create it: No such file or directory");
}

// Mounts a file system of 64 KiB that only this process sees. False if it may not.
bool enter_small_file_system(const std::filesystem::path& directory) {
  const auto user = "0 " + std::to_string(geteuid()) + " 1";
  const auto group = "0 " + std::to_string(getegid()) + " 1";
  const auto write_to = [](const char* path, const std::string& text) {
    return static_cast<bool>((std::ofstream(path) << text).flush());
  };
  return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_to("/proc/self/uid_map", user) &&
         write_to("/proc/self/setgroups", "deny") && write_to("/proc/self/gid_map", group) &&
         mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=64k") == 0;
}

TEST_F(RegionTest, CreateSaysWhenMemoryIsShort) {
  int report[2];
  ASSERT_EQ(pipe(report), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::string said = "may not mount";
    if (enter_small_file_system(directory_)) {
      const auto region = Region::create(path_, shape_);
      said = region ? "created" : region.error().message;
      if (!is_empty(directory_)) said += " and left a file behind";
    }
    const auto written = write(report[1], said.data(), said.size());
    _exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  close(report[1]);
  char said[512] = {};
  EXPECT_GT(read(report[0], said, sizeof said - 1), 0);
  close(report[0]);
  waitpid(child, nullptr, 0);
  if (std::string_view(said) == "may not mount") GTEST_SKIP() << said;
  EXPECT_EQ(std::string(said), "shared region " + path_.string() +
                                   ".new: cannot reserve its memory: No space left on device");
}

TEST_F(RegionTest, AttachSaysThatThereIsNone) {
  EXPECT_EQ(attach_error(),
            "shared region " + path_.string() + " does not exist: carpool-dp is not running");
}

TEST_F(RegionTest, AttachNamesTheReasonOfTheSystem) {
  std::filesystem::create_directory(path_);
  EXPECT_EQ(attach_error(), "shared region " + path_.string() + ": cannot open it: Is a directory");
}

TEST_F(RegionTest, AttachRefusesAFileShorterThanAHeader) {
  std::ofstream(path_) << "too short";
  EXPECT_EQ(attach_error(),
            "shared region " + path_.string() + " is too short to be one: restart carpool-dp");
  std::ofstream(path_, std::ios::trunc);
  EXPECT_THAT(attach_error(), HasSubstr("too short"));
}

TEST_F(RegionTest, AttachRefusesAnotherKindOfFile) {
  std::ofstream(path_) << std::string(1 << 16, 'x');
  EXPECT_EQ(attach_error(),
            "shared region " + path_.string() + " is not a carpool region (wrong magic number)");
}

TEST_F(RegionTest, AttachNamesBothVersions) {
  ASSERT_TRUE(Region::create(path_, shape_));
  write_at(&RegionHeader::version, kVersion + 41);
  EXPECT_EQ(attach_error(),
            "shared region " + path_.string() + " has version " + std::to_string(kVersion + 41) +
                ", this program speaks version " + std::to_string(kVersion) +
                ": carpool-dp and carpoold must come from the same release; restart carpool-dp");
}

TEST_F(RegionTest, AttachRefusesSizesThatDoNotFit) {
  const auto refuses = [&](auto break_it) {
    ASSERT_TRUE(Region::create(path_, shape_));
    EXPECT_EQ(attach_error(), "");
    break_it();
    EXPECT_EQ(attach_error(), "shared region " + path_.string() +
                                  " has sizes that do not fit together: restart carpool-dp");
  };
  const auto size = [&] { return std::filesystem::file_size(path_); };
  refuses([&] { std::filesystem::resize_file(path_, size() - 1); });
  refuses([&] { std::filesystem::resize_file(path_, sizeof(RegionHeader)); });
  refuses([&] { std::filesystem::resize_file(path_, size() + 4096); });
  refuses([&] { write_at(&RegionHeader::header_bytes, std::uint32_t{64}); });
  refuses([&] { write_at(&RegionHeader::total_bytes, std::uint64_t{0}); });
  for (const RegionShape& shape : {RegionShape{.workers = 3, .image_bytes = 8192},
                                   RegionShape{.workers = 0, .image_bytes = 8192},
                                   RegionShape{.workers = 0xffffffff, .image_bytes = 8192},
                                   RegionShape{.workers = 2, .image_bytes = 8191},
                                   RegionShape{.workers = 2, .image_bytes = 0xfffff000}}) {
    refuses([&] { write_at(&RegionHeader::shape, shape); });
  }
}

}  // namespace
}  // namespace carpool::abi
