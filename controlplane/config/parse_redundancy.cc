// The `redundancy` section: a group of addresses that moves between the nodes as one. Which keyword
// is for which protocol is checked when the whole section is known; see settle_redundancy.cc.
#include <algorithm>

#include <fmt/format.h>

#include "controlplane/config/sections.h"

namespace carpool::config {
namespace {

void parse_protocol(RedundancyDraft& draft, Statement& statement) {
  const auto protocol = statement.take_choice({"carp", "vrrp"});
  if (!protocol) return;
  if (*protocol == 0) {
    if (statement.end()) draft.group.protocol = RedundancyProtocol::Carp;
    return;
  }
  statement.set_subject("vrrp");
  const auto version = statement.take_number("a version, 2 or 3", 2, 3);
  if (!version || !statement.end()) return;
  draft.group.protocol = *version == 2 ? RedundancyProtocol::Vrrp2 : RedundancyProtocol::Vrrp3;
}

void parse_id(RedundancyDraft& draft, Statement& statement) {
  const auto number = statement.take_number("a number", 1, 255);
  if (number && statement.end()) draft.group.vhid = static_cast<std::uint8_t>(*number);
}

void parse_port(RedundancyDraft& draft, Statement& statement) {
  auto name = statement.take_name("the name of a port");
  if (name && statement.end()) draft.group.port = std::move(*name);
}

void parse_pass(RedundancyDraft& draft, Statement& statement) {
  const Word* word = statement.take("a password");
  if (word != nullptr && statement.end()) draft.group.password = word->text;
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

void parse_address_line(RedundancyDraft& draft, Statement& statement) {
  if (auto address = parse_virtual_address(statement)) {
    draft.group.addresses.push_back(std::move(*address));
  }
}

void parse_floating(RedundancyDraft& draft, Statement& statement) {
  if (auto address = parse_virtual_address(statement)) {
    draft.group.floating.push_back(std::move(*address));
  }
}

void parse_preempt(RedundancyDraft& draft, Statement& statement) {
  Duration delay{};
  if (!statement.negated() && statement.accept("delay")) {
    statement.set_subject("delay");
    const auto time = statement.take_time("a time, as in 30s");
    if (!time) return;
    delay = *time;
  }
  if (!statement.end()) return;
  draft.preempt = !statement.negated();
  draft.group.preempt_delay = delay;
}

void parse_advbase(RedundancyDraft& draft, Statement& statement) {
  const auto number = statement.take_number("a number of seconds", 1, kMaxAdvbase);
  if (number && statement.end()) draft.group.advbase = static_cast<std::uint8_t>(*number);
}

void parse_advskew(RedundancyDraft& draft, Statement& statement) {
  const auto number = statement.take_number("a number", 0, kMaxAdvskew);
  if (number && statement.end()) draft.group.advskew = static_cast<std::uint8_t>(*number);
}

void parse_address_order(RedundancyDraft& draft, Statement& statement) {
  const auto order = statement.take_choice({"sorted", "configured"});
  if (order && statement.end()) draft.group.address_order = static_cast<AddressOrder>(*order);
}

void parse_mac(RedundancyDraft& draft, Statement& statement) {
  const auto mac = statement.take_choice({"virtual", "own"});
  if (mac && statement.end()) draft.group.mac = static_cast<GroupMac>(*mac);
}

void parse_sync_group(RedundancyDraft& draft, Statement& statement) {
  auto name = statement.take_name("a name");
  if (name && statement.end()) draft.group.sync_group = std::move(*name);
}

// `fast-hello TIME [count N]`
void parse_fast_hello(RedundancyDraft& draft, Statement& statement) {
  const auto time = statement.take_time("a time, as in 10ms");
  if (!time) return;
  std::optional<std::uint32_t> count = draft.group.fast_hello_count;
  if (statement.accept("count")) {
    statement.set_subject("count");
    count = statement.take_number("a number", kMinFastHelloCount, kMaxFastHelloCount);
  }
  if (!count || !statement.end()) return;
  if (*time < kFastHelloStep || *time > kMaxFastHello ||
      *time % kFastHelloStep != Duration::zero()) {
    return statement.error(statement.at(), "'fast-hello' is in steps of 10ms, from 10ms to 1s");
  }
  draft.group.fast_hello = *time;
  draft.group.fast_hello_count = static_cast<std::uint8_t>(*count);
}

// ---- VRRP --------------------------------------------------------------------------------------

void parse_priority(RedundancyDraft& draft, Statement& statement) {
  const auto number = statement.take_number("a number", 1, kMaxVrrpPriority);
  if (number && statement.end()) draft.group.vrrp.priority = static_cast<std::uint8_t>(*number);
}

void parse_advert_interval(RedundancyDraft& draft, Statement& statement) {
  const auto time = statement.take_time("a time, as in 1s or 100ms");
  if (time && statement.end()) draft.group.vrrp.interval = *time;
}

void parse_startup_delay(RedundancyDraft& draft, Statement& statement) {
  const auto time = statement.take_time("a time, as in 10s");
  if (time && statement.end()) draft.group.vrrp.startup_delay = *time;
}

// `unicast peer ADDRESS ... [min-ttl N]`, once or several times.
void parse_unicast(RedundancyDraft& draft, Statement& statement) {
  VrrpOptions& vrrp = draft.group.vrrp;
  if (!statement.take_choice({"peer"})) return;
  statement.set_subject("peer");
  do {
    const Word* word = statement.take("an address");
    if (word == nullptr) return;
    const auto address = parse_ipv4(word->text);
    if (!address) {
      return statement.error(word->at, fmt::format("'{}' is not an IPv4 address", word->text));
    }
    if (auto reason = why_not_a_host(*address)) {
      return statement.error(word->at, std::move(*reason));
    }
    if (std::ranges::find(vrrp.unicast_peers, *address) != vrrp.unicast_peers.end()) {
      return statement.error(word->at, fmt::format("peer {} stands twice", word->text));
    }
    if (vrrp.unicast_peers.size() == kMaxUnicastPeers) {
      return statement.error(word->at, fmt::format("more than {} peers", kMaxUnicastPeers));
    }
    vrrp.unicast_peers.push_back(*address);
  } while (statement.more() && statement.peek().text != "min-ttl");
  if (statement.accept("min-ttl")) {
    statement.set_subject("min-ttl");
    const auto number = statement.take_number("a number", 0, 255);
    if (!number) return;
    vrrp.min_ttl = static_cast<std::uint8_t>(*number);
  }
  static_cast<void>(statement.end());
}

// `garp [count N] [delay TIME] [refresh TIME] [refresh-count N]`
void parse_garp(RedundancyDraft& draft, Statement& statement) {
  constexpr std::uint32_t kMaxCount = 60;
  GarpPlan plan;
  if (!statement.more()) return static_cast<void>(statement.take("a parameter, as in 'count 5'"));
  while (statement.more()) {
    statement.set_subject("garp");
    const auto parameter = statement.take_choice({"count", "delay", "refresh", "refresh-count"});
    if (!parameter) return;
    const bool is_count = *parameter == 0 || *parameter == 3;
    if (is_count) {
      const auto number = statement.take_number("a number", 1, kMaxCount);
      if (!number) return;
      (*parameter == 0 ? plan.count : plan.refresh_count) = static_cast<std::uint8_t>(*number);
    } else {
      const auto time = statement.take_time("a time, as in 5s");
      if (!time) return;
      (*parameter == 1 ? plan.delay : plan.refresh) = *time;
    }
  }
  draft.group.vrrp.garp = plan;
}

void parse_checksum(RedundancyDraft& draft, Statement& statement) {
  const auto form = statement.take_choice({"rfc5798", "rfc9568"});
  if (form && statement.end()) draft.group.vrrp.checksum = static_cast<VrrpChecksumForm>(*form);
}

// For people.
void parse_description(RedundancyDraft&, Statement& statement) {
  static_cast<void>(statement.take_text("a text"));
}

// Remembers that and where a keyword was written.
template <void (*parse)(RedundancyDraft&, Statement&)>
void noted(RedundancyDraft& draft, Statement& statement) {
  draft.written.emplace(statement.keyword(), statement.at());
  parse(draft, statement);
}

constexpr Handler<RedundancyDraft> kHandlers[] = {
    {"address", parse_address_line},
    {"address-order", noted<parse_address_order>},
    {"advbase", noted<parse_advbase>},
    {"advert-interval", noted<parse_advert_interval>},
    {"advskew", noted<parse_advskew>},
    {"checksum", noted<parse_checksum>},
    {"description", parse_description},
    {"fast-hello", noted<parse_fast_hello>},
    {"floating", parse_floating},
    {"garp", noted<parse_garp>},
    {"mac", parse_mac},
    {"notify", parse_notify},
    {"pass", noted<parse_pass>},
    {"port", parse_port},
    {"preempt", parse_preempt},
    {"priority", noted<parse_priority>},
    {"protocol", noted<parse_protocol>},
    {"startup-delay", noted<parse_startup_delay>},
    {"sync-group", parse_sync_group},
    {"track", noted<parse_track>},
    {"unicast", noted<parse_unicast>},
    {"vhid", noted<parse_id>},
    {"vrid", noted<parse_id>},
};

}  // namespace

std::span<const Handler<RedundancyDraft>> redundancy_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
