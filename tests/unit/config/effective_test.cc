#include "controlplane/config/effective.h"

#include <gtest/gtest.h>

#include "controlplane/config/write_words.h"
#include "tests/unit/config/support.h"

namespace carpool::config {
namespace {

using namespace std::chrono_literals;

// Where a rule stands in its file is no part of what it does.
Config without_steps(Config config) {
  for (Backend& backend : config.backends) {
    const auto forget = [](auto& check) {
      if constexpr (requires { check.rules; }) {
        for (CheckRule& rule : check.rules)
          rule.step = 0;
      }
    };
    std::visit(forget, backend.check);
  }
  return config;
}

// What is written out acts as what was read.
void expect_same_again(std::string_view text) {
  const Config first = good(text);
  const std::string written = effective_text(first, true);
  const auto second = load_text(written);
  ASSERT_TRUE(second) << written << format_diagnostics(second.error());
  EXPECT_TRUE(without_steps(first) == without_steps(*second)) << written;
  EXPECT_EQ(effective_text(*second, true), written);
}

TEST(EffectiveText, ActsAsWhatItWasMadeOf) {
  expect_same_again("listen web\n bind 192.0.2.10:80\n server a 10.0.0.1:80 check\n");
  expect_same_again(
      "global\n maxconn 5000\n description \"a 'site' # here\"\n"
      " stats socket /run/x.sock mode 660 level admin\n stats timeout 30s\n"
      " peer-key 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
      "defaults base\n timeout connect 5s\n timeout client 1m\n timeout server 90s\n"
      " default-server inter 2500ms rise 3 fall 4 weight 7\n"
      "frontend www from base\n bind 192.0.2.10:80-82\n default_backend pool\n mirror off\n"
      "backend pool from base\n balance random(3)\n option allbackups\n option log-health-checks\n"
      " server a db1.example:80 check port 81 slowstart 10s on-marked-down shutdown-sessions\n"
      " server b 10.0.0.2 backup disabled maxconn 9\n server c 10.0.0.3:80 track a\n"
      " server d 10.0.0.4:80 check agent-check agent-port 9999 agent-send \"hello\\n\"\n"
      "listen stats\n bind *:8404\n stats enable\n stats auth admin:pa:ss\n stats refresh 10s\n");
}

TEST(EffectiveText, KeepsEveryKindOfCheck) {
  for (const char* check :
       {"option tcp-check\n tcp-check connect port 81\n tcp-check send-binary 00ff\n"
        " tcp-check expect ! rstring ^\\+ERR\n tcp-check expect min-recv 4 string \"a \\\"b\\\"\"",
        "option httpchk GET /health HTTP/1.1\n http-check send hdr Host www hdr X-Y \"z z\" body "
        "ok\n"
        " http-check expect status 200-299,404\n http-check disable-on-404",
        "option httpchk", "option mysql-check", "option mysql-check user x pre-41",
        "option mysql-check user x password \"y z\" expect writable", "option pgsql-check user x",
        "option redis-check", "option smtpchk EHLO example.org", "option ldap-check",
        "option ssl-hello-chk", "option udp-check send ping expect string pong",
        "option dns-check name example.org type AAAA", "option icmp-check"}) {
    expect_same_again("listen web\n bind 192.0.2.10:80\n " + std::string(check) +
                      "\n server a 10.0.0.1:80 check\n");
  }
}

TEST(EffectiveText, WritesDefaultsOutAndMasksSecrets) {
  const Config config = good("listen web\n bind 192.0.2.10:80\n server a 10.0.0.1:80 check\n");
  const std::string text = effective_text(config, false);
  EXPECT_NE(text.find("    pass ******\n"), std::string::npos) << text;
  EXPECT_NE(text.find("    balance roundrobin\n"), std::string::npos) << text;
  EXPECT_NE(
      text.find("server a 10.0.0.1:80 weight 1 check inter 2s fastinter 2s downinter 2s rise 2 "
                "fall 3 init-state up\n"),
      std::string::npos)
      << text;
}

TEST(WriteWords, ReadBackAsTheyWere) {
  EXPECT_EQ(write_word("plain-1.2:3"), "plain-1.2:3");
  EXPECT_EQ(write_word("a b$\"\\\n"), "\"a b\\$\\\"\\\\\\x0a\"");
  EXPECT_EQ(write_word(""), "\"\"");
  EXPECT_EQ(write_time(1500ms), "1500ms");
  EXPECT_EQ(write_time(120s), "2m");
  EXPECT_EQ(write_time(24h), "1d");
  EXPECT_EQ(write_time({}), "0");
}

}  // namespace
}  // namespace carpool::config
