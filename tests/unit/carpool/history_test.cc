#include "tools/carpool/history.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "controlplane/config/store_files.h"

namespace carpool::tool {
namespace {

namespace fs = std::filesystem;
using Files = std::vector<config::SourceFile>;

class HistoryTest : public ::testing::Test {
 protected:
  HistoryTest() {
    std::string name = (fs::temp_directory_path() / "carpool-history-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~HistoryTest() override { fs::remove_all(folder_); }

  [[nodiscard]] config::SourceFile file(const std::string& name, const std::string& text) const {
    return {(folder_ / name).string(), text};
  }
  // What plain git says of it.
  [[nodiscard]] std::string git(const std::string& words) const {
    const std::string command = "git -C " + (folder_ / ".history").string() + " " + words + " 2>&1";
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    std::string all;
    std::array<char, 4096> part{};
    while (const std::size_t got = fread(part.data(), 1, part.size(), pipe.get()))
      all.append(part.data(), got);
    return all;
  }

  fs::path folder_;
};

TEST_F(HistoryTest, IsMadeWhereSomethingIsRecordedAndForItsOwnerAlone) {
  const auto none = History::find(folder_);
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->has_value());
  ASSERT_TRUE(History::make(folder_));
  EXPECT_EQ(fs::status(folder_ / ".history").permissions() & fs::perms(077), fs::perms::none);
  const auto found = History::find(folder_);
  ASSERT_TRUE(found && *found);
  EXPECT_TRUE((*found)->list(10)->empty());
  EXPECT_FALSE((*found)->find_revision("HEAD"));
}

TEST_F(HistoryTest, RemembersFilesByteForByte) {
  auto history = History::make(folder_);
  ASSERT_TRUE(history);
  const Files first = {file("a.cfg", "one\n"), file("b.cfg.disabled", std::string("\0\xff\n", 3))};
  const Files second = {file("a.cfg", "two\n")};
  const auto one = history->record(first, "alice", "begin");
  const auto two = history->record(second, "bob", "change a\n\nbecause");
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->id, two->id);

  const auto all = history->list(10);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].id, two->id);
  EXPECT_EQ((*all)[0].author, "bob");
  EXPECT_EQ((*all)[0].message, "change a\n\nbecause");
  EXPECT_EQ(history->list(1)->size(), 1u);

  const auto before = history->find_revision("HEAD~1");
  ASSERT_TRUE(before);
  EXPECT_EQ(before->id, one->id);
  EXPECT_EQ(*history->files(*before), first);
  EXPECT_EQ(*history->files(*history->find_revision(two->short_id())), second);
  EXPECT_FALSE(history->find_revision("nonsense"));
}

TEST_F(HistoryTest, RecordsNothingWhereNothingChanged) {
  auto history = History::make(folder_);
  ASSERT_TRUE(history);
  const Files files = {file("a.cfg", "one\n")};
  const auto one = history->record(files, "alice", "begin");
  const auto again = history->record(files, "bob", "again");
  ASSERT_TRUE(one && again);
  EXPECT_EQ(one->id, again->id);
  EXPECT_TRUE(*history->is_newest(files));
  EXPECT_FALSE(*history->is_newest({file("a.cfg", "two\n")}));
}

TEST_F(HistoryTest, IsReadByPlainGit) {
  auto history = History::make(folder_);
  ASSERT_TRUE(history);
  ASSERT_TRUE(history->record({file("a.cfg", "one\n")}, "alice", "begin"));
  ASSERT_TRUE(history->record({file("a.cfg", "two\n")}, "alice", "second"));
  EXPECT_EQ(git("log --format=%an:%s"), "alice:second\nalice:begin\n");
  EXPECT_EQ(git("show HEAD~1:a.cfg"), "one\n");
  EXPECT_NE(git("log -p").find("\n-one\n+two\n"), std::string::npos);
  EXPECT_EQ(git("fsck --strict").find("error"), std::string::npos);
}

}  // namespace
}  // namespace carpool::tool
