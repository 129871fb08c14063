#include "controlplane/appliance/trial.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "controlplane/appliance/file_bundle.h"

namespace carpool {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class TrialTest : public ::testing::Test {
 protected:
  TrialTest() {
    std::string name = (fs::temp_directory_path() / "carpool-trial-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~TrialTest() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_ / name).string();
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder_;
  Trial::Clock::time_point start_{1'700'000'000s};
};

TEST_F(TrialTest, IsForgottenOnceConfirmed) {
  Trial trial(folder_);
  ASSERT_TRUE(trial.begin({start_ + 60s, "digest", {{path("a.cfg"), "old"}}}));
  EXPECT_FALSE(trial.due(start_ + 59s));
  EXPECT_TRUE(trial.due(start_ + 60s));
  trial.confirm();
  EXPECT_FALSE(trial.due(start_ + 60s));
  Trial later(folder_);
  ASSERT_TRUE(later.recall());
  EXPECT_FALSE(later.pending());
}

// The daemon that counted may be gone, and the machine with it.
TEST_F(TrialTest, OutlivesTheDaemonAndBringsFilesBack) {
  const std::string text("old \xff\0 bytes\n", 13);
  write("a.cfg", "new");
  const Trial::Pending pending{start_ + 60s, "digest", {{path("a.cfg"), text}}};
  {
    Trial trial(folder_);
    ASSERT_TRUE(trial.begin(pending));
  }
  Trial trial(folder_);
  ASSERT_TRUE(trial.recall());
  ASSERT_TRUE(trial.pending());
  EXPECT_EQ(*trial.pending(), pending);
  ASSERT_TRUE(trial.put_back());
  EXPECT_FALSE(trial.pending());
  EXPECT_EQ(read("a.cfg"), text);
  EXPECT_EQ(read("a.cfg.unconfirmed"), "new");
}

TEST_F(TrialTest, SaysWhenWhatItWroteDownIsDamaged) {
  for (const char* damaged :
       {"", "{}\n", "nonsense", "{\"about\":{},\"files\":[]}\n",
        "{\"about\":{\"deadline_ms\":\"1\"},\"files\":[{\"path\":\"x\",\"bytes\":9}]}\nx"}) {
    write(".trial", damaged);
    Trial trial(folder_);
    EXPECT_FALSE(trial.recall()) << damaged;
    EXPECT_FALSE(trial.pending());
  }
}

TEST(FileBundle, CarriesBytesAsTheyAre) {
  const FileBundle bundle{{{"node", "lb1"}},
                          {{"a.cfg", std::string("\n\0\xfe{}\n", 6)}, {"b.cfg", ""}}};
  const auto back = read_bundle(write_bundle(bundle));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, bundle);
  EXPECT_EQ(back->get("node"), "lb1");
  EXPECT_EQ(back->get("nothing"), "");
  EXPECT_FALSE(read_bundle(write_bundle(bundle) + "more"));
}

}  // namespace
}  // namespace carpool
