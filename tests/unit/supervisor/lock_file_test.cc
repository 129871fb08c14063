#include "controlplane/supervisor/lock_file.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace carpool {
namespace {

struct LockFileTest : testing::Test {
  LockFileTest() {
    std::string pattern = testing::TempDir() + "carpool-lock-XXXXXX";
    directory = mkdtemp(pattern.data());
    path = directory / "control.lock";
  }
  ~LockFileTest() override { std::filesystem::remove_all(directory); }

  std::filesystem::path directory;
  std::filesystem::path path;
};

TEST_F(LockFileTest, SecondOneLearnsWhoHoldsIt) {
  const auto first = LockFile::acquire(path);
  ASSERT_TRUE(first) << first.error().message;
  const auto second = LockFile::acquire(path);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message,
              testing::EndsWith("is locked by process " + std::to_string(getpid())));
}

TEST_F(LockFileTest, HolderIsKnownWhileItHolds) {
  EXPECT_EQ(lock_holder(path), std::nullopt) << "no such file";
  {
    const auto lock = LockFile::acquire(path);
    ASSERT_TRUE(lock) << lock.error().message;
    EXPECT_EQ(lock_holder(path), getpid());
  }
  EXPECT_EQ(lock_holder(path), std::nullopt);
  EXPECT_TRUE(LockFile::acquire(path));
}

TEST_F(LockFileTest, DirectoryThatIsNotThereIsAnError) {
  const auto lock = LockFile::acquire(directory / "nowhere" / "lock");
  ASSERT_FALSE(lock);
  EXPECT_THAT(lock.error().message, testing::HasSubstr("No such file"));
}

}  // namespace
}  // namespace carpool
