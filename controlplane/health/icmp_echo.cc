#include "controlplane/health/icmp_echo.h"

#include "dataplane/net/checksum.h"

namespace carpool {
namespace {

constexpr char kEchoReply = 0;
constexpr char kEchoRequest = 8;
constexpr std::size_t kHeaderBytes = 8;  // type, code, checksum, identifier, sequence number
constexpr std::size_t kChecksumAt = 2;

}  // namespace

std::string echo_request(std::uint16_t identifier, std::string_view token) {
  std::string message{kEchoRequest,
                      0,
                      0,
                      0,
                      static_cast<char>(identifier >> 8),
                      static_cast<char>(identifier & 0xff),
                      0,
                      1};
  message += token;
  const auto checksum =
      internet_checksum({reinterpret_cast<const std::uint8_t*>(message.data()), message.size()});
  const auto raw = checksum.raw();
  std::memcpy(message.data() + kChecksumAt, &raw, sizeof raw);
  return message;
}

bool is_echo_reply(std::string_view message, std::string_view token) {
  return message.size() >= kHeaderBytes && message[0] == kEchoReply && message[1] == 0 &&
         message.substr(kHeaderBytes) == token;
}

std::string_view without_ip_header(std::string_view packet) {
  if (packet.empty()) return {};
  const std::size_t header = (static_cast<std::uint8_t>(packet[0]) & 0xf) * std::size_t{4};
  return header < packet.size() ? packet.substr(header) : std::string_view{};
}

}  // namespace carpool
