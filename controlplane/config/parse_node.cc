// The `node` section: what differs between the boxes.
#include <algorithm>

#include <fmt/format.h>

#include "controlplane/config/sections.h"
#include "controlplane/config/suggest.h"

namespace carpool::config {
namespace {

constexpr std::size_t kMaxInterfaceName = 15;  // IFNAMSIZ without its terminator

// `KEY=VALUE ...` for the driver.
bool parse_port_options(PortSpec& port, Statement& statement) {
  while (statement.more()) {
    const Word& word = *statement.take("an option");
    const auto equals = word.text.find('=');
    if (equals == word.text.npos || equals == 0) {
      statement.error(word.at, fmt::format("'{}' is not an option of a port", word.text),
                      "options are written KEY=VALUE");
      return false;
    }
    std::string key = word.text.substr(0, equals);
    if (!port.options.emplace(key, word.text.substr(equals + 1)).second) {
      statement.error(word.at, fmt::format("option '{}' stands twice", key));
      return false;
    }
  }
  return true;
}

std::optional<PortKind> parse_port_kind(Statement& statement) {
  for (const std::string_view later : {"pci", "ring", "pcap", "tap"}) {
    if (statement.more() && statement.peek().text == later) {
      statement.error(statement.peek().at,
                      fmt::format("ports of kind '{}' are not supported yet", later),
                      "use 'xdp', which shares the interface with the kernel, or 'packet'");
      return std::nullopt;
    }
  }
  const auto kind = statement.take_choice({"xdp", "packet", "memif"});
  if (!kind) return std::nullopt;
  return static_cast<PortKind>(*kind);
}

void parse_port(NodeDraft& draft, Statement& statement) {
  PortSpec port;
  port.origin = statement.at();
  auto name = statement.take_name("a name");
  if (!name) return;
  const auto kind = parse_port_kind(statement);
  if (!kind) return;
  const Word* device = statement.take("a device, as in 'eth1'");
  if (device == nullptr) return;
  if (*kind != PortKind::Memif &&
      (device->text.empty() || device->text.size() > kMaxInterfaceName ||
       device->text.find('/') != std::string::npos)) {
    return statement.error(device->at,
                           fmt::format("'{}' is not the name of an interface", device->text));
  }
  port.name = std::move(*name);
  port.kind = *kind;
  port.device = device->text;
  if (!parse_port_options(port, statement)) return;
  for (const PortSpec& other : draft.node.ports) {
    if (other.name != port.name && other.device != port.device) continue;
    return statement.error(
        statement.at(),
        fmt::format("this node has a port '{}' on '{}' already", other.name, other.device),
        "first at " + statement.report().describe(other.origin));
  }
  if (draft.node.ports.size() == kMaxPortsPerNode) {
    return statement.error(statement.at(),
                           fmt::format("a node has at most {} ports", kMaxPortsPerNode));
  }
  draft.node.ports.push_back(std::move(port));
}

void parse_workers(NodeDraft& draft, Statement& statement) {
  const auto number = statement.take_number("a number of workers", 1, kMaxWorkers);
  if (number && statement.end()) draft.node.workers = *number;
}

void parse_idle(NodeDraft& draft, Statement& statement) {
  const auto mode = statement.take_choice({"poll", "sleep"});
  if (mode && statement.end()) draft.node.idle = static_cast<IdleMode>(*mode);
}

void parse_fence(NodeDraft& draft, Statement& statement) {
  const auto time = statement.take_time("a time, as in 3s");
  if (!time || !statement.end()) return;
  if (*time <= Duration::zero()) {
    return statement.error(statement.at(), "'fence' must be longer than nothing");
  }
  draft.node.fence = *time;
}

void parse_peer(NodeDraft& draft, Statement& statement) {
  const auto endpoint = statement.take_endpoint("an address and a port");
  if (endpoint && statement.end()) draft.node.peer = *endpoint;
}

void parse_redundancy(NodeDraft& draft, Statement& statement) {
  NodeRedundancy part;
  part.origin = statement.at();
  auto name = statement.take_name("the name of a redundancy group");
  if (!name) return;
  part.group = std::move(*name);
  while (statement.more()) {
    const Word& parameter = *statement.take("a parameter");
    statement.set_subject(parameter.text);
    if (parameter.text == "advskew") {
      const auto number = statement.take_number("a number", 0, kMaxAdvskew);
      if (!number) return;
      part.advskew = static_cast<std::uint8_t>(*number);
    } else if (parameter.text == "advbase") {
      const auto number = statement.take_number("a number of seconds", 1, kMaxAdvbase);
      if (!number) return;
      part.advbase = static_cast<std::uint8_t>(*number);
    } else if (parameter.text == "priority") {
      const auto number = statement.take_number("a number", 1, kMaxVrrpPriority);
      if (!number) return;
      part.priority = static_cast<std::uint8_t>(*number);
    } else {
      return statement.error(
          parameter.at, fmt::format("unknown parameter '{}' of 'redundancy'", parameter.text),
          did_you_mean(parameter.text, std::vector<std::string>{"advskew", "advbase", "priority"},
                       "a node sets advskew and advbase, or priority; all else is in the group's "
                       "section"));
    }
  }
  const auto same = std::ranges::find(draft.node.redundancy, part.group, &NodeRedundancy::group);
  if (same != draft.node.redundancy.end()) {
    return statement.error(part.origin,
                           fmt::format("this node speaks of group '{}' twice", part.group),
                           "first at " + statement.report().describe(same->origin));
  }
  draft.node.redundancy.push_back(std::move(part));
}

void parse_flows(NodeDraft& draft, Statement& statement) {
  if (!statement.more()) return static_cast<void>(statement.take("a number of flows"));
  const Origin at = statement.peek().at;
  const auto size = statement.take_size("a number of flows");
  if (!size || !statement.end()) return;
  if (*size < kMinFlows || *size > kMaxFlows) {
    return statement.error(
        at, fmt::format("{} is out of range, from {} to {}", *size, kMinFlows, kMaxFlows));
  }
  draft.flows = static_cast<std::uint32_t>(*size);
}

// Hugepages come in megabytes, so that is what a number without a unit means here.
void parse_memory(NodeDraft& draft, Statement& statement) {
  if (statement.more() && parse_number(statement.peek().text, 0, ~0u)) {
    const auto mib = statement.take_number("a size in MiB", kMinMemoryMb, kMaxMemoryMb);
    if (statement.end()) draft.node.memory_mb = *mib;
    return;
  }
  const Word* word = statement.take("a size, as in 256m");
  if (word == nullptr || !statement.end()) return;
  const auto size = parse_size(word->text);
  if (!size) return statement.error(word->at, size.error());
  const std::uint64_t mib = *size >> 20;
  if (mib < kMinMemoryMb || mib > kMaxMemoryMb) {
    return statement.error(word->at,
                           fmt::format("'{}' is not a sensible amount of memory", word->text),
                           "write it like 256m or 1g; without a unit it is in MiB");
  }
  draft.node.memory_mb = static_cast<std::uint32_t>(mib);
}

// For people; the section's name is what counts.
void parse_description(NodeDraft&, Statement& statement) {
  static_cast<void>(statement.take_text("a text"));
}

constexpr Handler<NodeDraft> kHandlers[] = {{"description", parse_description},
                                            {"fence", parse_fence},
                                            {"flows", parse_flows},
                                            {"idle", parse_idle},
                                            {"memory", parse_memory},
                                            {"peer", parse_peer},
                                            {"port", parse_port},
                                            {"redundancy", parse_redundancy},
                                            {"workers", parse_workers}};

}  // namespace

std::span<const Handler<NodeDraft>> node_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
