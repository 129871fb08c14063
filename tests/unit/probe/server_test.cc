// The daemon as its clients meet it, over loopback.
#include "tools/probe/server.h"

#include <array>
#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "tools/probe/stream.h"

namespace carpool::probe {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 20s;

class Daemon {
 public:
  explicit Daemon(ServerSettings settings) : settings_(std::move(settings)) {
    std::vector<Listener> listeners;
    for (const auto protocol : {Protocol::Http, Protocol::Agent}) {
      auto listener = listen_on({"127.0.0.1", 0}, protocol);
      if (!listener) throw std::runtime_error(listener.error().message);
      (protocol == Protocol::Http ? http_port_ : agent_port_) = port_of(listener->fd.get());
      listeners.push_back(std::move(*listener));
    }
    thread_ = std::thread([this, moved = std::move(listeners)]() mutable {
      serve(settings_, std::move(moved), stop_.get());
    });
  }
  ~Daemon() {
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  [[nodiscard]] Stream connect(Protocol protocol = Protocol::Http) const {
    auto stream =
        Stream::connect_tcp({"127.0.0.1", protocol == Protocol::Http ? http_port_ : agent_port_},
                            monotonic_now() + kPatience);
    if (!stream) throw std::runtime_error(stream.error().message);
    return std::move(*stream);
  }
  [[nodiscard]] std::string ask(std::string_view request = "GET / HTTP/1.1\r\n\r\n") const {
    return answer(connect(), request);
  }
  [[nodiscard]] std::string ask_agent() const { return answer(connect(Protocol::Agent), ""); }

  // All until the daemon closes; with what went wrong at the end if it did not do that in order.
  static std::string answer(Stream stream, std::string_view request) {
    const auto deadline = monotonic_now() + kPatience;
    if (!request.empty()) (void)stream.write_all(request, deadline);
    std::string text;
    std::array<char, 1024> buffer;
    for (;;) {
      const auto size = stream.read_some(buffer, deadline);
      if (!size) return text + "<" + size.error().message + ">";
      if (*size == 0) return text;
      text.append(buffer.data(), *size);
    }
  }

 private:
  static std::uint16_t port_of(int fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

  ServerSettings settings_;
  Fd stop_{::eventfd(0, EFD_CLOEXEC)};
  std::uint16_t http_port_ = 0;
  std::uint16_t agent_port_ = 0;
  std::thread thread_;
};

ServerSettings settings(Check check) {
  return {.check = std::move(check), .timeout = 5s, .cache = 500ms};
}

TEST(Daemon, AnswersByHttpAndAsAgent) {
  auto with_weight = settings([](Instant) { return up("fine"); });
  with_weight.weight = 80;
  const Daemon daemon(with_weight);
  const auto answer = daemon.ask();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nfine\n")) << answer;
  EXPECT_EQ(daemon.ask_agent(), "up 80%\n");
}

TEST(Daemon, AStormOfQuestionsIsOneCheck) {
  std::atomic<int> checks = 0;
  auto once = settings([&](Instant) {
    ++checks;
    std::this_thread::sleep_for(200ms);
    return down("dead");
  });
  once.cache = 1min;
  const Daemon daemon(once);
  std::vector<std::thread> clients;
  std::atomic<int> told = 0;
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back([&] { told += daemon.ask().starts_with("HTTP/1.1 503 ") ? 1 : 0; });
  }
  for (std::thread& client : clients)
    client.join();
  EXPECT_EQ(told, 50);
  EXPECT_EQ(checks, 1);
}

TEST(Daemon, AnswersInTimeWhileACheckHangs) {
  auto released = std::make_shared<std::atomic<bool>>(false);
  auto hanging = settings([released](Instant) {
    while (!*released)
      std::this_thread::sleep_for(5ms);
    return up("back");
  });
  hanging.timeout = 100ms;
  hanging.cache = 0ms;
  const Daemon daemon(hanging);
  for (int i = 0; i < 2; ++i) {
    const auto answer = daemon.ask();
    EXPECT_NE(answer.find(kHangs), std::string::npos) << answer;
  }
  *released = true;
  const auto deadline = monotonic_now() + kPatience;
  while (!daemon.ask().starts_with("HTTP/1.1 200 ")) {
    ASSERT_LT(monotonic_now(), deadline);
  }
}

TEST(Daemon, DownFileHoldsFromTheNextAnswerOn) {
  const auto path = std::filesystem::path(testing::TempDir()) / "carpool-daemon-down";
  std::filesystem::remove(path);
  auto with_file = settings([](Instant) { return up("fine"); });
  with_file.down_file = path;
  const Daemon daemon(with_file);
  EXPECT_EQ(daemon.ask_agent(), "up 100%\n");
  std::ofstream(path) << "drain upgrade\n";
  EXPECT_EQ(daemon.ask_agent(), "drain #upgrade\n");
  EXPECT_TRUE(daemon.ask().starts_with("HTTP/1.1 503 Service Unavailable: upgrade\r\n"));
  std::filesystem::remove(path);
  EXPECT_EQ(daemon.ask_agent(), "ready up 100%\n") << "HAProxy must hear that draining is over";
  EXPECT_TRUE(daemon.ask().starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST(Daemon, RefusesWhatAsksNothing) {
  const Daemon daemon(settings([](Instant) { return up("fine"); }));
  EXPECT_TRUE(daemon.ask("DELETE / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(daemon.ask("EHLO me\r\n").starts_with("HTTP/1.0 400 "));
  const auto answer = daemon.ask("GET / HTTP/1.1\r\n" + std::string(100'000, 'x'));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 431 ")) << answer.substr(0, 100);
}

TEST(Daemon, TheBodyOfARequestDoesNotCostItsAnswer) {
  const Daemon daemon(settings([](Instant) { return up("fine"); }));
  const auto answer =
      daemon.ask("GET / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'x'));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\nfine\n")) << answer;
}

TEST(Daemon, SlowClientsAreBoundedAndKeepNobodyWaiting) {
  const Daemon daemon(settings([](Instant) { return up("fine"); }));
  const auto begin = monotonic_now();
  auto silent = daemon.connect();
  auto slow = daemon.connect();
  ASSERT_TRUE(slow.write_all("GET / HT", monotonic_now() + kPatience));
  EXPECT_TRUE(daemon.ask().starts_with("HTTP/1.1 200 "));
  EXPECT_LT(monotonic_now() - begin, kRequestTime) << "one that asks is answered at once";
  EXPECT_TRUE(Daemon::answer(std::move(silent), "").starts_with("HTTP/1.0 200 "));
  EXPECT_TRUE(Daemon::answer(std::move(slow), "").starts_with("HTTP/1.0 408 "));
}

TEST(Daemon, MoreClientsThanItHasRoomForDoNotShutANewOneOut) {
  const Daemon daemon(settings([](Instant) { return up("fine"); }));
  std::vector<Stream> idle;
  for (std::size_t i = 0; i < kMaxClients + 20; ++i)
    idle.push_back(daemon.connect());
  EXPECT_TRUE(daemon.ask().starts_with("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace carpool::probe
