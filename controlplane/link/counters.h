// What the workers have counted, summed up as plain values.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "controlplane/link/ids.h"
#include "dataplane/abi/counters.h"
#include "dataplane/abi/limits.h"
#include "dataplane/abi/region.h"
#include "dataplane/abi/verdict.h"

namespace carpool::link {

struct PortTotals {
  std::uint64_t rx_packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t tx_dropped = 0;

  PortTotals& operator+=(const PortTotals& other);
  friend bool operator==(const PortTotals&, const PortTotals&) = default;
};

// Of one worker, or of all.
struct WorkerTotals {
  std::uint64_t received = 0;
  std::array<std::uint64_t, abi::kVerdicts> verdicts{};  // by abi::Verdict
  std::uint64_t batches = 0;
  std::uint64_t flows_live = 0;
  std::uint64_t flows_half_open = 0;
  std::uint64_t flows_capacity = 0;
  std::uint64_t half_open_capacity = 0;
  std::uint64_t flows_created = 0;
  std::uint64_t flows_expired = 0;
  std::uint64_t half_open_recycled = 0;
  std::uint64_t closing_recycled = 0;
  std::uint64_t fragments_released = 0;
  std::uint64_t fragments_lost = 0;
  std::uint64_t stale_adverts = 0;
  std::uint64_t mirror_told = 0;
  std::uint64_t mirror_refreshes_skipped = 0;
  std::uint64_t mirror_changes_delayed = 0;
  std::uint64_t mirror_ends_lost = 0;
  std::uint64_t mirror_learned = 0;
  std::uint64_t mirror_refused = 0;
  std::uint64_t mirror_outdated = 0;
  std::uint64_t mirror_no_room = 0;
  std::array<PortTotals, abi::kMaxPorts> ports{};  // by port index

  WorkerTotals& operator+=(const WorkerTotals& other);
  [[nodiscard]] std::uint64_t of(abi::Verdict verdict) const {
    return verdicts[static_cast<std::size_t>(verdict)];
  }
  friend bool operator==(const WorkerTotals&, const WorkerTotals&) = default;
};

// One server as the target of one service, or a sum of such. "in" is client to server.
struct ServerTotals {
  std::uint64_t connections = 0;  // since it is configured, or since the data plane started
  std::uint64_t active = 0;       // now
  std::uint64_t packets_in = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t answered = 0;
  std::uint64_t connect_timeouts = 0;
  std::uint64_t refused = 0;
  std::uint64_t resets = 0;
  std::uint64_t syn_retransmits = 0;
  std::uint64_t answer_retransmits = 0;
  // `answered`, by abi::answer_time_class().
  std::array<std::uint64_t, abi::kAnswerTimes> answer_times{};

  ServerTotals& operator+=(const ServerTotals& other);
  ServerTotals& operator-=(const ServerTotals& other);
  friend bool operator==(const ServerTotals&, const ServerTotals&) = default;
};

// Of one index, over all workers, as it stands there.
[[nodiscard]] ServerTotals read_server(const abi::Region& region, std::uint32_t index);

struct CountersSnapshot {
  WorkerTotals total;
  std::vector<WorkerTotals> workers;
  std::map<std::string, ServerTotals, std::less<>> servers;  // by server_key()

  // Of all servers of a service.
  [[nodiscard]] ServerTotals service(std::string_view name) const;
};

// Remembers from which values on an index counts for its server: the data plane goes on counting
// when an index passes to another one.
class CounterReader {
 public:
  [[nodiscard]] CountersSnapshot read(const abi::Region& region, const Ids& ids);
  // A new data plane starts from zero.
  void forget() { starts_.clear(); }

 private:
  struct Start {
    std::string key;
    ServerTotals totals;
  };
  std::unordered_map<std::uint32_t, Start> starts_;  // by server index
};

}  // namespace carpool::link
