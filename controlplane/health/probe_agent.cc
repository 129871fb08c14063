#include "controlplane/health/probe_agent.h"

#include <array>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "controlplane/health/probe_socket.h"

// In this file every co_await stands in a statement of its own: GCC 12 miscompiles some of those
// that are part of a condition, or of an expression with braced temporaries.

namespace carpool {
namespace {

// Nothing is known of the server's health then: the status stays what it was.
AgentAnswer unreadable(const ProbeSocket& socket) {
  return {socket.result(CheckStatus::Unknown, "Ignoring incomplete line from agent"), std::nullopt};
}

}  // namespace

boost::asio::awaitable<AgentAnswer> probe_agent(std::string send, config::Endpoint target,
                                                ProbeTimeouts timeouts) {
  const auto executor = co_await boost::asio::this_coro::executor;
  ProbeTarget plain;
  plain.endpoint = std::move(target);
  plain.timeouts = timeouts;
  ProbeSocket socket(executor, std::move(plain), CloseStyle::Polite);
  const auto connected = co_await socket.connect();
  if (!connected) co_return AgentAnswer{connected.error(), std::nullopt};
  if (!send.empty()) {
    const auto written = co_await socket.write(send);
    // One that does not read may have answered and gone before: its answer is still there.
    if (!written && written.error().status == CheckStatus::L7Timeout) {
      co_return AgentAnswer{written.error(), std::nullopt};
    }
  }
  AgentLine line;
  std::array<char, 1024> buffer;
  while (!line.overflowed()) {
    const auto size = co_await socket.read(buffer);
    if (!size) co_return AgentAnswer{size.error(), std::nullopt};
    if (*size == 0) break;
    if (const auto whole = line.feed({buffer.data(), *size})) {
      auto answer = judge_agent(parse_agent_line(*whole));
      answer.result = socket.result(std::move(answer.result));
      co_return answer;
    }
  }
  co_return unreadable(socket);
}

}  // namespace carpool
