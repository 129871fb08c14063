// What an agent on a server says, by HAProxy's protocol: one line of words in any order, ended by
// CR or LF. "up 75%", "drain", "down #disk full", "ready up maxconn:30". Words that are not said
// change nothing; of two of a kind the last one counts. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/health/admin_state.h"

namespace carpool {

// A line is judged by its first bytes, as many as HAProxy's buffer holds; beyond them there is no
// end to it.
inline constexpr std::size_t kMaxAgentLine = 16384;

enum class AgentHealth : std::uint8_t { Up, Down, Stopped, Fail };  // all but Up mean down

struct AgentReply {
  std::optional<AgentHealth> health{};
  std::optional<AdminMode> mode{};
  std::optional<WeightOverride> weight{};
  std::optional<std::uint32_t> maxconn{};
  // For people, as HAProxy words it: "via agent : down (disk full)". Printable and bounded.
  std::string text{};

  friend bool operator==(const AgentReply&, const AgentReply&) = default;
};

// The whole line, without its end.
[[nodiscard]] AgentReply parse_agent_line(std::string_view line);

// Collects the line from chunks of any size.
class AgentLine {
 public:
  // The line as soon as it has ended; no more bytes need be fed then.
  [[nodiscard]] std::optional<std::string_view> feed(std::string_view bytes);
  // It cannot end any more.
  [[nodiscard]] bool overflowed() const { return line_.size() >= kMaxAgentLine; }

 private:
  std::string line_;
};

}  // namespace carpool
