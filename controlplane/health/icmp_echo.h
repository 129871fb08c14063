// ICMP echo (RFC 792): the request, and which datagram is its reply. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace carpool {

// A reply gives the request's data back, so a token of random bytes there tells our reply from
// those to others, whatever becomes of the identifier on the way.
[[nodiscard]] std::string echo_request(std::uint16_t identifier, std::string_view token);
[[nodiscard]] bool is_echo_reply(std::string_view message, std::string_view token);

// What a raw socket gives begins with the IPv4 header. Empty where there is no more than that.
[[nodiscard]] std::string_view without_ip_header(std::string_view packet);

}  // namespace carpool
