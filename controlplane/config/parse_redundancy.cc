// The `redundancy` section: a group of addresses that moves between the nodes as one.
#include <fmt/format.h>

#include "controlplane/config/sections.h"

namespace carpool::config {
namespace {

void parse_protocol(RedundancyGroup& group, Statement& statement) {
  const Word* word = statement.take("'carp'");
  if (word == nullptr) return;
  if (word->text.starts_with("vrrp")) {
    statement.skip_rest();
    return statement.error(word->at, "VRRP is not supported yet",
                           "use 'protocol carp' between carpools, FreeBSD, OpenBSD and UCarp");
  }
  if (word->text != "carp") {
    return statement.error(word->at, fmt::format("unknown redundancy protocol '{}'", word->text),
                           "it is 'carp'");
  }
  if (statement.end()) group.protocol = RedundancyProtocol::Carp;
}

void parse_vhid(RedundancyGroup& group, Statement& statement) {
  const auto number = statement.take_number("a number", 1, 255);
  if (number && statement.end()) group.vhid = static_cast<std::uint8_t>(*number);
}

void parse_port(RedundancyGroup& group, Statement& statement) {
  auto name = statement.take_name("the name of a port");
  if (name && statement.end()) group.port = std::move(*name);
}

void parse_pass(RedundancyGroup& group, Statement& statement) {
  const Word* word = statement.take("a password");
  if (word == nullptr || !statement.end()) return;
  if (word->text.size() > kMaxCarpPassLength) {
    return statement.error(
        word->at,
        fmt::format("the password has {} bytes, and CARP takes {}: the rest would not count",
                    word->text.size(), kMaxCarpPassLength),
        "shorten it; other implementations cut it off there, so the same beginning matches them");
  }
  group.password = word->text;
}

std::optional<VirtualAddress> parse_virtual_address(Statement& statement) {
  const Word* word = statement.take("an address and prefix length, as in 192.0.2.10/24");
  if (word == nullptr) return std::nullopt;
  VirtualAddress address;
  address.origin = word->at;
  if (word->text.find(':') != std::string::npos) {
    statement.error(word->at,
                    fmt::format("'{}' is an IPv6 address: only IPv4 is supported yet", word->text));
    return std::nullopt;
  }
  const auto prefix = parse_ipv4_prefix(word->text);
  if (!prefix) {
    statement.error(word->at, fmt::format("'{}' is not an address and prefix length", word->text),
                    "write it like 192.0.2.10/24, with the length of the network's prefix");
    return std::nullopt;
  }
  address.prefix = *prefix;
  if (statement.accept("port")) {
    statement.set_subject("port");
    auto port = statement.take_name("the name of a port");
    if (!port) return std::nullopt;
    address.port = std::move(*port);
  }
  if (!statement.end()) return std::nullopt;
  return address;
}

void parse_address_line(RedundancyGroup& group, Statement& statement) {
  if (auto address = parse_virtual_address(statement)) {
    group.addresses.push_back(std::move(*address));
  }
}

void parse_floating(RedundancyGroup& group, Statement& statement) {
  if (auto address = parse_virtual_address(statement)) {
    group.floating.push_back(std::move(*address));
  }
}

void parse_preempt(RedundancyGroup& group, Statement& statement) {
  Duration delay{};
  if (!statement.negated() && statement.accept("delay")) {
    statement.set_subject("delay");
    const auto time = statement.take_time("a time, as in 30s");
    if (!time) return;
    delay = *time;
  }
  if (!statement.end()) return;
  group.preempt = !statement.negated();
  group.preempt_delay = delay;
}

void parse_advbase(RedundancyGroup& group, Statement& statement) {
  const auto number = statement.take_number("a number of seconds", 1, kMaxAdvbase);
  if (number && statement.end()) group.advbase = static_cast<std::uint8_t>(*number);
}

void parse_advskew(RedundancyGroup& group, Statement& statement) {
  const auto number = statement.take_number("a number", 0, kMaxAdvskew);
  if (number && statement.end()) group.advskew = static_cast<std::uint8_t>(*number);
}

void parse_address_order(RedundancyGroup& group, Statement& statement) {
  const auto order = statement.take_choice({"sorted", "configured"});
  if (order && statement.end()) group.address_order = static_cast<AddressOrder>(*order);
}

void parse_mac(RedundancyGroup& group, Statement& statement) {
  const auto mac = statement.take_choice({"virtual", "own"});
  if (mac && statement.end()) group.mac = static_cast<GroupMac>(*mac);
}

void parse_track(RedundancyGroup& group, Statement& statement) {
  TrackBackend track;
  track.origin = statement.at();
  if (!statement.take_choice({"backend"})) return;
  auto name = statement.take_name("the name of a backend");
  if (!name) return;
  track.backend = std::move(*name);
  if (statement.accept("at-least")) {
    statement.set_subject("at-least");
    const auto number = statement.take_number("a number of servers", 1, kMaxServersPerBackend);
    if (!number) return;
    track.at_least = *number;
  }
  if (statement.end()) group.tracks.push_back(std::move(track));
}

void parse_fast_hello(RedundancyGroup& group, Statement& statement) {
  const auto time = statement.take_time("a time, as in 10ms");
  if (!time || !statement.end()) return;
  if (*time < std::chrono::milliseconds(1) || *time > std::chrono::seconds(1)) {
    return statement.error(statement.at(), "'fast-hello' goes from 1ms to 1s");
  }
  group.fast_hello = *time;
  statement.report().warn(statement.at(), "'fast-hello' is not in effect yet",
                          "a takeover is detected after three times advbase until then");
}

// For people.
void parse_description(RedundancyGroup&, Statement& statement) {
  static_cast<void>(statement.take_text("a text"));
}

constexpr Handler<RedundancyGroup> kHandlers[] = {{"address", parse_address_line},
                                                  {"address-order", parse_address_order},
                                                  {"advbase", parse_advbase},
                                                  {"advskew", parse_advskew},
                                                  {"description", parse_description},
                                                  {"fast-hello", parse_fast_hello},
                                                  {"floating", parse_floating},
                                                  {"mac", parse_mac},
                                                  {"pass", parse_pass},
                                                  {"port", parse_port},
                                                  {"preempt", parse_preempt},
                                                  {"protocol", parse_protocol},
                                                  {"track", parse_track},
                                                  {"vhid", parse_vhid}};

}  // namespace

std::span<const Handler<RedundancyGroup>> redundancy_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
