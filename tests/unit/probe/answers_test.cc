#include "tools/probe/answers.h"

#include <gtest/gtest.h>

namespace carpool::probe {
namespace {

HttpRequest request(std::string_view text) {
  HttpRequest request;
  (void)request.feed(text);
  return request;
}

TEST(HttpAnswer, UpIs200WithTheReasonAsBody) {
  EXPECT_EQ(http_answer(request("GET / HTTP/1.1\r\n\r\n"), up("writable")),
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: text/plain; charset=us-ascii\r\n"
            "Content-Length: 9\r\n"
            "Allow: GET, HEAD, OPTIONS\r\n"
            "Cache-Control: no-store\r\n"
            "Connection: close\r\n"
            "\r\n"
            "writable\n");
}

TEST(HttpAnswer, DownIs503WithTheReasonInTheStatusLineToo) {
  const auto text = http_answer(request("GET / HTTP/1.0\r\n\r\n"), down("read_only is ON"));
  EXPECT_TRUE(text.starts_with("HTTP/1.0 503 Service Unavailable: read_only is ON\r\n")) << text;
  EXPECT_TRUE(text.ends_with("\r\n\r\nread_only is ON\n")) << text;
}

TEST(HttpAnswer, AnOperatorsWordIs503) {
  const auto get = request("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(http_answer(get, {State::Drain, "tonight"}).starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(http_answer(get, {State::Maint, "tonight"}).starts_with("HTTP/1.1 503 "));
}

TEST(HttpAnswer, HeadHasTheLengthOfWhatItDoesNotGet) {
  const auto text = http_answer(request("HEAD / HTTP/1.1\r\n\r\n"), up("fine"));
  EXPECT_NE(text.find("Content-Length: 5\r\n"), text.npos);
  EXPECT_TRUE(text.ends_with("Connection: close\r\n\r\n")) << text;
}

TEST(HttpAnswer, AReasonCannotBreakTheHeaders) {
  const auto text = http_answer(request("GET / HTTP/1.1\r\n\r\n"), down("a\r\nSet-Cookie: b"));
  EXPECT_NE(text.find("503 Service Unavailable: a..Set-Cookie: b\r\n"), text.npos) << text;
}

TEST(HttpRefusal, SaysWhatIsWrong) {
  const auto status = [](std::string_view text) {
    return http_refusal(request(text)).substr(9, 3);
  };
  EXPECT_EQ(status("POST / HTTP/1.1\r\n\r\n"), "405");
  EXPECT_EQ(status("nonsense\r\n"), "400");
  EXPECT_EQ(status("GET / HTTP/1.1\r\n"), "408");
  EXPECT_EQ(status(std::string(kMaxRequest + 1, 'a')), "431");
}

TEST(AgentAnswer, OneLineOfHAProxysWords) {
  EXPECT_EQ(agent_answer(up("fine"), 80, false), "up 80%\n");
  EXPECT_EQ(agent_answer(down("read_only is ON"), 80, false), "down #read_only is ON\n");
  EXPECT_EQ(agent_answer({State::Drain, "tonight"}, 80, false), "drain #tonight\n");
  EXPECT_EQ(agent_answer({State::Maint, "disk"}, 80, false), "maint #disk\n");
}

TEST(AgentAnswer, ReadyEndsWhatAnOperatorBegan) {
  EXPECT_EQ(agent_answer(up("fine"), 100, true), "ready up 100%\n");
  EXPECT_EQ(agent_answer(down("dead"), 100, true), "ready down #dead\n");
}

}  // namespace
}  // namespace carpool::probe
