#include "controlplane/health/dns_message.h"

#include <gtest/gtest.h>

#include "controlplane/health/icmp_echo.h"

namespace carpool {
namespace {

using namespace std::string_literals;

constexpr std::uint16_t kId = 0x1234;
const config::DnsCheck kCheck{.name = "www.example.com", .type_name = "A"};
const std::string kQuestion = "\3www\7example\3com\0\0\1\0\1"s;

// Flags, numbers of questions and answers, and what stands behind the header.
std::string reply(std::uint16_t flags, int questions, int answers, const std::string& rest,
                  std::uint16_t id = kId) {
  const auto put = [](int value) {
    return std::string{static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
  };
  return put(id) + put(flags) + put(questions) + put(answers) + put(0) + put(0) + rest;
}

const std::string kAddress = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1"s;
const std::string kAlias = "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\xc0\x10"s;

void expect_result(const std::optional<CheckResult>& result, CheckStatus status, int code,
                   std::string_view text) {
  ASSERT_TRUE(result);
  EXPECT_EQ(name(result->status), name(status));
  EXPECT_EQ(result->code, code);
  EXPECT_EQ(result->text, text);
}

TEST(DnsMessage, AsksOneQuestion) {
  EXPECT_EQ(dns_query(kCheck, kId), "\x12\x34\1\0\0\1\0\0\0\0\0\0"s + kQuestion);
  EXPECT_EQ(dns_query({.name = "", .type = 2, .type_name = "NS"}, 1),
            "\0\1\1\0\0\1\0\0\0\0\0\0\0\0\2\0\1"s);
}

TEST(DnsMessage, CountsTheRecordsOfTheType) {
  const auto judged = [](std::uint16_t flags, int answers, const std::string& records) {
    return judge_dns_reply(kCheck, kId, reply(flags, 1, answers, kQuestion + records));
  };
  expect_result(judged(0x8180, 1, kAddress), CheckStatus::L7Ok, 0, "1 A record");
  expect_result(judged(0x8180, 3, kAlias + kAddress + kAddress), CheckStatus::L7Ok, 0,
                "2 A records");
  expect_result(judged(0x8180, 1, kAlias), CheckStatus::L7Status, 0, "no A record");
  expect_result(judged(0x8180, 0, ""), CheckStatus::L7Status, 0, "no A record");
  expect_result(judged(0x8380, 0, ""), CheckStatus::L7Ok, 0, "truncated answer");
  expect_result(judged(0x8183, 0, ""), CheckStatus::L7Status, 3, "NXDOMAIN");
  expect_result(judged(0x8182, 0, ""), CheckStatus::L7Status, 2, "SERVFAIL");
  expect_result(judged(0x8189, 0, ""), CheckStatus::L7Status, 9, "response code 9");
  expect_result(judged(0x8180, 1, kAddress.substr(0, 9)), CheckStatus::L7Response, 0,
                "malformed DNS reply");
}

TEST(DnsMessage, TakesTheNameInAnyCase) {
  const auto shouted = "\3WWW\7eXaMple\3com\0\0\1\0\1"s + kAddress;
  expect_result(judge_dns_reply(kCheck, kId, reply(0x8180, 1, 1, shouted)), CheckStatus::L7Ok, 0,
                "1 A record");
}

TEST(DnsMessage, IgnoresWhatIsNoReplyToItsQuestion) {
  const auto good = reply(0x8180, 1, 1, kQuestion + kAddress);
  EXPECT_FALSE(judge_dns_reply(kCheck, kId + 1, good));
  EXPECT_FALSE(judge_dns_reply(kCheck, kId, reply(0x0180, 1, 1, kQuestion + kAddress)));
  EXPECT_FALSE(judge_dns_reply({.name = "example.org", .type_name = "A"}, kId, good));
  EXPECT_FALSE(judge_dns_reply(kCheck, kId, good.substr(0, 11)));
  EXPECT_FALSE(judge_dns_reply(kCheck, kId, reply(0x8180, 0, 0, "")));
  // A server that understood nothing repeats nothing.
  expect_result(judge_dns_reply(kCheck, kId, reply(0x8181, 0, 0, "")), CheckStatus::L7Status, 1,
                "FORMERR");
}

// RFC 792, and a checksum by hand: 0x0800 + 0x0102 + 0x0001 + "ab" is 0x6a65.
TEST(IcmpEcho, IsRecognisedByItsToken) {
  EXPECT_EQ(echo_request(0x0102, "ab"), "\x08\x00\x95\x9a\x01\x02\x00\x01"s + "ab");
  const auto echoed = "\x00\x00\x00\x00\x77\x77\x00\x01"s + "token";
  EXPECT_TRUE(is_echo_reply(echoed, "token"));
  EXPECT_FALSE(is_echo_reply(echoed, "other"));
  EXPECT_FALSE(is_echo_reply(echo_request(1, "token"), "token"));
  EXPECT_FALSE(is_echo_reply("\x03\x01"s + echoed.substr(2), "token"));
  EXPECT_FALSE(is_echo_reply(echoed.substr(0, 5), ""));
  EXPECT_EQ(without_ip_header("\x45" + std::string(19, '\0') + echoed), echoed);
  EXPECT_EQ(without_ip_header("\x46" + std::string(23, '\0') + echoed), echoed);
  EXPECT_EQ(without_ip_header("\x45\x00"), "");
  EXPECT_EQ(without_ip_header(""), "");
}

}  // namespace
}  // namespace carpool
