// What decides about a server beside its health check: an agent on it, another server that it
// follows, and what is seen of its traffic. Part of the model.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "controlplane/config/diagnostic.h"
#include "dataplane/base/time.h"
#include "dataplane/net/address.h"

namespace carpool::config {

// `agent-check`: a program on the server says how much it can take.
struct AgentCheck {
  std::optional<Ipv4Address> address;  // agent-addr; else the server's
  std::uint16_t port = 0;              // agent-port, never 0
  Duration inter{};                    // agent-inter, or the server's inter
  std::string send;                    // agent-send, sent as it stands

  friend bool operator==(const AgentCheck&, const AgentCheck&) = default;
};

// `track [BACKEND/]SERVER`. The indices are those of the model.
struct TrackServer {
  std::string backend;
  std::string server;
  std::size_t backend_index = 0;
  std::size_t server_index = 0;
  Origin origin;

  friend bool operator==(const TrackServer&, const TrackServer&) = default;
};

// `init-state`: what a server counts as before its first check, and when it leaves maintenance.
enum class InitState : std::uint8_t {
  Up,         // up; one failed check takes it down
  FullyUp,    // up; it takes `fall` failed checks
  Down,       // down; one passed check brings it up
  FullyDown,  // down; it takes `rise` passed checks
};

// `on-error`: what happens when the traffic of a server shows `error-limit` errors in a row.
enum class OnError : std::uint8_t {
  Fastinter,    // the next check comes after `fastinter`
  FailCheck,    // and counts as a failed check
  SuddenDeath,  // and one more failed check takes the server down
  MarkDown,     // and takes the server down
};

// `observe layer4`, `on-error`, `error-limit`.
struct Observation {
  bool layer4 = false;
  OnError on_error = OnError::FailCheck;
  std::uint32_t error_limit = 10;

  friend bool operator==(const Observation&, const Observation&) = default;
};

// `outlier-ejection`: servers whose connections fail more often than those of the others get none
// for a while, but never more than max_percent of the backend's servers at a time.
struct OutlierEjection {
  std::uint32_t max_percent = 10;
  std::uint32_t failure_percent = 50;            // of its attempts, to be an outlier
  std::uint32_t min_attempts = 20;               // in an interval, to be judged at all
  Duration interval = std::chrono::seconds(10);  // how long attempts are counted
  Duration ejection = std::chrono::seconds(30);  // the first; each in a row is longer

  friend bool operator==(const OutlierEjection&, const OutlierEjection&) = default;
};

// Of a user on this machine.
struct UserNumbers {
  std::uint32_t user = 0;
  std::uint32_t group = 0;

  friend bool operator==(const UserNumbers&, const UserNumbers&) = default;
};

// `external-check` in `global`: commands may be run as checks, and how.
struct ExternalCheckPermit {
  std::string user = "nobody";          // "root" only where it is written
  std::optional<UserNumbers> run_as{};  // what that comes to; unset: nobody has looked
  bool preserve_environment = false;    // commands get ours, too
  bool may_gain_privileges = false;     // insecure-setuid-wanted
  Origin origin{};

  friend bool operator==(const ExternalCheckPermit&, const ExternalCheckPermit&) = default;
};

// `option external-check`, `external-check command|path`: passes when the command exits with 0.
struct ExternalCheck {
  std::string command;
  std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  ExternalCheckPermit permit{};

  friend bool operator==(const ExternalCheck&, const ExternalCheck&) = default;
};

}  // namespace carpool::config
