// Runs a probe to its end against servers on the same event loop.
#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "controlplane/health/probe_chain.h"
#include "tests/unit/health/loopback_server.h"

namespace carpool::test {

inline constexpr ProbeTimeouts kAmple{.connect = std::chrono::seconds(10)};

class ProbeFixture : public testing::Test {
 protected:
  CheckResult run(boost::asio::awaitable<CheckResult> probe) {
    std::optional<CheckResult> result;
    boost::asio::co_spawn(io_, std::move(probe), [&](std::exception_ptr error, CheckResult found) {
      EXPECT_FALSE(error);
      result = std::move(found);
      io_.stop();
    });
    io_.restart();
    io_.run_for(std::chrono::seconds(20));
    EXPECT_TRUE(result) << "the probe did not end";
    return result.value_or(CheckResult{});
  }

  // A port of ours that nobody listens on.
  config::Endpoint refused() {
    tcp::acceptor closed(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    return {Ipv4Address::of(127, 0, 0, 1), closed.local_endpoint().port()};
  }

  static ProbeTarget to(const config::Endpoint& endpoint, ProbeTimeouts timeouts = kAmple) {
    return {.endpoint = endpoint, .timeouts = timeouts};
  }

  boost::asio::io_context io_;
};

}  // namespace carpool::test
