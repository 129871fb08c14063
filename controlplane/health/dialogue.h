// A check that is a short talk over TCP: we say something, the server replies, the reply is judged,
// and so on. What the protocols of HAProxy's checks have in common, with its rules of when a reply
// is complete. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/health/check_result.h"

namespace carpool {

// More of a reply is not looked at; HAProxy's buffer size.
inline constexpr std::size_t kMaxReplyBytes = 16384;

struct WaitForMore {};
struct GoOn {};
using Assessment = std::variant<WaitForMore, GoOn, CheckResult>;

// One thing said and the judge of its reply. `complete`: nothing can follow what has arrived, and
// waiting is no answer then. Never called without bytes.
struct Exchange {
  std::string say;  // may be empty: the server speaks first
  Assessment (*judge)(std::string_view reply, bool complete) = nullptr;
  int step = 2;  // its number in HAProxy's rules, which is part of a message
  CheckStatus if_empty = CheckStatus::L7Response;
};

struct DialogueStep {
  std::string send;
  std::optional<CheckResult> result{};  // `took` is left to the caller
};

class Dialogue {
 public:
  // At least one exchange; the last judge does not say GoOn.
  explicit Dialogue(std::vector<Exchange> exchanges) : exchanges_(std::move(exchanges)) {}

  // What to say once connected.
  [[nodiscard]] std::string begin() const { return exchanges_.front().say; }
  // Bytes from the server, in chunks of any size. As in HAProxy, what is there of a reply is
  // forgotten when the next thing is said.
  [[nodiscard]] DialogueStep receive(std::string_view bytes);
  // The server closed the connection, or it broke for this reason.
  [[nodiscard]] CheckResult closed(std::string_view reason);

 private:
  [[nodiscard]] DialogueStep judge(bool complete);

  std::vector<Exchange> exchanges_;
  std::size_t current_ = 0;
  std::string reply_;
};

}  // namespace carpool
