#include "tools/probe/listeners.h"

#include <cstdlib>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace carpool::probe {
namespace {

TEST(ListenAddress, Forms) {
  EXPECT_EQ(*parse_listen_address("9200"), (ListenAddress{"", 9200}));
  EXPECT_EQ(*parse_listen_address("*:9200"), (ListenAddress{"", 9200}));
  EXPECT_EQ(*parse_listen_address("10.0.0.11:9200"), (ListenAddress{"10.0.0.11", 9200}));
  EXPECT_EQ(*parse_listen_address("[::1]:9200"), (ListenAddress{"::1", 9200}));
  for (const char* text : {"", "0", "65536", "*", "*:", "db1", "::1:9200"})
    EXPECT_FALSE(parse_listen_address(text)) << text;
}

TEST(Listen, ABusyPortIsSaid) {
  const auto first = listen_on({"127.0.0.1", 0}, Protocol::Http);
  ASSERT_TRUE(first) << first.error().message;
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(first->fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto port = ntohs(address.sin_port);
  const auto second = listen_on({"127.0.0.1", port}, Protocol::Http);
  ASSERT_FALSE(second);
  const auto beginning = "cannot listen on 127.0.0.1:" + std::to_string(port) + ": ";
  EXPECT_TRUE(second.error().message.starts_with(beginning)) << second.error().message;
}

class Inherited : public testing::Test {
 protected:
  void set(const std::string& pid, const char* fds) {
    ::setenv("LISTEN_PID", pid.c_str(), 1);
    ::setenv("LISTEN_FDS", fds, 1);
  }
};

TEST_F(Inherited, NothingWithoutSystemd) {
  const auto listeners = inherited_listeners();
  ASSERT_TRUE(listeners);
  EXPECT_TRUE(listeners->empty());
}

TEST_F(Inherited, WhatIsForAnotherProcessIsLeftAlone) {
  set("1", "1");
  const auto listeners = inherited_listeners();
  ASSERT_TRUE(listeners);
  EXPECT_TRUE(listeners->empty());
  EXPECT_EQ(std::getenv("LISTEN_PID"), nullptr) << "children must not take them for theirs";
}

TEST_F(Inherited, NonsenseIsRefused) {
  for (const char* fds : {"", "-1", "x", "1000"}) {
    set(std::to_string(::getpid()), fds);
    EXPECT_FALSE(inherited_listeners()) << fds;
  }
}

}  // namespace
}  // namespace carpool::probe
