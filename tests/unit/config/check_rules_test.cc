// What the lines about health checks mean: which rules are carried out in the end.
#include "controlplane/config/check_rules.h"

#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace carpool::config {
namespace {

std::vector<CheckRule> http_rules(const std::string& lines) {
  return std::get<HttpCheck>(good("backend a\n option httpchk\n" + lines).backends.at(0).check)
      .rules;
}
std::vector<CheckRule> tcp_rules(const std::string& lines) {
  return std::get<TcpCheck>(good("backend a\n option tcp-check\n" + lines).backends.at(0).check)
      .rules;
}
const HttpSendRule& request(const std::vector<CheckRule>& rules, std::size_t at = 1) {
  return std::get<HttpSendRule>(rules.at(at).act);
}
const ExpectRule& expectation(const std::vector<CheckRule>& rules, std::size_t at = 2) {
  return std::get<ExpectRule>(rules.at(at).act);
}
const ConnectRule& connection(const std::vector<CheckRule>& rules, std::size_t at = 0) {
  return std::get<ConnectRule>(rules.at(at).act);
}

TEST(HttpRules, WithoutAnyOptionsAreAsked) {
  const auto rules = http_rules("");
  EXPECT_EQ(rules, default_http_rules());
  ASSERT_EQ(rules.size(), 3u);
  EXPECT_TRUE(connection(rules).implicit && connection(rules).defaults);
  EXPECT_EQ(request(rules).method, "OPTIONS");
  EXPECT_EQ(request(rules).uri, "/");
  EXPECT_EQ(request(rules).version, "HTTP/1.0");
  const auto& status = std::get<ExpectStatus>(expectation(rules).what);
  EXPECT_TRUE(status.accepts(200) && status.accepts(302));
  EXPECT_FALSE(status.accepts(404) || status.accepts(199));
}

TEST(HttpRules, TheOptionSaysTheRequestInTheOldWay) {
  EXPECT_EQ(request(http_rules(" option httpchk /health\n")).uri, "/health");
  const auto rules =
      http_rules(" option httpchk GET /up HTTP/1.1\\r\\nHost:\\ www.example.com\\r\\nX:y\n");
  const HttpSendRule& old = request(rules);
  EXPECT_EQ(old.method, "GET");
  EXPECT_EQ(old.uri, "/up");
  EXPECT_EQ(old.version, "HTTP/1.1");
  ASSERT_EQ(old.headers.size(), 2u);
  EXPECT_EQ(old.headers[0], (std::pair<std::string, std::string>{"Host", "www.example.com"}));
  EXPECT_EQ(old.headers[1].second, "y");
}

TEST(HttpRules, TheFirstSendAddsToTheOption) {
  const auto rules = http_rules(
      " option httpchk GET /up\n"
      " http-check send ver HTTP/1.1 hdr Host a.example hdr A \"b c\" hdr P 100%% body hi\n");
  EXPECT_EQ(request(rules).method, "GET");
  EXPECT_EQ(request(rules).uri, "/up");
  EXPECT_EQ(request(rules).version, "HTTP/1.1");
  EXPECT_EQ(request(rules).headers.at(1).second, "b c");
  EXPECT_EQ(request(rules).headers.at(2).second, "100%");
  EXPECT_EQ(request(rules).body, "hi");
  EXPECT_EQ(rules.size(), 3u) << "and a status is expected as ever";
}

TEST(HttpRules, SeveralRoundsAreConnectionsOfTheirOwn) {
  const auto rules = http_rules(
      " option httpchk GET /one\n"
      " http-check connect default\n"
      " http-check expect status 200-299,404\n"
      " http-check connect addr 10.0.9.9 port 81 ssl sni s.example alpn http/1.1 linger\n"
      " http-check send meth HEAD\n");
  ASSERT_EQ(rules.size(), 6u);
  EXPECT_FALSE(connection(rules).implicit);
  EXPECT_EQ(request(rules).uri, "/one") << "goes behind the first connect";
  const auto& status = std::get<ExpectStatus>(expectation(rules).what);
  EXPECT_TRUE(status.accepts(204) && status.accepts(404) && !status.accepts(301));
  EXPECT_EQ(connection(rules, 3), (ConnectRule{.tls = true,
                                               .linger = true,
                                               .address = Ipv4Address::of(10, 0, 9, 9),
                                               .port = 81,
                                               .sni = "s.example",
                                               .alpn = {"http/1.1"}}));
  EXPECT_EQ(request(rules, 4).method, "HEAD");
  EXPECT_EQ(request(rules, 4).uri, "/") << "a later request has nothing of the option";
  EXPECT_EQ(expectation(rules, 5), ExpectRule{});
}

TEST(HttpRules, ExpectationsOfEveryKind) {
  const auto expected = [](const std::string& words) {
    return expectation(http_rules(" http-check expect " + words + "\n"));
  };
  EXPECT_EQ(std::get<ExpectBytes>(expected("string ready").what).bytes, "ready");
  EXPECT_TRUE(expected("! string ready").negate);
  EXPECT_TRUE(expected("!string ready").negate);
  EXPECT_FALSE(expected("!! string ready").negate);
  EXPECT_EQ(std::get<ExpectRegex>(expected("rstring ^a.*b$").what).regex.pattern(), "^a.*b$");
  EXPECT_EQ(std::get<ExpectStatusRegex>(expected("rstatus ^2").what).regex.pattern(), "^2");
  const auto header = std::get<ExpectHeader>(expected("fhdr name -m beg X- value -m reg a+").what);
  EXPECT_EQ(header.name.match, TextMatch::Begin);
  EXPECT_EQ(header.name.text, "X-");
  EXPECT_EQ(header.value->regex->pattern(), "a+");
  EXPECT_TRUE(header.whole);
  const ExpectRule named = expected(
      "min-recv 12 comment hm ok-status l7okc error-status L6RSP tout-status L4TOUT "
      "on-success good on-error bad status 200");
  EXPECT_EQ(named.min_recv, 12u);
  EXPECT_EQ(named.ok_status, RuleStatus::L7OkConditional);
  EXPECT_EQ(named.error_status, RuleStatus::L6Response);
  EXPECT_EQ(named.timeout_status, RuleStatus::L4Timeout);
  EXPECT_EQ(named.on_success, "good");
  EXPECT_EQ(named.on_error, "bad");
}

TEST(HttpRules, SwitchesStandApart) {
  const Config config =
      good("backend a\n option httpchk\n http-check disable-on-404\n http-check send-state\n");
  const auto& check = std::get<HttpCheck>(config.backends.at(0).check);
  EXPECT_TRUE(check.disable_on_404 && check.send_state);
  EXPECT_TRUE(config.warnings.size() == 1u) << "only that it has no servers";
}

TEST(TcpRules, AreEmptyForAConnectionAlone) {
  EXPECT_TRUE(tcp_rules("").empty());
  EXPECT_TRUE(std::holds_alternative<TcpCheck>(
      good("backend a\n option httpchk\n option tcp-check\n").backends.at(0).check));
  EXPECT_TRUE(std::holds_alternative<TcpCheck>(
      good("backend a\n option httpchk\n no option httpchk\n").backends.at(0).check));
}

TEST(TcpRules, ADialogueWithCommentsAndSteps) {
  const auto rules = tcp_rules(
      " tcp-check comment hello\n"
      " tcp-check send PING\\r\\n\n"
      " tcp-check send-binary 0a0B\n"
      " tcp-check expect string +PONG comment mine\n"
      " tcp-check comment bye\n"
      " tcp-check send-lf 100%%\n"
      " tcp-check expect rbinary ^0D\n");
  ASSERT_EQ(rules.size(), 6u);
  EXPECT_TRUE(connection(rules).implicit);
  EXPECT_EQ(rules[0].step, 0u);
  EXPECT_EQ(std::get<SendRule>(rules[1].act).bytes, "PING\r\n");
  EXPECT_EQ(rules[1].step, 2u) << "a comment is a step";
  EXPECT_EQ(rules[1].comment, "hello");
  EXPECT_EQ(std::get<SendRule>(rules[2].act).bytes, "\x0a\x0b");
  EXPECT_EQ(rules[2].comment, "hello") << "holds for all of the same kind";
  EXPECT_EQ(rules[3].comment, "mine");
  EXPECT_EQ(std::get<SendRule>(rules[4].act).bytes, "100%");
  EXPECT_EQ(rules[4].comment, "bye");
  EXPECT_EQ(rules[5].comment, "") << "but not for another";
  EXPECT_TRUE(std::get<ExpectRegex>(expectation(rules, 5).what).binary);
  EXPECT_EQ(rules[5].step, 7u);
}

TEST(TcpRules, OwnOnesReplaceThoseOfTheDefaults) {
  const Config config = good(
      "defaults\n option tcp-check\n tcp-check connect\n tcp-check send a\n"
      "backend one\n"
      "backend two\n tcp-check connect port 81\n");
  EXPECT_EQ(std::get<TcpCheck>(config.backends.at(0).check).rules.size(), 2u);
  const auto& own = std::get<TcpCheck>(config.backends.at(1).check).rules;
  ASSERT_EQ(own.size(), 1u);
  EXPECT_EQ(connection(own).port, 81);
  EXPECT_EQ(own[0].step, 1u);
}

TEST(CheckTls, IsSaidOnTheServer) {
  const Config config = good(
      "global\n ca-base /etc/ssl\n"
      "defaults\n default-server check check-ssl\n"
      "backend a\n"
      " server s1 10.0.0.1:443 ca-file own.pem check-sni a.example check-alpn h2,http/1.1\n"
      " server s2 10.0.0.2:443 ca-file /x/y.pem verifyhost b.example check-cert-expiry 30d\n"
      " server s3 10.0.0.3:443 verify none check-cert-expiry 0\n"
      " server s4 10.0.0.4:443 ca-file @system-ca\n"
      " server s5 10.0.0.5:443 no-check-ssl\n");
  const auto& servers = config.backends.at(0).servers;
  EXPECT_TRUE(servers.at(0).check_tls.enabled && servers[0].check_tls.verify);
  EXPECT_EQ(servers[0].check_tls.ca_file, "/etc/ssl/own.pem");
  EXPECT_EQ(servers[0].check_tls.sni, "a.example");
  EXPECT_EQ(servers[0].check_tls.alpn, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_EQ(servers[0].check_tls.expiry_warning, std::chrono::hours(24 * 14)) << "unless written";
  EXPECT_EQ(servers.at(1).check_tls.ca_file, "/x/y.pem");
  EXPECT_EQ(servers[1].check_tls.verify_host, "b.example");
  EXPECT_EQ(servers[1].check_tls.expiry_warning, std::chrono::hours(24 * 30));
  EXPECT_FALSE(servers.at(2).check_tls.verify);
  EXPECT_EQ(servers[2].check_tls.expiry_warning, Duration::zero());
  EXPECT_EQ(servers.at(3).check_tls.ca_file, "@system-ca");
  EXPECT_FALSE(servers.at(4).check_tls.enabled);
}

TEST(CheckTls, VerificationMayBeOffForAll) {
  const Config config = good(
      "global\n ssl-server-verify none\n"
      "backend a\n"
      " server s1 10.0.0.1:443 check check-ssl\n"
      " server s2 10.0.0.2:443 check check-ssl verify required ca-file /x\n");
  EXPECT_FALSE(config.backends.at(0).servers.at(0).check_tls.verify);
  EXPECT_TRUE(config.backends.at(0).servers.at(1).check_tls.verify);
}

TEST(CheckTls, CaFilesAreTriedOnce) {
  LoadOptions options = TestWorld().options();
  int asked = 0;
  options.check_ca_file = [&](const std::string& path) -> Result<void> {
    ++asked;
    return fail("no certificates in " + path);
  };
  const auto config =
      load({{"test.cfg", std::string(kPrelude) + "backend a\n server s1 10.0.0.1:1 check check-ssl "
                                                 "ca-file /x.pem\n server s2 10.0.0.2:1 check "
                                                 "check-ssl ca-file /x.pem\n"}},
           options);
  ASSERT_FALSE(config);
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(
      says(config.error(), Severity::Error, kPreludeLines + 2, "no certificates in /x.pem"));
}

}  // namespace
}  // namespace carpool::config
