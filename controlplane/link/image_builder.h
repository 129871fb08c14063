// Configuration and live state in, forwarding image out. Pure: the same input and the same indices
// give the same bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/link/ids.h"
#include "controlplane/link/reachability.h"
#include "dataplane/abi/image.h"
#include "dataplane/base/result.h"

namespace carpool::link {

// What health checks and operators say about a server at this moment.
struct ServerState {
  bool up = true;
  bool draining = false;                 // keeps its connections, gets no new ones
  bool maintenance = false;              // likewise, and is not checked
  std::optional<std::uint32_t> weight;   // in place of the configured one; 0: no new connections
  std::optional<std::uint32_t> maxconn;  // in place of the configured one; 0: no limit
};

class MaglevTables;

// By backend and server, as they stand in the model.
using ServerStates = std::vector<std::vector<ServerState>>;

// Every server up, but for those that the configuration disables.
[[nodiscard]] ServerStates initial_states(const config::Config& config);

struct BuildInput {
  const config::Config& config;
  std::span<const RegionPort> ports;
  const Reachability& reachability;
  const ServerStates& states;
  // The image before this one, or none: entries of what has been removed are taken over from it.
  // Built with the same Ids, or what they were recovered from.
  abi::ImageView previous;
  std::uint64_t generation = 0;
  std::array<std::uint64_t, 2> secret{};
  MaglevTables* maglev = nullptr;  // keeps tables from one image to the next; nullptr: all are made
};

enum class ProblemKind : std::uint8_t {
  port_missing,  // a port that the data plane does not have
  duplicate,     // an address, or address and port, that is taken already
  name_too_long,
  unreachable,       // no way to the server by one of our ports
  no_local_address,  // no address that the server could answer to
  resolving,         // link-layer address of the server's next hop not known yet
};

// Something that keeps a part of the configuration from working. The rest of the image is good.
struct Problem {
  ProblemKind kind{};
  std::string text;  // what, where, what to do; no full stop

  friend bool operator==(const Problem&, const Problem&) = default;
};

struct BuiltImage {
  std::vector<std::byte> bytes;  // pass validate()
  std::vector<Problem> problems;
};

// Errors: more groups, services or servers than the data plane's tables hold.
[[nodiscard]] Result<BuiltImage> build_image(const BuildInput& input, Ids& ids);

// The name of the service that a frontend's binds in one group make: the frontend's own for the
// group of its first bind, "frontend@group" for others.
[[nodiscard]] std::string service_name(const config::Config& config,
                                       const config::Frontend& frontend, std::size_t group);

}  // namespace carpool::link
