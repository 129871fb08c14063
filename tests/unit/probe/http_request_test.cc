#include "tools/probe/http_request.h"

#include <gtest/gtest.h>

namespace carpool::probe {
namespace {

using enum RequestState;

RequestState state_of(std::string_view bytes) {
  HttpRequest request;
  return request.feed(bytes);
}

TEST(HttpRequest, WhatChecksSend) {
  for (const std::string_view text : {"OPTIONS / HTTP/1.0\r\n\r\n",  // HAProxy's default
                                      "GET / HTTP/1.1\r\nHost: db1:9200\r\nUser-Agent: x\r\n\r\n",
                                      "HEAD /any?thing HTTP/1.1\r\n\r\n", "GET / HTTP/1.0\n\n",
                                      "GET / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi"}) {
    EXPECT_EQ(state_of(text), Complete) << text;
  }
}

TEST(HttpRequest, VersionAndMethodShapeTheAnswer) {
  HttpRequest old, head;
  ASSERT_EQ(old.feed("GET / HTTP/1.0\r\n\r\n"), Complete);
  EXPECT_EQ(old.version(), "HTTP/1.0");
  EXPECT_TRUE(old.wants_body());
  ASSERT_EQ(head.feed("HEAD / HTTP/1.1\r\n\r\n"), Complete);
  EXPECT_EQ(head.version(), "HTTP/1.1");
  EXPECT_FALSE(head.wants_body());
}

TEST(HttpRequest, OtherMethodsAreNotAllowed) {
  for (const std::string_view method : {"POST", "PUT", "DELETE", "CONNECT", "get", "BREW"}) {
    EXPECT_EQ(state_of(std::string(method) + " / HTTP/1.1\r\n\r\n"), NotAllowed) << method;
  }
}

TEST(HttpRequest, WhatIsNoRequest) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {"\x16\x03\x01\x02\x00"sv, "\r\n"sv, "GET\r\n"sv, "GET /\r\n\r\n"sv, "GET  HTTP/1.1\r\n"sv,
        "GET / HTTP/2.0\r\n"sv, "GET / HTTP/1.11\r\n"sv, " / HTTP/1.1\r\n"sv,
        "GET / a HTTP/1.1\r\n"sv, "PRI * HTTP/2.0\r\n\r\n"sv, "\0\0\0\0"sv}) {
    EXPECT_EQ(state_of(text), Malformed) << text;
  }
}

TEST(HttpRequest, AByteAtATimeIsTheSame) {
  for (const std::string_view text : {"GET / HTTP/1.1\r\nA: b\r\n\r\n", "GET / HTTP/1.0\nA: b\n\n",
                                      "POST / HTTP/1.1\r\n\r\n", "GET /\r\n\r\n"}) {
    HttpRequest request;
    for (const char byte : text)
      (void)request.feed({&byte, 1});
    EXPECT_EQ(request.state(), state_of(text)) << text;
  }
}

TEST(HttpRequest, WithoutItsEndItIsIncomplete) {
  for (const std::string_view text :
       {"", "G", "GET / HTTP/1.1", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA: b\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n\r"}) {
    EXPECT_EQ(state_of(text), Incomplete) << text;
  }
  EXPECT_TRUE(HttpRequest().empty());
}

TEST(HttpRequest, BoundedInLength) {
  const std::string line = "GET / HTTP/1.1\r\n";
  const std::string most = line + std::string(kMaxRequest - line.size() - 4, 'a') + "\r\n\r\n";
  EXPECT_EQ(state_of(most), Complete);
  EXPECT_EQ(state_of(line + "a" + most.substr(line.size())), TooLarge);
  HttpRequest dripping;
  for (std::size_t i = 0; i <= kMaxRequest; ++i)
    (void)dripping.feed("a");
  EXPECT_EQ(dripping.state(), TooLarge);
}

}  // namespace
}  // namespace carpool::probe
