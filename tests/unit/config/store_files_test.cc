#include "controlplane/config/store_files.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "controlplane/config/read_files.h"

namespace carpool::config {
namespace {

namespace fs = std::filesystem;

class StoreFiles : public ::testing::Test {
 protected:
  StoreFiles() {
    std::string name = (fs::temp_directory_path() / "carpool-store-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~StoreFiles() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(folder_ / name);
    if (!file) return "(none)";
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] SourceFile file(const std::string& name, const std::string& text) const {
    return {(folder_ / name).string(), text};
  }

  fs::path folder_;
};

TEST_F(StoreFiles, AreReplacedWithTheirModeAndMadeForTheirOwnerAlone) {
  write("a.cfg", "old");
  ASSERT_EQ(chmod((folder_ / "a.cfg").c_str(), 0640), 0);
  ASSERT_TRUE(store_file(folder_ / "a.cfg", "new"));
  ASSERT_TRUE(store_file(folder_ / "b.cfg", "secret"));
  EXPECT_EQ(read("a.cfg"), "new");
  EXPECT_EQ(fs::status(folder_ / "a.cfg").permissions(), fs::perms(0640));
  EXPECT_EQ(fs::status(folder_ / "b.cfg").permissions(), fs::perms(0600));
  const auto failed = store_file(folder_ / "nowhere" / "c.cfg", "x");
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("nowhere"), std::string::npos);
}

TEST_F(StoreFiles, BelongToTheConfigurationByTheirNames) {
  for (const char* name :
       {"b.cfg", "a.cfg", "c.cfg.disabled", ".hidden.cfg", "notes.txt", "a.cfg~"})
    write(name, name);
  const auto all = read_all_files(folder_);
  ASSERT_TRUE(all);
  EXPECT_EQ(*all, (std::vector{file("a.cfg", "a.cfg"), file("b.cfg", "b.cfg"),
                               file("c.cfg.disabled", "c.cfg.disabled")}));
  ASSERT_TRUE(store_all_files(folder_, {file("b.cfg", "other"), file("d.cfg", "fresh")}));
  EXPECT_EQ(read("a.cfg"), "(none)");
  EXPECT_EQ(read("c.cfg.disabled"), "(none)");
  EXPECT_EQ(read("b.cfg"), "other");
  EXPECT_EQ(read("d.cfg"), "fresh");
  EXPECT_EQ(read("notes.txt"), "notes.txt");
}

// Whatever an unconfirmed change did (changed, added, removed, switched off), what ran before runs
// again, and the change is not lost.
TEST_F(StoreFiles, ComeBackAndWhatGivesWayIsKept) {
  const std::vector before = {file("a.cfg", "a1"), file("b.cfg", "b1"), file("c.cfg", "c1")};
  write("a.cfg", "a2");
  write("c.cfg.disabled", "c1");
  write("d.cfg", "d2");
  write("e.cfg.disabled", "e0");
  ASSERT_TRUE(put_files_back(folder_, before));
  const auto on = read_files(folder_);
  ASSERT_TRUE(on);
  EXPECT_EQ(*on, before);
  EXPECT_EQ(read("a.cfg.unconfirmed"), "a2");
  EXPECT_EQ(read("d.cfg.unconfirmed"), "d2");
  EXPECT_EQ(read("c.cfg.disabled"), "(none)");
  EXPECT_EQ(read("e.cfg.disabled"), "e0");
}

TEST_F(StoreFiles, OfOneFileConcernOnlyThatOne) {
  write("carpool.cfg", "new");
  write("other.cfg", "other");
  ASSERT_TRUE(put_files_back(folder_ / "carpool.cfg", {file("carpool.cfg", "old")}));
  EXPECT_EQ(read("carpool.cfg"), "old");
  EXPECT_EQ(read("carpool.cfg.unconfirmed"), "new");
  EXPECT_EQ(read("other.cfg"), "other");
}

}  // namespace
}  // namespace carpool::config
