// What the probe makes of a session's outcome; the session itself is tested with its own library,
// and both together in the lab.
#include "tools/probe/mysql_check.h"

#include <gtest/gtest.h>

namespace carpool::probe {
namespace {

TEST(MysqlPlace, AsMysqlsOwnClientsChoose) {
  EXPECT_EQ(choose_place({.host = "db1", .socket = "/run/my.sock"}).socket, "/run/my.sock");
  EXPECT_EQ(choose_place({.host = "10.0.0.11"}).address, (HostPort{"10.0.0.11", 3306}));
  EXPECT_EQ(choose_place({.host = "10.0.0.11", .port = 3307}).address,
            (HostPort{"10.0.0.11", 3307}));
  EXPECT_EQ(choose_place({.port = 3307}).address, (HostPort{"127.0.0.1", 3307}));
  EXPECT_EQ(choose_place({.port = 3307}).socket, "");
}

TEST(MysqlVerdict, InAnOperatorsWords) {
  const auto refused = [](int code, const char* text) {
    return describe({.status = CheckStatus::L7Status, .code = code, .text = text});
  };
  EXPECT_EQ(refused(1040, "Too many connections"),
            down("MySQL has no connection left (max_connections): Too many connections"));
  EXPECT_EQ(refused(1045, "Access denied"), down("MySQL refuses the probe: Access denied"));
  EXPECT_EQ(refused(1129, "Host is blocked"),
            down("MySQL shuts this host out (max_connect_errors): Host is blocked"));
  EXPECT_EQ(refused(1227, "Access denied; you need more"),
            down("MySQL says: Access denied; you need more"));
  EXPECT_EQ(refused(0, "read_only is ON"), down("read_only is ON"));
}

TEST(MysqlVerdict, Up) {
  EXPECT_EQ(describe({.status = CheckStatus::L7Ok, .text = "writable"}), up("writable"));
  EXPECT_EQ(describe({.status = CheckStatus::L7Ok}), up("MySQL is alive"));
}

TEST(MysqlCheck, NobodyListens) {
  using namespace std::chrono_literals;
  const auto verdict =
      check_mysql({.socket = "/nonexistent/my.sock"}, mysql::Alive{}, monotonic_now() + 1s);
  EXPECT_EQ(verdict,
            down("cannot connect to MySQL at /nonexistent/my.sock: No such file or directory"));
}

}  // namespace
}  // namespace carpool::probe
