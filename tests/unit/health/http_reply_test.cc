#include "controlplane/health/http_reply.h"

#include <string>

#include <gtest/gtest.h>

namespace carpool {
namespace {

struct Reply {
  const char* what;
  std::string bytes;
  CheckStatus status;
  int code;
  std::string text;
};

using enum CheckStatus;
const Reply kReplies[] = {
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

CheckResult judge_in_chunks(const std::string& bytes, std::size_t chunk,
                            const config::HttpCheck& check = {}) {
  HttpReply reply(check);
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    if (auto result = reply.feed(std::string_view(bytes).substr(at, chunk))) return *result;
  }
  return reply.finish();
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
  const config::HttpCheck check;
  HttpReply reply(check);
  EXPECT_FALSE(reply.feed("HTTP/1.1 200 O"));
  EXPECT_TRUE(reply.feed("K\r"));
  EXPECT_TRUE(reply.feed("anything"));  // and stays decided
}

TEST(HttpReply, DoesNotWaitForTheEndOfNonsense) {
  const config::HttpCheck check;
  HttpReply reply(check);
  EXPECT_TRUE(reply.feed("HTTQ"));
}

TEST(HttpReply, IsBounded) {
  const config::HttpCheck check;
  HttpReply reply(check);
  const auto result = reply.feed("HTTP/1.1 200 " + std::string(1 << 20, 'x'));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->code, 200);
  EXPECT_EQ(result->text.size(), kMaxCheckText);
}

TEST(HttpReply, ObeysOtherExpectations) {
  config::HttpCheck check;
  check.expect.status = {{503, 503}};
  EXPECT_EQ(HttpReply(check).feed("HTTP/1.1 503 Busy\r\n")->status, CheckStatus::L7Ok);
  EXPECT_EQ(HttpReply(check).feed("HTTP/1.1 200 OK\r\n")->status, CheckStatus::L7Status);
  check.expect.negate = true;
  EXPECT_EQ(HttpReply(check).feed("HTTP/1.1 200 OK\r\n")->status, CheckStatus::L7Ok);
}

TEST(HttpReply, NotFoundMayMeanPleaseNoNewConnections) {
  config::HttpCheck check;
  check.disable_on_404 = true;
  EXPECT_EQ(HttpReply(check).feed("HTTP/1.1 404 Not Found\r\n")->status,
            CheckStatus::L7OkConditional);
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
    {"only in a header", "HTTP/1.1 200 OK\r\nX: ready\r\n\r\nsteady", false},
    {"not at all", "HTTP/1.1 200 OK\r\n\r\nsteady", false},
    {"beyond what is searched", "HTTP/1.1 200 OK\r\n\r\n" + std::string(20000, ' ') + "ready",
     false},
};

TEST(HttpReply, FindsTheExpectedTextInTheBody) {
  config::HttpCheck check;
  check.expect.body = "ready";
  for (const bool negate : {false, true}) {
    check.expect.negate = negate;
    for (const auto& body : kBodies) {
      for (const std::size_t chunk : {1, 3, 1000000}) {
        const auto result = judge_in_chunks(body.bytes, chunk, check);
        EXPECT_EQ(result.status == CheckStatus::L7Ok, body.found != negate)
            << body.what << (negate ? ", negated" : "") << ", by " << chunk;
      }
    }
  }
}

}  // namespace
}  // namespace carpool
