#include "controlplane/health/dialogue.h"

#include <algorithm>

namespace carpool {

DialogueStep Dialogue::receive(std::string_view bytes) {
  reply_.append(bytes.substr(0, kMaxReplyBytes - reply_.size()));
  if (reply_.empty()) return {};
  return judge(reply_.size() == kMaxReplyBytes);
}

DialogueStep Dialogue::judge(bool complete) {
  const auto assessment = exchanges_[current_].judge(reply_, complete);
  if (const auto* result = std::get_if<CheckResult>(&assessment))
    return {.send = {}, .result = *result};
  if (!std::holds_alternative<GoOn>(assessment)) return {};
  reply_.clear();
  return {.send = exchanges_[++current_].say};
}

CheckResult Dialogue::closed(std::string_view reason) {
  const auto& exchange = exchanges_[current_];
  if (reply_.empty() && !reason.empty()) {
    return {.status = CheckStatus::SocketError, .text = printable(reason)};
  }
  if (!reply_.empty()) {
    if (const auto step = judge(true); step.result) return *step.result;
    // The reply was good, but what is to be said next finds nobody.
    return {.status = CheckStatus::SocketError, .text = "Broken pipe"};
  }
  return {.status = exchange.if_empty,
          .text = "TCPCHK got an empty response at step " + std::to_string(exchange.step)};
}

}  // namespace carpool
