#include "controlplane/config/read_files.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace carpool::config {
namespace {

namespace fs = std::filesystem;

class ReadFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "carpool-config-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { fs::remove_all(directory_); }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
  }

  fs::path directory_;
};

TEST_F(ReadFiles, ADirectoryInTheOrderOfBytes) {
  write("20-web.cfg", "c");
  write("10-mysql.cfg", "b");
  write("00-base.cfg", "a");
  write("Z.cfg", "d: capitals come after digits and before small letters");
  write("15-old.cfg.disabled", "no");
  write("16-old.disabled", "no");
  write("10-mysql.cfg~", "no");
  write(".hidden.cfg", "no");
  fs::create_directory(directory_ / "sub.cfg");
  const auto files = read_files(directory_);
  ASSERT_TRUE(files) << files.error().message;
  std::vector<std::string> names;
  for (const SourceFile& file : *files)
    names.push_back(fs::path(file.path).filename());
  EXPECT_EQ(names,
            (std::vector<std::string>{"00-base.cfg", "10-mysql.cfg", "20-web.cfg", "Z.cfg"}));
  EXPECT_EQ(files->at(1).text, "b");
}

TEST_F(ReadFiles, AFileByItsNameWhateverItIs) {
  write("haproxy.conf", "global\n");
  const auto files = read_files(directory_ / "haproxy.conf");
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 1u);
  EXPECT_EQ(files->at(0).text, "global\n");
}

TEST_F(ReadFiles, WhatIsNotThereIsAnError) {
  const auto missing = read_files(directory_ / "nothing.cfg");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("cannot be read: No such file"), std::string::npos)
      << missing.error().message;
  const auto empty = read_files(directory_);
  ASSERT_FALSE(empty);
  EXPECT_NE(empty.error().message.find("there is no file '*.cfg'"), std::string::npos);
}

TEST_F(ReadFiles, ADanglingLinkIsAnErrorAndNotLeftOut) {
  write("00.cfg", "");
  fs::create_symlink(directory_ / "gone", directory_ / "10.cfg");
  EXPECT_FALSE(read_files(directory_));
}

TEST_F(ReadFiles, ASecretIsForItsOwnerAlone) {
  const fs::path key = directory_ / "peer.key";
  write("peer.key", "secret\n");
  fs::permissions(key, fs::perms::owner_read | fs::perms::owner_write);
  const auto read = read_secret_file(key);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, "secret\n");

  const auto reason = [](const fs::path& path) {
    const auto refused = read_secret_file(path);
    return refused ? "read" : refused.error().message;
  };
  for (const auto extra :
       {fs::perms::group_read, fs::perms::others_read, fs::perms::others_write}) {
    fs::permissions(key, fs::perms::owner_read | extra);
    EXPECT_NE(reason(key).find("chmod 600"), std::string::npos) << reason(key);
  }
  EXPECT_NE(reason(directory_ / "none").find("No such file"), std::string::npos);
  EXPECT_EQ(reason(directory_), "is not a file");
}

}  // namespace
}  // namespace carpool::config
