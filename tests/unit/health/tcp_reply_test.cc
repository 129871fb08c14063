#include "controlplane/health/tcp_reply.h"

#include <gtest/gtest.h>

namespace carpool {
namespace {

using config::ExpectBytes;
using config::ExpectRegex;
using config::ExpectRule;
using enum CheckStatus;

ExpectRule regex(std::string_view pattern, bool binary = false) {
  return {.what = ExpectRegex{*config::Regex::compile(pattern), binary}};
}

Judgement judge(const Reply& reply, const ExpectRule& expect, std::string comment = {}) {
  return reply.judge({.act = expect, .step = 2, .comment = std::move(comment)}, expect);
}

Judgement judge_whole(std::string_view bytes, const ExpectRule& expect) {
  TcpReply reply;
  reply.feed(bytes);
  reply.end();
  return judge(reply, expect);
}

TEST(TcpReply, BytesAreFoundAnywhere) {
  const ExpectRule pong{.what = ExpectBytes{"PONG"}};
  EXPECT_EQ(judge_whole("+PONG\r\n", pong).judged, Judged::Met);
  const auto wrong = judge_whole("-ERR\r\n", pong);
  EXPECT_EQ(wrong.judged, Judged::Unmet);
  EXPECT_EQ(wrong.result.status, L7Response);
  EXPECT_EQ(wrong.result.text, "TCPCHK did not match content 'PONG' at step 2");
}

TEST(TcpReply, SaysWhatItLookedForInHaproxysWords) {
  EXPECT_EQ(judge_whole("x", {.what = ExpectBytes{"\x01", true}}).result.text,
            "TCPCHK did not match content (binary) at step 2");
  EXPECT_EQ(judge_whole("x", regex("y")).result.text,
            "TCPCHK did not match content (regex) at step 2");
  EXPECT_EQ(judge_whole("x", regex("y", true)).result.text,
            "TCPCHK did not match content (binary regex) at step 2");
  ExpectRule unwanted{.what = ExpectBytes{"x"}, .negate = true};
  EXPECT_EQ(judge_whole("x", unwanted).result.text,
            "TCPCHK matched unwanted content 'x' at step 2");
  TcpReply reply;
  reply.feed("x");
  EXPECT_EQ(judge(reply, unwanted, "no x").result.text,
            "TCPCHK matched unwanted content 'x' at step 2 comment: no x");
}

TEST(TcpReply, HexadecimalDigitsAreInUpperCase) {
  EXPECT_EQ(judge_whole("\x16\x03\x01", regex("^1[56]03", true)).judged, Judged::Met);
  EXPECT_EQ(judge_whole("\xab", regex("^AB$", true)).judged, Judged::Met);
  EXPECT_EQ(judge_whole("\xab", regex("^ab$", true)).judged, Judged::Unmet);
}

TEST(TcpReply, WaitsForWhatMayStillCome) {
  TcpReply reply;
  const ExpectRule pong{.what = ExpectBytes{"PONG"}};
  ExpectRule no_error{.what = ExpectBytes{"ERR"}, .negate = true};
  reply.feed("+PO");
  EXPECT_EQ(judge(reply, pong).judged, Judged::Wait);
  EXPECT_EQ(judge(reply, no_error).judged, Judged::Wait) << "an error may follow";
  no_error.min_recv = 4;
  EXPECT_EQ(judge(reply, no_error).judged, Judged::Wait) << "fewer than were asked for";
  reply.feed("NG");
  EXPECT_EQ(judge(reply, pong).judged, Judged::Met);
  EXPECT_EQ(judge(reply, no_error).judged, Judged::Met) << "so many were to be enough";
  no_error.min_recv.reset();
  EXPECT_EQ(judge(reply, no_error).judged, Judged::Wait);
  reply.end();
  EXPECT_EQ(judge(reply, no_error).judged, Judged::Met);
}

TEST(TcpReply, IsBounded) {
  TcpReply reply;
  reply.feed(std::string(1 << 20, 'x'));
  EXPECT_EQ(judge(reply, {.what = ExpectBytes{"y"}}).judged, Judged::Unmet);
}

TEST(TcpReply, ARegexThatCostsTooMuchFails) {
  const std::string text = std::string(1000, 'a').append("!");
  for (const bool negate : {false, true}) {
    ExpectRule expect = regex("(a+)+$");
    expect.negate = negate;
    const auto judgement = judge_whole(text, expect);
    EXPECT_EQ(judgement.judged, Judged::Unmet);
    EXPECT_EQ(judgement.result.text, "the regex costs too much on this reply");
  }
}

}  // namespace
}  // namespace carpool
