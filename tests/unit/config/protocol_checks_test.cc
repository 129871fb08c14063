// The options of the checks that speak a protocol of their own.
#include <gtest/gtest.h>

#include "controlplane/config/secrets.h"
#include "tests/unit/config/support.h"

namespace carpool::config {
namespace {

HealthCheck check_of(std::string_view lines, const TestWorld& world = {}) {
  const auto config = good("backend b\n" + std::string(lines) + "\n server s 10.0.0.1:1\n", world);
  return config.backends.empty() ? HealthCheck{} : config.backends.front().check;
}

void expect_error(std::string_view line, std::string_view fragment, const TestWorld& world = {}) {
  const auto said = said_about("backend b\n" + std::string(line) + "\n", world);
  EXPECT_TRUE(says(said, Severity::Error, kPreludeLines + 2, fragment)) << line << "\n"
                                                                        << format_diagnostics(said);
}

template <class Check>
Check as(const HealthCheck& check) {
  const auto* held = std::get_if<Check>(&check);
  EXPECT_NE(held, nullptr) << "another kind of check: " << check.index();
  return held == nullptr ? Check{} : *held;
}

TEST(ProtocolChecks, AreHaproxys) {
  EXPECT_EQ(as<MysqlCheck>(check_of("option mysql-check")), MysqlCheck{});
  EXPECT_EQ(as<MysqlCheck>(check_of("option mysql-check user u")), MysqlCheck{.user = "u"});
  EXPECT_EQ(as<MysqlCheck>(check_of("option mysql-check user u post-41")), MysqlCheck{.user = "u"});
  EXPECT_EQ(as<MysqlCheck>(check_of("option mysql-check user u pre-41")),
            (MysqlCheck{.user = "u", .before_41 = true}));
  EXPECT_EQ(as<PgsqlCheck>(check_of("option pgsql-check user u")), PgsqlCheck{"u"});
  EXPECT_EQ(as<SmtpCheck>(check_of("option smtpchk")), SmtpCheck{"HELO localhost"});
  EXPECT_EQ(as<SmtpCheck>(check_of("option smtpchk EHLO mx.example")),
            SmtpCheck{"EHLO mx.example"});
  as<RedisCheck>(check_of("option redis-check"));
  as<LdapCheck>(check_of("option ldap-check"));
  as<SslHelloCheck>(check_of("option ssl-hello-chk"));
}

TEST(ProtocolChecks, TheLastOptionHolds) {
  as<RedisCheck>(check_of("option httpchk\noption redis-check"));
  as<HttpCheck>(check_of("option redis-check\noption httpchk"));
  as<TcpCheck>(check_of("option redis-check\noption tcp-check"));
  as<TcpCheck>(check_of("option redis-check\nno option redis-check"));
  as<RedisCheck>(check_of("option redis-check\nno option ldap-check"));
  as<TcpCheck>(check_of("option mysql-check user u password p\nno option mysql-check"));
}

TEST(ProtocolChecks, AProgramOfTheUsers) {
  const std::string permitted = "global\n external-check\n";
  const std::string command = " external-check command /usr/local/bin/check-db\n";
  const auto config = good(permitted + "defaults\n" + command +
                           "backend b\n option external-check\n external-check path /opt/bin\n"
                           " server s 10.0.0.1 check\n");
  const auto check = as<ExternalCheck>(config.backends.at(0).check);
  EXPECT_EQ(check.command, "/usr/local/bin/check-db");
  EXPECT_EQ(check.path, "/opt/bin");
  EXPECT_EQ(check.permit, ExternalCheckPermit{});

  const auto as_others = good(
      "global\n external-check preserve-env user checker\n insecure-setuid-wanted\n"
      "backend b\n option external-check\n" +
      command + " server s 10.0.0.1:1 check\n");
  EXPECT_EQ(as<ExternalCheck>(as_others.backends.at(0).check).permit,
            (ExternalCheckPermit{
                .user = "checker", .preserve_environment = true, .may_gain_privileges = true}));
  const auto back = good(permitted + "backend b\n option external-check\n" + command +
                         " no option external-check\n server s 10.0.0.1:1 check\n");
  as<TcpCheck>(back.backends.at(0).check);
}

// Running programs has to be permitted, and there has to be a program, as in HAProxy.
TEST(ProtocolChecks, ProgramsAreRefused) {
  const auto refused = said_about("backend b\n option external-check\n");
  EXPECT_TRUE(
      says(refused, Severity::Error, kPreludeLines + 2, "write 'external-check' into 'global'"))
      << format_diagnostics(refused);
  EXPECT_TRUE(says(refused, Severity::Error, kPreludeLines + 2, "external-check command PROGRAM"))
      << format_diagnostics(refused);
  expect_error("external-check command /bin/true now", "are all that the command");
  expect_error("external-check comand /bin/true", "did you mean 'command'?");
  expect_error("external-check command \"\"", "cannot be the name of a program");
}

TEST(ProtocolChecks, MysqlLogsIn) {
  const auto check = as<MysqlLoginCheck>(
      check_of("option mysql-check user u password 'p w' tls query \"SELECT 1\" expect writable"));
  EXPECT_EQ(check.user, "u");
  EXPECT_EQ(check.password, "p w");
  EXPECT_TRUE(check.tls);
  EXPECT_EQ(check.query, "SELECT 1");
  EXPECT_EQ(check.expect, MysqlExpect::Writable);

  const auto replica = as<MysqlLoginCheck>(
      check_of("option mysql-check user u password p expect replica max-lag 10"));
  EXPECT_EQ(replica.expect, MysqlExpect::Replica);
  EXPECT_EQ(replica.max_lag_s, 10u);
  EXPECT_FALSE(as<MysqlLoginCheck>(check_of("option mysql-check user u password p expect replica"))
                   .max_lag_s);
  const auto galera = as<MysqlLoginCheck>(
      check_of("option mysql-check user u password \"\" expect galera allow-donor"));
  EXPECT_EQ(galera.expect, MysqlExpect::Galera);
  EXPECT_TRUE(galera.allow_donor);
  EXPECT_EQ(galera.password, "");
}

TEST(ProtocolChecks, MysqlReadsThePasswordOfAFile) {
  TestWorld world;
  world.secrets["/etc/carpool/mysql"] = "from the file\r\nand no further\n";
  EXPECT_EQ(as<MysqlLoginCheck>(
                check_of("option mysql-check user u password-file /etc/carpool/mysql", world))
                .password,
            "from the file");
  expect_error("option mysql-check user u password-file /none", "cannot be read", world);
}

TEST(ProtocolChecks, Datagrams) {
  EXPECT_EQ(as<UdpCheck>(check_of("option udp-check")), UdpCheck{});
  const auto udp = as<UdpCheck>(check_of("option udp-check send-binary 0d0a expect ! string no"));
  EXPECT_EQ(udp.payload, "\r\n");
  ASSERT_TRUE(udp.expect);
  EXPECT_EQ(udp.expect->bytes, "no");
  EXPECT_TRUE(udp.expect->negate);
  const auto binary = as<UdpCheck>(check_of("option udp-check send ping expect binary 706F"));
  EXPECT_EQ(binary.payload, "ping");
  EXPECT_EQ(binary.expect->bytes, "po");
  EXPECT_EQ(binary.expect->written, "706F");

  EXPECT_EQ(as<DnsCheck>(check_of("option dns-check name example.com.")),
            (DnsCheck{"example.com", 1, "A"}));
  EXPECT_EQ(as<DnsCheck>(check_of("option dns-check name . type NS")), (DnsCheck{"", 2, "NS"}));
  as<IcmpCheck>(check_of("option icmp-check"));
}

TEST(ProtocolChecks, IcmpNeedsNoPort) {
  const auto config = good("backend b\n option icmp-check\n server s 10.0.0.1 check\n");
  EXPECT_TRUE(config.backends.at(0).servers.at(0).check);
}

TEST(ProtocolChecks, SayWhatIsWrong) {
  expect_error("option mysql-check login u", "unknown word 'login'");
  expect_error("option mysql-check user", "wants a user");
  expect_error("option mysql-check user u tls", "has no password");
  expect_error("option mysql-check user u password p want writable", "unknown word 'want'");
  expect_error("option mysql-check user u password p expect primary", "writable");
  expect_error("option mysql-check user u password p expect replica max-lag soon", "soon");
  expect_error("option pgsql-check", "user");
  expect_error("option smtpchk HELO", "a domain");
  expect_error("option smtpchk QUIT now", "HELO");
  expect_error("option redis-check now", "now");
  expect_error("option udp-check send-binary 0d0", "0d0");
  expect_error("option udp-check expect regex x", "string");
  expect_error("option dns-check example.com", "name");
  expect_error("option dns-check name a..b", "a..b");
  expect_error("option dns-check name a type TYPE65", "TYPE65");
}

TEST(ProtocolChecks, PasswordsAreNotPrinted) {
  EXPECT_EQ(mask_secrets("  option mysql-check user u password s3cret tls"),
            "  option mysql-check user u password ****** tls");
  EXPECT_EQ(mask_secrets("\tpass 'a b' # x"), "\tpass ***** # x");
  EXPECT_EQ(mask_secrets("pass a\\ b c"), "pass **** c");
  EXPECT_EQ(mask_secrets("stats auth admin:pw"), "stats auth admin:**");
  EXPECT_EQ(mask_secrets("password \"open"), "password *****");
  EXPECT_EQ(mask_secrets("password-file /etc/x"), "password-file /etc/x");
  EXPECT_EQ(mask_secrets("password \\"), "password *");
  EXPECT_EQ(mask_secrets("pass"), "pass");

  const auto said = said_about("backend b\n option mysql-check user u password s3cret bogus\n");
  const auto text = format_diagnostics(said);
  EXPECT_NE(text.find("bogus"), std::string::npos);
  EXPECT_EQ(text.find("s3cret"), std::string::npos) << text;
}

}  // namespace
}  // namespace carpool::config
