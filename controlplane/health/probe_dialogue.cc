#include "controlplane/health/probe_dialogue.h"

#include <array>

#include <boost/asio/this_coro.hpp>

namespace carpool {
namespace {

using boost::asio::awaitable;

// The result of a check that did not get its reply in time.
CheckResult as_timeout(CheckResult result, CheckStatus timeout) {
  if (result.status == CheckStatus::L7Timeout) result.status = timeout;
  return result;
}

}  // namespace

awaitable<CheckResult> probe_dialogue(Dialogue dialogue, ProbeTarget target,
                                      DialogueManners manners) {
  ProbeSocket socket(co_await boost::asio::this_coro::executor, target, manners.close_style);
  const auto connected = co_await socket.connect();
  if (!connected) co_return connected.error();
  DialogueStep step{.send = dialogue.begin()};
  std::array<char, 4096> buffer;
  for (;;) {
    if (!step.send.empty()) {
      // A server that has replied and gone meanwhile may have broken the connection: its reply is
      // still there to be read.
      const auto written = co_await socket.write(step.send);
      if (!written && written.error().status == CheckStatus::L7Timeout) {
        co_return as_timeout(written.error(), manners.timeout);
      }
    }
    const auto size = co_await socket.read(buffer);
    if (!size) co_return as_timeout(size.error(), manners.timeout);
    if (*size == 0) co_return socket.result(dialogue.closed(socket.end_reason()));
    step = dialogue.receive({buffer.data(), *size});
    if (step.result) co_return socket.result(*step.result);
  }
}

}  // namespace carpool
