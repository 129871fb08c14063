#include "controlplane/health/http_reply.h"

#include <string>

#include <gtest/gtest.h>

namespace carpool {
namespace {

struct StatusCase {
  const char* what;
  std::string bytes;
  CheckStatus status;
  int code;
  std::string text;
};

using enum CheckStatus;
const StatusCase kReplies[] = {
    {"a correct one", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", L7Ok, 200, "OK"},
    {"a redirect is fine", "HTTP/1.0 302 Found\r\n\r\n", L7Ok, 302, "Found"},
    {"the service is out", "HTTP/1.1 503 Service Unavailable\r\n\r\n", L7Status, 503,
     "Service Unavailable"},
    {"no such check", "HTTP/1.1 404 Not Found\r\n\r\n", L7Status, 404, "Not Found"},
    {"mysqlchk: a header that is none, doubled names, no empty line",
     "HTTP/1.1 200 OK\r\nContent-Type: Content-Type: text/plain\r\n\r\n\r\nrunning", L7Ok, 200,
     "OK"},
    {"mysqlchk: text where headers belong", "HTTP/1.1 200 OK\r\nMySQL is running.\r\n\r\n", L7Ok,
     200, "OK"},
    {"bare line feeds", "HTTP/1.1 503 Service Unavailable\nContent-type: text\n\n", L7Status, 503,
     "Service Unavailable"},
    {"closed after the status line", "HTTP/1.1 200 OK\r\n", L7Ok, 200, "OK"},
    {"closed within the status line, past the code", "HTTP/1.1 200 O", L7Ok, 200, "O"},
    {"closed right after the code", "HTTP/1.1 503", L7Status, 503, ""},
    {"no reason phrase", "HTTP/1.1 200\r\n\r\n", L7Ok, 200, ""},
    {"empty lines first, spaces to spare", "\r\n\nHTTP/1.1   200   Fine\r\n", L7Ok, 200, "Fine"},
    {"a hostile reason phrase", "HTTP/1.1 503 \x1b[2J\x07\n", L7Status, 503, ".[2J."},
    {"nothing", "", L7Response, 0, "no reply before the connection ended"},
    {"only line ends", "\r\n\r\n", L7Response, 0, "no reply before the connection ended"},
    {"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", L7Response, 0,
     "not an HTTP reply: SSH-2.0-OpenSSH_9.2"},
    {"closed within the code", "HTTP/1.1 20", L7Response, 0,
     "malformed HTTP status line: HTTP/1.1 20"},
    {"no code", "HTTP/1.1 OK\r\n", L7Response, 0, "malformed HTTP status line: HTTP/1.1 OK"},
    {"a code of four digits", "HTTP/1.1 2000 OK\r\n", L7Response, 0,
     "malformed HTTP status line: HTTP/1.1 2000 OK"},
    {"a code that starts with 0", "HTTP/1.1 099 OK\r\n", L7Response, 0,
     "malformed HTTP status line: HTTP/1.1 099 OK"},
    {"no version", "HTTP 200 OK\r\n", L7Response, 0, "not an HTTP reply: HTTP 200 OK"},
};

const config::ExpectRule kUsual;

Judgement judge(const Reply& reply, const config::ExpectRule& expect = kUsual) {
  return reply.judge({.act = expect, .step = 1}, expect);
}

CheckResult judge_in_chunks(const std::string& bytes, std::size_t chunk,
                            const config::ExpectRule& expect = kUsual) {
  HttpReply reply;
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    reply.feed(std::string_view(bytes).substr(at, chunk));
    const auto judgement = judge(reply, expect);
    if (judgement.judged != Judged::Wait) return judgement.result;
  }
  reply.end();
  const auto judgement = judge(reply, expect);
  EXPECT_NE(judgement.judged, Judged::Wait) << "nothing more can come";
  return judgement.result;
}

CheckResult judge_at_once(const std::string& bytes, const config::ExpectRule& expect) {
  return judge_in_chunks(bytes, bytes.size() + 1, expect);
}

config::Regex regex(std::string_view pattern) {
  return *config::Regex::compile(pattern);
}

TEST(HttpReply, IsJudgedByItsStatusLine) {
  for (const auto& reply : kReplies) {
    const auto result = judge_in_chunks(reply.bytes, reply.bytes.size() + 1);
    EXPECT_EQ(name(result.status), name(reply.status)) << reply.what;
    EXPECT_EQ(result.code, reply.code) << reply.what;
    EXPECT_EQ(result.text, reply.text) << reply.what;
  }
}

TEST(HttpReply, IsJudgedTheSameHoweverItArrives) {
  for (const auto& reply : kReplies) {
    for (std::size_t chunk = 1; chunk < reply.bytes.size(); ++chunk) {
      const auto result = judge_in_chunks(reply.bytes, chunk);
      EXPECT_EQ(name(result.status), name(reply.status)) << reply.what << " by " << chunk;
      EXPECT_EQ(result.code, reply.code) << reply.what << " by " << chunk;
    }
  }
}

TEST(HttpReply, DoesNotWaitForMoreThanTheStatusLine) {
  HttpReply reply;
  reply.feed("HTTP/1.1 200 O");
  EXPECT_EQ(judge(reply).judged, Judged::Wait);
  reply.feed("K\r");
  EXPECT_EQ(judge(reply).judged, Judged::Met);
  reply.feed("anything");
  EXPECT_EQ(judge(reply).judged, Judged::Met) << "and stays decided";
}

TEST(HttpReply, DoesNotWaitForTheEndOfNonsense) {
  HttpReply reply;
  reply.feed("HTTQ");
  EXPECT_EQ(judge(reply).judged, Judged::Unmet);
}

TEST(HttpReply, IsBounded) {
  HttpReply reply;
  reply.feed("HTTP/1.1 200 " + std::string(1 << 20, 'x'));
  const auto judgement = judge(reply);
  ASSERT_EQ(judgement.judged, Judged::Met);
  EXPECT_EQ(judgement.result.code, 200);
  EXPECT_EQ(judgement.result.text.size(), kMaxCheckText);
}

TEST(HttpReply, ObeysOtherStatuses) {
  config::ExpectRule expect{.what = config::ExpectStatus{{{503, 503}, {200, 204}}}};
  EXPECT_EQ(judge_at_once("HTTP/1.1 503 Busy\r\n", expect).status, L7Ok);
  EXPECT_EQ(judge_at_once("HTTP/1.1 204 OK\r\n", expect).status, L7Ok);
  EXPECT_EQ(judge_at_once("HTTP/1.1 301 Moved\r\n", expect).status, L7Status);
  expect.negate = true;
  EXPECT_EQ(judge_at_once("HTTP/1.1 301 Moved\r\n", expect).status, L7Ok);
  expect = {.what = config::ExpectStatusRegex{regex("^[23]0")}};
  EXPECT_EQ(judge_at_once("HTTP/1.1 302 Found\r\n", expect).status, L7Ok);
  EXPECT_EQ(judge_at_once("HTTP/1.1 410 Gone\r\n", expect).status, L7Status);
}

TEST(HttpReply, IsNamedAsTheRuleSays) {
  config::ExpectRule expect{.what = config::ExpectStatus{{{200, 200}}}};
  expect.ok_status = config::RuleStatus::L7OkConditional;
  expect.error_status = config::RuleStatus::L4Connect;
  expect.on_success = "fine";
  expect.on_error = "not fine";
  const auto good = judge_at_once("HTTP/1.1 200 OK\r\n", expect);
  EXPECT_EQ(good.status, L7OkConditional);
  EXPECT_EQ(good.text, "fine");
  HttpReply reply;
  reply.feed("HTTP/1.1 500 Oops\r\n");
  const auto bad = reply.judge({.act = expect, .step = 2, .comment = "the page"}, expect).result;
  EXPECT_EQ(bad.status, L4Connect);
  EXPECT_EQ(bad.text, "not fine comment: the page");
}

struct BodyCase {
  const char* what;
  std::string bytes;
  bool found;
};

const BodyCase kBodies[] = {
    {"in the body", "HTTP/1.1 200 OK\r\nA: b\r\n\r\nall is ready here", true},
    {"whatever the status", "HTTP/1.1 503 Busy\n\nready", true},
    {"no headers at all", "HTTP/1.1 200 OK\r\n\r\nready", true},
    {"no empty line", "HTTP/1.1 200 OK\r\nready", true},
    {"behind the first empty line of two kinds", "HTTP/1.1 200 OK\n\nready\r\n\r\nno", true},
    {"within the length", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nready, and more", true},
    {"in chunks",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n"
     "02;x=y\r\ndy\r\n0\r\n\r\n",
     true},
    {"in a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nready", true},
    {"only in a header", "HTTP/1.1 200 OK\r\nX: ready\r\n\r\nsteady", false},
    {"not at all", "HTTP/1.1 200 OK\r\n\r\nsteady", false},
    {"beyond the length", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nready", false},
    {"split by the framing",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     "3\r\nreaX\r\n2\r\ndy\r\n0\r\n\r\n",
     false},
    {"behind the last chunk",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     "1\r\nx\r\n0\r\n\r\nready",
     false},
    {"beyond what is searched", "HTTP/1.1 200 OK\r\n\r\n" + std::string(20000, ' ') + "ready",
     false},
};

TEST(HttpReply, FindsTheExpectedTextInTheBody) {
  for (const bool negate : {false, true}) {
    const config::ExpectRule plain{.what = config::ExpectBytes{"ready"}, .negate = negate};
    const config::ExpectRule by_regex{.what = config::ExpectRegex{regex("re[a-z]dy")},
                                      .negate = negate};
    for (const auto& body : kBodies) {
      for (const std::size_t chunk : {1, 3, 1000000}) {
        for (const auto& expect : {plain, by_regex}) {
          const auto result = judge_in_chunks(body.bytes, chunk, expect);
          EXPECT_EQ(result.status == L7Ok, body.found != negate)
              << body.what << (negate ? ", negated" : "") << ", by " << chunk;
        }
      }
    }
  }
}

TEST(HttpReply, AnEmptyBodyIsNotWhatWasAskedFor) {
  for (const bool negate : {false, true}) {
    const config::ExpectRule expect{.what = config::ExpectBytes{"x"}, .negate = negate};
    const auto result = judge_at_once("HTTP/1.1 204 No Content\r\n\r\n", expect);
    EXPECT_EQ(result.status, L7Response);
    EXPECT_EQ(result.code, 204);
    EXPECT_EQ(result.text, "HTTP content check could not find a response body");
  }
}

TEST(HttpReply, ABodyIsWaitedForAsLongAsItMayCome) {
  const config::ExpectRule expect{.what = config::ExpectBytes{"ready"}};
  HttpReply reply;
  reply.feed("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nstea");
  EXPECT_EQ(judge(reply, expect).judged, Judged::Wait);
  config::ExpectRule enough = expect;
  enough.min_recv = 4;
  EXPECT_EQ(judge(reply, enough).judged, Judged::Unmet) << "four bytes were to be enough";
  reply.feed("dy it");
  EXPECT_EQ(judge(reply, expect).judged, Judged::Wait);
  reply.feed("!");
  EXPECT_EQ(judge(reply, expect).judged, Judged::Unmet) << "that was all of it";
}

TEST(HttpReply, FindsHeaders) {
  using config::TextMatch;
  using config::TextPattern;
  const std::string bytes =
      "HTTP/1.1 200 OK\r\nX-State:  ready \r\nX-Roles: one, two\r\nno header\r\n\r\nX-Body: 1";
  struct Case {
    const char* what;
    config::ExpectHeader header;
    bool found;
  };
  const Case cases[] = {
      {"by name", {.name = {.text = "x-state"}}, true},
      {"only in the body", {.name = {.text = "X-Body"}}, false},
      {"a line without colon", {.name = {.text = "no header"}}, false},
      {"by the begin of its name", {.name = {.match = TextMatch::Begin, .text = "x-st"}}, true},
      {"by the end", {.name = {.match = TextMatch::End, .text = "-STATE"}}, true},
      {"by a part", {.name = {.match = TextMatch::Part, .text = "stat"}}, true},
      {"by value", {.name = {.text = "x-state"}, .value = TextPattern{.text = "ready"}}, true},
      {"letter case of a value matters",
       {.name = {.text = "x-state"}, .value = TextPattern{.text = "Ready"}},
       false},
      {"one of a list", {.name = {.text = "x-roles"}, .value = TextPattern{.text = "two"}}, true},
      {"the whole list",
       {.name = {.text = "x-roles"}, .value = TextPattern{.text = "one, two"}, .whole = true},
       true},
      {"not one of the list",
       {.name = {.text = "x-roles"}, .value = TextPattern{.text = "two"}, .whole = true},
       false},
      {"by regex",
       {.name = {.text = "x-state"},
        .value = TextPattern{.match = TextMatch::Regex, .regex = regex("^re.*y$")}},
       true},
  };
  for (const auto& c : cases) {
    for (const std::size_t chunk : {1, 1000}) {
      const auto result = judge_in_chunks(bytes, chunk, {.what = c.header});
      EXPECT_EQ(result.status == L7Ok, c.found) << c.what << " by " << chunk;
    }
    EXPECT_EQ(judge_at_once(bytes, {.what = c.header, .negate = true}).status == L7Ok, !c.found)
        << c.what;
  }
}

}  // namespace
}  // namespace carpool
