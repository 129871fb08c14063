#include "tools/probe/inetd.h"

#include <array>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/probe/fd.h"

namespace carpool::probe {
namespace {

// What a client gets that sends this and then only reads.
std::string exchange(std::string_view request, bool half_close = false) {
  std::array<int, 2> ends;
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const Fd client(ends[0]);
  std::thread server([fd = ends[1]] {
    const Fd ours(fd);
    answer_once(ours.get(), ours.get(), [] { return down("read_only is ON"); });
  });
  EXPECT_EQ(::send(client.get(), request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));
  if (half_close) ::shutdown(client.get(), SHUT_WR);
  std::string answer;
  std::array<char, 1024> buffer;
  ssize_t size = 0;
  while ((size = ::read(client.get(), buffer.data(), buffer.size())) > 0)
    answer.append(buffer.data(), static_cast<std::size_t>(size));
  EXPECT_EQ(size, 0) << "the connection ends in order";
  ::shutdown(client.get(), SHUT_RDWR);
  server.join();
  return answer;
}

TEST(Inetd, AnswersOneRequest) {
  const auto answer = exchange("OPTIONS / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.0 503 Service Unavailable: read_only is ON\r\n"))
      << answer;
}

TEST(Inetd, AnswersWhoSaysNothing) {
  EXPECT_TRUE(exchange("").starts_with("HTTP/1.0 503 "));
  EXPECT_TRUE(exchange("", true).starts_with("HTTP/1.0 503 "));
}

TEST(Inetd, RefusesWhatAsksNothing) {
  EXPECT_TRUE(exchange("DELETE / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(exchange("EHLO me\r\n").starts_with("HTTP/1.0 400 "));
  EXPECT_TRUE(exchange("GET / HTTP/1.1\r\n").starts_with("HTTP/1.1 408 "));
}

}  // namespace
}  // namespace carpool::probe
