#include "tools/probe/http_check.h"

#include <gtest/gtest.h>

namespace carpool::probe {
namespace {

TEST(HttpUrl, Parts) {
  EXPECT_EQ(*parse_http_url("http://127.0.0.1:8080/health?deep=1"),
            (HttpTarget{{"127.0.0.1", 8080}, "127.0.0.1:8080", "/health?deep=1", false}));
  EXPECT_EQ(*parse_http_url("http://app"), (HttpTarget{{"app", 80}, "app", "/", false}));
  EXPECT_EQ(*parse_http_url("https://app?x"), (HttpTarget{{"app", 443}, "app", "/?x", true}));
  EXPECT_EQ(*parse_http_url("http://[::1]/"), (HttpTarget{{"::1", 80}, "[::1]", "/", false}));
  EXPECT_EQ(*parse_http_url("http://[::1]:81/"), (HttpTarget{{"::1", 81}, "[::1]:81", "/", false}));
}

TEST(HttpUrl, Refused) {
  for (const char* url :
       {"", "app/health", "ftp://app/", "http://", "http://app:0/", "http://app:99999/",
        "http://me:secret@app/", "http://a b/", "http://app/\r\nX: y"}) {
    EXPECT_FALSE(parse_http_url(url)) << url;
  }
}

TEST(HttpReply, StatusDecides) {
  EXPECT_EQ(judge_http_reply("HTTP/1.1 200 OK\r\n"), up("the service answers 200 OK"));
  EXPECT_EQ(judge_http_reply("HTTP/1.0 302\r\n"), up("the service answers 302"));
  EXPECT_EQ(judge_http_reply("HTTP/1.1 503 Busy\r\n"), down("the service answers 503 Busy"));
  EXPECT_EQ(judge_http_reply("HTTP/1.1 404 Gone"), down("the service answers 404 Gone"));
}

TEST(HttpReply, WhatIsNone) {
  for (const char* reply :
       {"", "SSH-2.0-OpenSSH", "HTTP/1.1", "HTTP/1.1 2", "HTTP/1.1 20x OK", "HTTP/1.1 2000"}) {
    EXPECT_EQ(judge_http_reply(reply).state, State::Down) << reply;
  }
}

TEST(HostPort, Parts) {
  EXPECT_EQ(*parse_host_port("db1:3306"), (HostPort{"db1", 3306}));
  EXPECT_EQ(*parse_host_port("[::1]:3306"), (HostPort{"::1", 3306}));
  for (const char* text : {"", "db1", "db1:", ":3306", "db1:0", "db1:65536", "::1:3306", "[db1]:1"})
    EXPECT_FALSE(parse_host_port(text)) << text;
}

}  // namespace
}  // namespace carpool::probe
