// Feeds an agent's answer whole and in chunks. The first byte is the size of the chunks.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/health/agent_reply.h"
#include "controlplane/health/check_result.h"

namespace {

using namespace carpool;

std::optional<std::string> line_of(std::string_view answer, std::size_t chunk) {
  AgentLine line;
  while (!answer.empty() && !line.overflowed()) {
    const auto part = answer.substr(0, chunk);
    if (const auto whole = line.feed(part)) return std::string(*whole);
    answer.remove_prefix(part.size());
  }
  return std::nullopt;
}

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t chunk = std::max<std::size_t>(data[0], 1);
  const std::string_view answer(reinterpret_cast<const char*>(data) + 1, size - 1);

  const auto whole = line_of(answer, answer.size() + 1);
  const auto cut = line_of(answer, chunk);
  require(whole == cut);
  if (!whole) return 0;
  require(whole->find_first_of("\r\n") == whole->npos && whole->size() < kMaxAgentLine);
  const AgentReply reply = parse_agent_line(*whole);
  require(reply.text.size() <= kMaxCheckText && reply.text == printable(reply.text));
  require(!reply.weight || reply.weight->percent);
  // Words between blanks mean the same however the blanks are written.
  std::string tabs = *whole;
  std::ranges::replace(tabs, ' ', '\t');
  const AgentReply same = parse_agent_line(tabs);
  require(same.health == reply.health && same.mode == reply.mode && same.weight == reply.weight &&
          same.maxconn == reply.maxconn);
  return 0;
}
