// Feeds a datagram to the judge of DNS replies. The first two bytes are the id that was asked with,
// so that a seed can be a reply to it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "controlplane/health/dns_message.h"
#include "controlplane/health/icmp_echo.h"

namespace {

using namespace carpool;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto id = static_cast<std::uint16_t>(data[0] << 8 | data[1]);
  const std::string_view reply(reinterpret_cast<const char*>(data) + 2, size - 2);
  for (const auto* name : {"", "example.com"}) {
    const auto judged = judge_dns_reply({.name = name, .type_name = "A"}, id, reply);
    require(!judged || verdict(judged->status) != CheckVerdict::Neutral);
    require(!judged || judged->text.size() <= kMaxCheckText);
  }
  // An echo reply is either ours to the last byte or none.
  const auto message = without_ip_header(reply);
  require(!is_echo_reply(message, "token") || message.ends_with("token"));
  return 0;
}
