#include "tools/probe/option_file.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace carpool::probe {
namespace {

TEST(OptionFile, ClientGroup) {
  const auto access = parse_option_file(
      "# a comment\n"
      "[mysqld]\n"
      "datadir = /var/lib/mysql\n"
      "[client]\n"
      "user=probe\r\n"
      "  password = \"a # b \\\" c\" # behind\n"
      "host = 127.0.0.1\n"
      "port = 3307\n"
      "socket = /run/my.sock\n"
      "ssl_ca = /etc/ca.pem\n");
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(*access, (MysqlAccess{.user = "probe",
                                  .password = "a # b \" c",
                                  .host = "127.0.0.1",
                                  .port = 3307,
                                  .socket = "/run/my.sock",
                                  .ssl = true,
                                  .ssl_ca = "/etc/ca.pem"}));
}

TEST(OptionFile, OwnGroupOverridesWhereverItStands) {
  const auto access = parse_option_file("[carpool-probe]\nuser=own\n[client]\nuser=all\nport=1\n");
  ASSERT_TRUE(access);
  EXPECT_EQ(access->user, "own");
  EXPECT_EQ(access->port, 1);
}

TEST(OptionFile, Values) {
  const auto password = [](std::string_view value) {
    const auto access = parse_option_file("[client]\npassword=" + std::string(value) + "\n");
    return access ? access->password : "error: " + access.error().message;
  };
  EXPECT_EQ(password("plain;text"), "plain;text");
  EXPECT_EQ(password("'single'"), "single");
  EXPECT_EQ(password("a\\sb\\\\c\\q"), "a b\\c\\q");
  EXPECT_EQ(password("  padded  "), "padded");
  EXPECT_EQ(password("cut # comment"), "cut");
  EXPECT_EQ(password(""), "");
  EXPECT_EQ(password("\"open"), "error: line 2: the quote is not closed");
}

TEST(OptionFile, SaysWhereAndWhat) {
  const auto error = [](std::string_view text) {
    const auto access = parse_option_file(text);
    return access ? std::string("none") : access.error().message;
  };
  EXPECT_EQ(error("user=x\n"), "line 1: an option before the first group; write [client] first");
  EXPECT_EQ(error("\n[client\n"), "line 2: the group's name lacks its closing bracket");
  EXPECT_EQ(error("[client]\nport=70000\n"), "line 2: '70000' is not a port from 1 to 65535");
  EXPECT_EQ(error("[client]\nssl=maybe\n"), "line 2: 'ssl' is on or off, not 'maybe'");
  EXPECT_TRUE(error("[client]\npasswd=x\n").starts_with("line 2: unknown option 'passwd'; known"));
  EXPECT_TRUE(error("!includedir /etc\n").starts_with("line 1: '!include' is not supported"));
  EXPECT_EQ(error("[other]\npasswd=x\n[client]\n"), "none");
}

class OptionFileOnDisk : public testing::Test {
 protected:
  OptionFileOnDisk() { std::ofstream(path_) << "[client]\nuser=probe\n"; }
  ~OptionFileOnDisk() override { std::filesystem::remove(path_); }

  std::string load(mode_t mode) {
    ::chmod(path_.c_str(), mode);
    const auto access = load_option_file(path_);
    return access ? "user " + access->user : access.error().message;
  }

  std::filesystem::path path_ =
      std::filesystem::path(testing::TempDir()) / ("carpool-options-" + std::to_string(::getpid()));
};

TEST_F(OptionFileOnDisk, TakenFromItsOwnerAlone) {
  EXPECT_EQ(load(0600), "user probe");
  EXPECT_EQ(load(0400), "user probe");
}

TEST_F(OptionFileOnDisk, RefusedWhereOthersMayReadOrWrite) {
  for (const mode_t mode : {0640u, 0604u, 0644u, 0620u, 0602u, 0610u}) {
    const auto error = load(mode);
    EXPECT_TRUE(error.starts_with(path_.string() + ": ")) << error;
    EXPECT_NE(error.find("do: chmod 600"), std::string::npos) << error;
  }
}

TEST_F(OptionFileOnDisk, SystemdsCredentialsMayShowAnAccessList) {
  ::setenv("CREDENTIALS_DIRECTORY", path_.parent_path().c_str(), 1);
  EXPECT_EQ(load(0440), "user probe");
  EXPECT_NE(load(0444).find("others may use it"), std::string::npos);
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(OptionFileOnDisk, RefusedFromAStranger) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(::chown(path_.c_str(), 12345, 0), 0);
  EXPECT_NE(load(0600).find("belongs to user 12345"), std::string::npos);
}

TEST(OptionFile, RefusedWhereItIsNone) {
  const auto missing = load_option_file("/nonexistent/probe.cnf");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "/nonexistent/probe.cnf: No such file or directory");
  const auto directory = load_option_file("/");
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().message, "/: not a regular file");
}

}  // namespace
}  // namespace carpool::probe
