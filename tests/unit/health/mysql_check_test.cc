#include "controlplane/health/mysql_check.h"

#include <gtest/gtest.h>

#include "tests/unit/health/mysql_script.h"

namespace carpool::mysql {
namespace {

using namespace test;

const std::string kQuit = frame(0, "\x01");

std::string asked(std::string_view query) {
  return frame(0, "\x03" + std::string(query));
}

constexpr std::string_view kReadOnly =
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only','super_read_only')";

CheckRequest request(Expectation expect = Alive{}, std::string query = {}) {
  return {.login = {.user = "carpool", .password = "secret"},
          .expect = expect,
          .query = std::move(query)};
}

// Feeds a check with what a server says, `chunk` bytes at a time.
CheckResult run(CheckRequest of, const std::string& server, std::size_t chunk = 1 << 20) {
  Check check(std::move(of));
  for (std::size_t at = 0; at < server.size(); at += chunk) {
    const auto step = check.receive(std::string_view(server).substr(at, chunk));
    if (step.result) return *step.result;
  }
  return check.closed();
}

// After the login.
CheckResult judge_answers(Expectation expect, const std::string& answers, std::string query = {}) {
  return run(request(expect, std::move(query)),
             greeting() + more_auth_data("\x03") + ok(3) + answers);
}

void expect_result(const CheckResult& result, CheckStatus status, int code, std::string_view text) {
  EXPECT_EQ(name(result.status), name(status)) << result.text;
  EXPECT_EQ(result.code, code);
  EXPECT_EQ(result.text, text);
}

// ------------------------------------------------------------------------------------------ login

TEST(MysqlCheck, LogsInAndSaysGoodbye) {
  Check check(request());
  const auto login = check.receive(greeting());
  EXPECT_FALSE(login.result);
  // Capabilities, size, character set, filler; user; the proof and its length; the plugin.
  EXPECT_EQ(login.send.substr(0, 4), std::string("\x5f\x00\x00\x01", 4));
  EXPECT_EQ(login.send.substr(36, 8), std::string("carpool\0", 8));
  EXPECT_EQ(login.send[44], 32);
  EXPECT_EQ(login.send.substr(77), std::string("caching_sha2_password\0", 22));

  EXPECT_EQ(check.receive(more_auth_data("\x03")).send, "");
  const auto done = check.receive(ok(3));
  EXPECT_EQ(done.send, kQuit);
  ASSERT_TRUE(done.result);
  expect_result(*done.result, CheckStatus::L7Ok, 0, "8.0.36");
}

TEST(MysqlCheck, ProvesThePasswordByTheServersPlugin) {
  Check native(request());
  const auto login = native.receive(greeting({.plugin = "mysql_native_password"}));
  EXPECT_EQ(login.send.substr(44, 21),
            "\x14\xb3\x2b\xb3\xa5\x83\xe1\x34\x0c\x0a\x11\x08\xd5\x8b\x1b\xe4\x97\x81\xad\x8c\x2f");

  // A plugin that we do not know is answered with one that we do; the server then asks to switch.
  Check other(request());
  EXPECT_NE(
      other.receive(greeting({.plugin = "sha256_password"})).send.find("mysql_native_password"),
      std::string::npos);
  const auto switched = other.receive(plugin_switch("caching_sha2_password"));
  EXPECT_EQ(switched.send.substr(0, 4), std::string("\x20\x00\x00\x03", 4));
  EXPECT_EQ(switched.send.substr(4, 4), "\x74\x6e\xbe\x20");
}

TEST(MysqlCheck, SaysTheVersionOfMariaDbAsItIs) {
  const auto server =
      greeting({.version = "5.5.5-10.11.6-MariaDB", .plugin = "mysql_native_password"});
  expect_result(run(request(), server + ok()), CheckStatus::L7Ok, 0, "10.11.6-MariaDB");
}

TEST(MysqlCheck, TellsWhyItIsRefused) {
  expect_result(run(request(), greeting() + error(1045, "#28000Access denied for user 'carpool'")),
                CheckStatus::L7Status, 1045, "Access denied for user 'carpool'");
  // Instead of a greeting, and without an SQL state.
  expect_result(run(request(), error(1040, "Too many connections", 0)), CheckStatus::L7Status, 1040,
                "Too many connections");
}

TEST(MysqlCheck, AnswersAPluginThatItDoesNotKnowBeforeItGivesUp) {
  Check check(request());
  std::ignore = check.receive(greeting());
  const auto step = check.receive(plugin_switch("client_ed25519"));
  EXPECT_EQ(step.send, frame(3, ""));
  ASSERT_TRUE(step.result);
  expect_result(*step.result, CheckStatus::L7Status, 0,
                "user 'carpool' logs in by client_ed25519: give it mysql_native_password or "
                "caching_sha2_password");

  expect_result(run(request(), greeting() + frame(2, "\xfe")), CheckStatus::L7Status, 0,
                "user 'carpool' logs in by mysql_old_password: give it mysql_native_password or "
                "caching_sha2_password");
}

TEST(MysqlCheck, RefusesWhatIsNotMysql) {
  expect_result(run(request(), "SSH-2.0-OpenSSH_9.2\r\n"), CheckStatus::L7Response, 0,
                "not a MySQL server");
  expect_result(run(request(), frame(0,
                                     "\x09"
                                     "3.23.58")),
                CheckStatus::L7Response, 0, "not the greeting of a MySQL server");
  expect_result(run(request(), ""), CheckStatus::L7Response, 0,
                "connection closed before the greeting");
  expect_result(run(request(), greeting()), CheckStatus::L7Response, 0,
                "connection closed during the login");
  expect_result(run(request(), greeting() + frame(2, "\x42")), CheckStatus::L7Response, 0,
                "not a reply to a MySQL login");
}

TEST(MysqlCheck, EndsALoginThatGoesRoundInCircles) {
  std::string server = greeting();
  for (int i = 0; i < 20; ++i)
    server += plugin_switch("mysql_native_password");
  expect_result(run(request(), server), CheckStatus::L7Response, 0, "not a reply to a MySQL login");
}

// -------------------------------------------------------------------------------------------- TLS

TEST(MysqlCheck, AsksForTlsBeforeItSaysWhoItIs) {
  auto wanted = request();
  wanted.login.tls = true;
  Check check(wanted);
  const auto step = check.receive(greeting());
  EXPECT_TRUE(step.start_tls);
  EXPECT_EQ(step.send.substr(0, 4), std::string("\x20\x00\x00\x01", 4));
  EXPECT_EQ(step.send.size(), 36u);
  EXPECT_EQ(step.send.find("carpool"), std::string::npos);

  const auto login = check.tls_started();
  EXPECT_EQ(login.send[3], 2);
  EXPECT_NE(login.send.find("carpool"), std::string::npos);
  // Full authentication over TLS: the password as it is.
  EXPECT_EQ(check.receive(more_auth_data("\x04", 3)).send, frame(4, std::string("secret\0", 7)));
  EXPECT_TRUE(check.receive(ok(5)).result);
}

TEST(MysqlCheck, DoesNotGoOnWithoutTheTlsThatIsWanted) {
  auto wanted = request();
  wanted.login.tls = true;
  Check check(wanted);
  const auto step = check.receive(greeting({.tls = false}));
  EXPECT_EQ(step.send, "");
  ASSERT_TRUE(step.result);
  expect_result(*step.result, CheckStatus::L6Response, 0, "the server does not offer TLS");
}

// What somebody on the way puts before the handshake must not be taken for the server's word.
TEST(MysqlCheck, RefusesWhatComesBeforeTls) {
  auto wanted = request();
  wanted.login.tls = true;
  expect_result(run(wanted, greeting() + ok()), CheckStatus::L7Response, 0,
                "a packet that nobody asked for");
}

TEST(MysqlCheck, SaysThePasswordToAUnixSocketAsItIs) {
  auto local = request();
  local.channel = Channel::Private;
  Check check(local);
  std::ignore = check.receive(greeting());
  EXPECT_EQ(check.receive(more_auth_data("\x04")).send, frame(3, std::string("secret\0", 7)));
}

// ---------------------------------------------------------------------------------- expectations

TEST(MysqlCheck, ExpectsAWritableServer) {
  Check check(request(Writable{}));
  std::ignore = check.receive(greeting());
  EXPECT_EQ(check.receive(more_auth_data("\x03") + ok(3)).send, asked(kReadOnly));
  const auto step = check.receive(variables({{"read_only", "OFF"}, {"super_read_only", "OFF"}}));
  EXPECT_EQ(step.send, kQuit);
  expect_result(*step.result, CheckStatus::L7Ok, 0, "writable");

  // MariaDB has one of them only.
  expect_result(judge_answers(Writable{}, variables({{"read_only", "OFF"}})), CheckStatus::L7Ok, 0,
                "writable");
  expect_result(judge_answers(Writable{}, variables({{"read_only", "ON"}})), CheckStatus::L7Status,
                0, "read_only is ON");
  expect_result(
      judge_answers(Writable{}, variables({{"read_only", "ON"}, {"super_read_only", "ON"}})),
      CheckStatus::L7Status, 0, "super_read_only is ON");
  expect_result(judge_answers(Writable{}, variables({})), CheckStatus::L7Status, 0,
                "the server does not say read_only");
}

const std::vector<std::string> kMysqlColumns = {"Replica_IO_State",      "Replica_IO_Running",
                                                "Replica_SQL_Running",   "Last_IO_Error",
                                                "Seconds_Behind_Source", "Channel_Name"};
const std::vector<std::string> kMariaDbColumns = {"Slave_IO_State",        "Slave_IO_Running",
                                                  "Slave_SQL_Running",     "Last_IO_Error",
                                                  "Seconds_Behind_Master", "Last_SQL_Error"};

TEST(MysqlCheck, ExpectsAReplica) {
  const auto mysql = [](Row row) { return answer(kMysqlColumns, {std::move(row)}); };
  const auto mariadb = [](Row row) { return answer(kMariaDbColumns, {std::move(row)}); };
  expect_result(judge_answers(Replica{10}, mysql({"", "Yes", "Yes", "", "3", ""})),
                CheckStatus::L7Ok, 0, "replica 3 s behind");
  expect_result(judge_answers(Replica{10}, mariadb({"", "Yes", "Yes", "", "10", ""})),
                CheckStatus::L7Ok, 0, "replica 10 s behind");
  expect_result(judge_answers(Replica{10}, mariadb({"", "Yes", "Yes", "", "11", ""})),
                CheckStatus::L7Status, 0, "11 s behind, 10 allowed");
  expect_result(judge_answers(Replica{}, mariadb({"", "Yes", "Yes", "", "86400", ""})),
                CheckStatus::L7Ok, 0, "replica 86400 s behind");
  expect_result(judge_answers(Replica{}, mariadb({"", "Yes", "Yes", "", std::nullopt, ""})),
                CheckStatus::L7Status, 0, "the lag of the replica is not known");
  expect_result(judge_answers(Replica{}, mariadb({"", "Connecting", "Yes", "no route", {}, ""})),
                CheckStatus::L7Status, 0, "replica's IO thread: Connecting, no route");
  expect_result(judge_answers(Replica{}, mariadb({"", "Yes", "No", "", {}, "duplicate key"})),
                CheckStatus::L7Status, 0, "replica's SQL thread: No, duplicate key");
  expect_result(judge_answers(Replica{}, answer(kMysqlColumns, {})), CheckStatus::L7Status, 0,
                "not a replica");
  // Of several channels the first that is not well decides.
  expect_result(judge_answers(Replica{}, answer(kMysqlColumns, {{"", "Yes", "Yes", "", "0", "a"},
                                                                {"", "No", "Yes", "", {}, "b"}})),
                CheckStatus::L7Status, 0, "b: replica's IO thread: No");
}

TEST(MysqlCheck, AsksOldServersForTheirReplicationByItsOldName) {
  Check check(request(Replica{}));
  std::ignore = check.receive(greeting());
  EXPECT_EQ(check.receive(more_auth_data("\x03") + ok(3)).send, asked("SHOW REPLICA STATUS"));
  const auto again = check.receive(error(1064, "#42000You have an error in your SQL syntax", 1));
  EXPECT_EQ(again.send, asked("SHOW SLAVE STATUS"));
  EXPECT_FALSE(again.result);
  const auto denied = check.receive(error(1227,
                                          "#42000Access denied; you need (at least one of) "
                                          "the SUPER, REPLICATION CLIENT privilege(s)",
                                          1));
  EXPECT_EQ(denied.send, kQuit);
  EXPECT_EQ(denied.result->code, 1227);
}

TEST(MysqlCheck, ExpectsASyncedGaleraNode) {
  const auto node = [](std::string state, std::string comment, std::string cluster,
                       std::vector<Row> settings = {}) {
    return variables({{"wsrep_local_state", state},
                      {"wsrep_local_state_comment", comment},
                      {"wsrep_cluster_status", cluster},
                      {"wsrep_ready", "ON"}}) +
           variables(settings);
  };
  expect_result(judge_answers(Galera{}, node("4", "Synced", "Primary")), CheckStatus::L7Ok, 0,
                "Galera Synced");
  expect_result(judge_answers(Galera{}, node("2", "Donor/Desynced", "Primary")),
                CheckStatus::L7Status, 0, "Galera state is Donor/Desynced");
  expect_result(judge_answers(Galera{.allow_donor = true}, node("2", "Donor/Desynced", "Primary")),
                CheckStatus::L7Ok, 0, "Galera Donor/Desynced");
  expect_result(judge_answers(Galera{.allow_donor = true}, node("1", "Joining", "Primary")),
                CheckStatus::L7Status, 0, "Galera state is Joining");
  expect_result(judge_answers(Galera{}, node("4", "Synced", "non-Primary")), CheckStatus::L7Status,
                0, "cluster status is non-Primary");
  expect_result(
      judge_answers(Galera{}, node("4", "Synced", "Primary", {{"pxc_maint_mode", "MAINTENANCE"}})),
      CheckStatus::L7Status, 0, "pxc_maint_mode is MAINTENANCE");
  expect_result(
      judge_answers(Galera{}, node("4", "Synced", "Primary", {{"pxc_maint_mode", "DISABLED"}})),
      CheckStatus::L7Ok, 0, "Galera Synced");
  expect_result(judge_answers(Galera{}, variables({}) + variables({})), CheckStatus::L7Status, 0,
                "not a Galera node");
}

TEST(MysqlCheck, JudgesAQueryByItsFirstValue) {
  const auto found = [](Row row) { return answer({"x", "y"}, {std::move(row)}); };
  expect_result(judge_answers(Alive{}, found({"1", "0"}), "SELECT 1"), CheckStatus::L7Ok, 0,
                "query found 1");
  expect_result(judge_answers(Alive{}, found({"0", "1"}), "SELECT 0"), CheckStatus::L7Status, 0,
                "query found 0");
  expect_result(judge_answers(Alive{}, found({std::nullopt, "1"}), "SELECT NULL"),
                CheckStatus::L7Status, 0, "query found NULL");
  expect_result(judge_answers(Alive{}, answer({"x"}, {}), "SELECT"), CheckStatus::L7Status, 0,
                "query found no row");
  expect_result(judge_answers(Alive{}, ok(1), "DO 1"), CheckStatus::L7Ok, 0, "query succeeded");
  expect_result(judge_answers(Alive{}, error(1146, "#42S02Table 'a.b' doesn't exist", 1), "SELECT"),
                CheckStatus::L7Status, 1146, "Table 'a.b' doesn't exist");
  // After what is expected, which comes first.
  const auto writable = variables({{"read_only", "OFF"}});
  const auto read_only = variables({{"read_only", "ON"}});
  expect_result(judge_answers(Writable{}, writable + found({"0", ""}), "SELECT 0"),
                CheckStatus::L7Status, 0, "query found 0");
  expect_result(judge_answers(Writable{}, read_only + found({"1", ""}), "SELECT 1"),
                CheckStatus::L7Status, 0, "read_only is ON");
}

TEST(MysqlCheck, IsTheSameHoweverItArrives) {
  const auto server = greeting() + plugin_switch("mysql_native_password") + ok(4) +
                      answer(kMysqlColumns, {{"", "Yes", "Yes", "", "3", ""}}) +
                      answer({"x"}, {{"1"}});
  for (std::size_t chunk = 1; chunk < 200; ++chunk) {
    expect_result(run(request(Replica{}, "SELECT 1"), server, chunk), CheckStatus::L7Ok, 0,
                  "query found 1");
  }
}

TEST(MysqlCheck, IsBounded) {
  // A packet of 16 MiB is not waited for.
  const auto login = greeting() + more_auth_data("\x03") + ok(3);
  expect_result(run(request(Alive{}, "q"), login + "\xff\xff\xff\x01"), CheckStatus::L7Response, 0,
                "a packet that is too long");
  // Nor is an answer that has no end.
  std::string rows = answer({"x"}, {});
  rows.resize(rows.size() - eof(0).size());
  const auto row = frame(9, "\xfa" + std::string(250, 'x'));
  std::string endless = login + rows;
  while (endless.size() < 2 * kMaxAnswerBytes)
    endless += row;
  expect_result(run(request(Alive{}, "q"), endless, 1460), CheckStatus::L7Response, 0,
                "the answer to the query has no end");
}

}  // namespace
}  // namespace carpool::mysql
