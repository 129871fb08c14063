// The expected results are what HAProxy 2.6.12 said when it met these servers.
#include "controlplane/health/protocol_dialogues.h"

#include <gtest/gtest.h>

#include "tests/unit/health/mysql_script.h"

namespace carpool {
namespace {

using namespace std::string_literals;
using mysql::frame;
using mysql::test::error;
using mysql::test::greeting;
using mysql::test::ok;
using mysql::test::plugin_switch;

enum class End { Holds, Closes, Resets };
using enum End;

struct Server {
  const char* what;
  std::vector<std::string> replies;  // each to something that we said, the first maybe to nothing
  End end;
  std::string result;  // as in HAProxy's statistics: status, code, text; "waits" for a timeout
};

std::string text_of(const CheckResult& result) {
  return std::string(name(result.status)) + " " + std::to_string(result.code) +
         (result.text.empty() ? "" : " " + result.text);
}

// Feeds the replies, each in chunks, and says how it ended.
std::string run(Dialogue dialogue, const Server& server, std::size_t chunk) {
  for (const auto& reply : server.replies) {
    for (std::size_t at = 0; at < reply.size(); at += chunk) {
      const auto step = dialogue.receive(std::string_view(reply).substr(at, chunk));
      if (step.result) return text_of(*step.result);
    }
  }
  if (server.end == Holds) return "waits";
  return text_of(dialogue.closed(server.end == Resets ? "Connection reset by peer" : ""));
}

template <class Check>
void expect_results(const Check& check, const std::vector<Server>& servers) {
  for (const auto& server : servers) {
    for (const std::size_t chunk : {1u << 20, 1u, 3u, 7u}) {
      EXPECT_EQ(run(dialogue_of(check), server, chunk), server.result)
          << server.what << " by " << chunk;
    }
  }
}

const std::string kEmpty = "L7RSP 0 TCPCHK got an empty response at step ";
const std::string kReset = "SOCKERR 0 Connection reset by peer";

TEST(ProtocolDialogues, MysqlGreets) {
  expect_results(
      config::MysqlCheck{},
      {{"good", {greeting()}, Holds, "L7OK 0"},
       {"full",
        {error(1040, "Too many connections", 0)},
        Closes,
        "L7STS 1040 Too many connections"},
       {"blocks us",
        {error(1129, "#HY000Host is blocked", 0)},
        Holds,
        "L7STS 1129 #HY000Host is blocked"},
       {"a text with an end in it", {error(1040, "Too\0many"s, 0)}, Closes, "L7STS 1040 Too"},
       {"an empty packet", {frame(0, "")}, Holds, "L7OK 0"},
       {"an old version",
        {frame(0,
               "\x09"
               "3.2")},
        Holds,
        "L7OK 0"},
       {"cut off", {greeting().substr(0, 30)}, Closes, "L7RSP 0"},
       {"ssh", {"SSH-2.0-OpenSSH\r\n"}, Holds, "waits"},
       {"ssh that goes", {"SSH-2.0-OpenSSH\r\n"}, Closes, "L7RSP 0"},
       {"goes", {}, Closes, kEmpty + "2"},
       {"resets", {}, Resets, kReset}});
  EXPECT_EQ(dialogue_of(config::MysqlCheck{}).begin(), "");
}

TEST(ProtocolDialogues, MysqlAnswersALogin) {
  const config::MysqlCheck check{.user = "haproxy"};
  expect_results(
      check,
      {{"good", {greeting(), ok()}, Holds, "L7OK 0"},
       {"wants another way", {greeting(), plugin_switch("caching_sha2_password")}, Holds, "L7OK 0"},
       {"denies",
        {greeting(), error(1045, "#28000Access denied")},
        Closes,
        "L7STS 1045 #28000Access denied"},
       {"full",
        {error(1040, "Too many connections", 0)},
        Closes,
        "L7STS 1040 Too many connections"},
       {"goes after its greeting", {greeting()}, Closes, "L7RSP 0"},
       {"resets after its greeting", {greeting()}, Resets, "L7RSP 0"},
       {"silent after its greeting", {greeting()}, Holds, "waits"},
       {"cut off", {greeting(), ok().substr(0, 5)}, Closes, "L7RSP 0"},
       {"http", {"HTTP/1.1 400 Bad\r\n\r\n"}, Closes, "L7RSP 0"},
       {"goes", {}, Closes, kEmpty + "3"}});
  const auto quit = frame(0, "\x01");
  EXPECT_EQ(dialogue_of(check).begin(), frame(1, "\x00\x82\x00\x00\x00\x80\x00\x01\x21"s +
                                                     std::string(23, '\0') + "haproxy\0\0"s) +
                                            quit);
  EXPECT_EQ(dialogue_of(config::MysqlCheck{.user = "u", .before_41 = true}).begin(),
            frame(1, "\x00\x80\x00\x00\x01u\0\0"s) + quit);
}

TEST(ProtocolDialogues, PostgresqlAsksForAPassword) {
  const config::PgsqlCheck check{.user = "haproxy"};
  const std::string fatal = "E\0\0\0\x5cSFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry\0\0"s;
  const std::string unknown = "L7STS 0 PostgreSQL unknown error";
  expect_results(
      check,
      {{"md5", {"R\0\0\0\x0c\0\0\0\5abcd"s}, Holds, "L7OK 0 PostgreSQL server is ok"},
       {"scram",
        {"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"s},
        Holds,
        "L7OK 0 PostgreSQL server is ok"},
       {"trusts", {"R\0\0\0\x08\0\0\0\0S\0\0\0\x16"s}, Holds, "L7OK 0 PostgreSQL server is ok"},
       {"a way for requests to go on", {"R\0\0\0\x08\0\0\0\x08"s}, Holds, unknown},
       {"kerberos 4", {"R\0\0\0\x08\0\0\0\1"s}, Holds, unknown},
       {"http", {"HTTP/1.1 400 Bad\r\n"}, Holds, unknown},
       {"cut off", {"R\0\0\0\x08\0\0"s}, Closes, unknown},
       {"an error cut off", {"E\0"s}, Closes, "L7RSP 0"},
       {"goes", {}, Closes, kEmpty + "3"},
       {"resets", {}, Resets, kReset}});
  // How much of an error's text there is depends on how it arrives, as with HAProxy.
  EXPECT_EQ(run(dialogue_of(check), {"refuses", {fatal}, Closes, ""}, 1 << 20), "L7RSP 0 FATAL");
  EXPECT_EQ(dialogue_of(check).begin(), "\0\0\0\x16\0\3\0\0user\0haproxy\0\0"s);
}

TEST(ProtocolDialogues, RedisAnswersAPing) {
  expect_results(
      config::RedisCheck{},
      {{"good", {"+PONG\r\n"}, Holds, "L7OK 0 Redis server is ok"},
       {"wants a password", {"-NOAUTH Authentication required.\r\n"}, Holds, "waits"},
       {"wants one, and goes",
        {"-NOAUTH Authentication required.\r\nx"},
        Closes,
        "L7STS 0 -NOAUTH Authentication required."},
       {"not ready", {"-LOADING x\r\n"}, Resets, "L7STS 0 -LOADING x"},
       {"an attempt on our terminal", {"-a\x1b[2Jb\xe9\r\n"}, Closes, "L7STS 0 -a.[2Jb."},
       {"goes", {}, Closes, "L7STS 0 TCPCHK got an empty response at step 2"},
       {"resets", {}, Resets, kReset}});
  EXPECT_EQ(dialogue_of(config::RedisCheck{}).begin(), "*1\r\n$4\r\nPING\r\n");
}

TEST(ProtocolDialogues, SmtpGreetsAndTakesItsLeave) {
  const std::string banner = "220 mx ESMTP\r\n", hello = "250 mx hello\r\n";
  const std::string empty = "L7STS 0 TCPCHK got an empty response at step ";
  const auto whole = [](const Server& server) {
    return run(dialogue_of(config::SmtpCheck{}), server, 1 << 20);
  };
  // All in one piece each: HAProxy forgets what it has of a line when it says the next thing.
  const std::vector<Server> servers = {
      {"good", {banner, hello, "221 2.0.0 Bye\r\n"}, Closes, "L7OK 221 2.0.0 Bye"},
      {"without texts", {"220\r\n", "250\r\n", "221\r\n"}, Closes, "L7OK 221"},
      {"hello of many lines",
       {banner, "250-mx\r\n250 SIZE\r\n", "221 Bye\r\n"},
       Closes,
       "L7OK 221 Bye"},
      {"banner of many lines", {"220-mx\r\n220 foo\r\n"}, Holds, "L7RSP 0 220-mx"},
      {"busy", {"421   too busy\r\n"}, Holds, "L7STS 421 too busy"},
      {"refuses our hello", {banner, "501 bad domain\r\n"}, Holds, "waits"},
      {"refuses it and goes", {banner, "501 bad\r\n"}, Closes, "L7STS 501 bad"},
      {"speaks otherwise", {banner, "abc def\r\n"}, Closes, "L7STS 0 def"},
      {"refuses our goodbye", {banner, hello, "500 what\r\n"}, Holds, "L7STS 500 what"},
      {"http", {"hello there\r\n"}, Holds, "L7RSP 0 hello there"},
      {"cut off", {"22"}, Closes, "L7RSP 0 22"},
      {"says everything at once", {"220 mx\r\n250 early\r\n221 bye\r\n"}, Holds, "waits"},
      {"goes", {}, Closes, kEmpty + "2"},
      {"goes after its banner", {banner}, Closes, empty + "5"},
      {"goes after its hello", {banner, hello}, Closes, empty + "7"},
      {"resets after its banner", {banner}, Resets, kReset}};
  for (const auto& server : servers)
    EXPECT_EQ(whole(server), server.result) << server.what;

  auto dialogue = dialogue_of(config::SmtpCheck{.hello = "EHLO mx.example"});
  EXPECT_EQ(dialogue.begin(), "");
  EXPECT_EQ(dialogue.receive(banner).send, "EHLO mx.example\r\n");
  EXPECT_EQ(dialogue.receive(hello).send, "QUIT\r\n");
}

TEST(ProtocolDialogues, LdapLetsAnybodyBind) {
  const std::string good = "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"s;
  const std::string active_directory =
      "\x30\x84\x00\x00\x00\x10\x02\x01\x01\x61\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00"s;
  const std::string not_ldap = "L7RSP 0 Not LDAPv3 protocol";
  const auto with = [&](std::size_t at, char byte) {
    auto changed = good;
    changed[at] = byte;
    return changed;
  };
  expect_results(config::LdapCheck{},
                 {{"good", {good}, Holds, "L7OK 0"},
                  {"good and more", {good + "\xff"}, Holds, "L7OK 0"},
                  {"long lengths", {active_directory}, Holds, "L7OK 0"},
                  {"a length in one more byte", {"\x30\x81" + good.substr(1)}, Holds, not_ldap},
                  {"denies",
                   {with(9, 48)},
                   Holds,
                   "L7STS 48 See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9"},
                  {"answers somebody else", {with(4, 2)}, Holds, not_ldap},
                  {"no result", {with(7, 2)}, Holds, not_ldap},
                  {"http", {"HTTP/1.1 400 Bad Request\r\n"}, Holds, not_ldap},
                  {"more to come", {with(1, 0x4c)}, Holds, "waits"},
                  {"more that does not come", {with(1, 0x4c)}, Closes, "L7RSP 0"},
                  {"cut off", {good.substr(0, 13)}, Holds, "waits"},
                  {"goes", {}, Closes, kEmpty + "2"},
                  {"resets", {}, Resets, kReset}});
  EXPECT_EQ(dialogue_of(config::LdapCheck{}).begin(),
            "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"s);
}

TEST(ProtocolDialogues, TlsAnswersAHello) {
  expect_results(config::SslHelloCheck{},
                 {{"an alert", {"\x15\x03\x00\x00\x02\x02\x28"s}, Closes, "L6OK 0"},
                  {"a hello", {"\x16\x03\x00\x00\x4a\x02"s}, Holds, "L6OK 0"},
                  {"the beginning of an alert", {"\x15\x03"}, Closes, "L6OK 0"},
                  {"http", {"HTTP/1.1 400 Bad\r\n"}, Holds, "L6RSP 0"},
                  {"goes", {}, Closes, "L6RSP 0 TCPCHK got an empty response at step 2"},
                  {"resets", {}, Resets, kReset}});
  const auto hello = dialogue_of(config::SslHelloCheck{}).begin();
  EXPECT_EQ(hello.size(), 5u + 0x79);
  EXPECT_EQ(hello.substr(0, 11), "\x16\x03\x00\x00\x79\x01\x00\x00\x75\x03\x00"s);
  EXPECT_EQ(hello.substr(43, 5), "\x00\x00\x4e\x00\x01"s);
  EXPECT_TRUE(hello.ends_with("\x00\x3a\x01\x00"s));
}

}  // namespace
}  // namespace carpool
