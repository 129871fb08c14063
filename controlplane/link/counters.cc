#include "controlplane/link/counters.h"

#include <algorithm>

namespace carpool::link {
namespace {

// The sums below go through all fields of a struct by the same list in the same order.
constexpr std::array kPortFields = {&PortTotals::rx_packets, &PortTotals::rx_bytes,
                                    &PortTotals::tx_packets, &PortTotals::tx_bytes,
                                    &PortTotals::tx_dropped};
constexpr std::array kWorkerFields = {&WorkerTotals::received,
                                      &WorkerTotals::batches,
                                      &WorkerTotals::flows_live,
                                      &WorkerTotals::flows_half_open,
                                      &WorkerTotals::flows_capacity,
                                      &WorkerTotals::half_open_capacity,
                                      &WorkerTotals::flows_created,
                                      &WorkerTotals::flows_expired,
                                      &WorkerTotals::half_open_recycled,
                                      &WorkerTotals::closing_recycled,
                                      &WorkerTotals::fragments_released,
                                      &WorkerTotals::fragments_lost,
                                      &WorkerTotals::stale_adverts,
                                      &WorkerTotals::mirror_told,
                                      &WorkerTotals::mirror_refreshes_skipped,
                                      &WorkerTotals::mirror_changes_delayed,
                                      &WorkerTotals::mirror_ends_lost,
                                      &WorkerTotals::mirror_learned,
                                      &WorkerTotals::mirror_refused,
                                      &WorkerTotals::mirror_outdated,
                                      &WorkerTotals::mirror_no_room};
constexpr std::array kServerFields = {
    &ServerTotals::connections, &ServerTotals::active,           &ServerTotals::packets_in,
    &ServerTotals::bytes_in,    &ServerTotals::packets_out,      &ServerTotals::bytes_out,
    &ServerTotals::answered,    &ServerTotals::connect_timeouts, &ServerTotals::refused,
    &ServerTotals::resets,      &ServerTotals::syn_retransmits,  &ServerTotals::answer_retransmits};

PortTotals read_port(const abi::PortCounters& port) {
  return {port.rx_packets.get(), port.rx_bytes.get(), port.tx_packets.get(), port.tx_bytes.get(),
          port.tx_dropped.get()};
}

WorkerTotals read_worker(const abi::WorkerCounters& worker) {
  WorkerTotals totals;
  // Verdicts first: read while the worker runs, their sum then never exceeds what was received.
  for (std::size_t verdict = 0; verdict < abi::kVerdicts; ++verdict)
    totals.verdicts[verdict] = worker.verdicts[verdict].get();
  totals.received = worker.received.get();
  totals.batches = worker.batches.get();
  totals.flows_live = worker.flows_live.get();
  totals.flows_half_open = worker.flows_half_open.get();
  totals.flows_capacity = worker.flows_capacity.get();
  totals.half_open_capacity = worker.half_open_capacity.get();
  totals.flows_created = worker.flows_created.get();
  totals.flows_expired = worker.flows_expired.get();
  totals.half_open_recycled = worker.half_open_recycled.get();
  totals.closing_recycled = worker.closing_recycled.get();
  totals.fragments_released = worker.fragments_released.get();
  totals.fragments_lost = worker.fragments_lost.get();
  totals.stale_adverts = worker.stale_adverts.get();
  totals.mirror_told = worker.mirror_told.get();
  totals.mirror_refreshes_skipped = worker.mirror_refreshes_skipped.get();
  totals.mirror_changes_delayed = worker.mirror_changes_delayed.get();
  totals.mirror_ends_lost = worker.mirror_ends_lost.get();
  totals.mirror_learned = worker.mirror_learned.get();
  totals.mirror_refused = worker.mirror_refused.get();
  totals.mirror_outdated = worker.mirror_outdated.get();
  totals.mirror_no_room = worker.mirror_no_room.get();
  for (std::size_t port = 0; port < abi::kMaxPorts; ++port)
    totals.ports[port] = read_port(worker.ports[port]);
  return totals;
}

}  // namespace

ServerTotals read_server(const abi::Region& region, std::uint32_t index) {
  ServerTotals sum;
  for (std::uint32_t worker = 0; worker < region.workers(); ++worker) {
    const abi::ServerCounters& server = region.servers(worker)[index];
    ServerTotals read{server.connections.get(),
                      server.active.get(),
                      server.packets_in.get(),
                      server.bytes_in.get(),
                      server.packets_out.get(),
                      server.bytes_out.get(),
                      server.answered.get(),
                      server.connect_timeouts.get(),
                      server.refused.get(),
                      server.resets.get(),
                      server.syn_retransmits.get(),
                      server.answer_retransmits.get(),
                      {}};
    for (std::size_t time = 0; time < abi::kAnswerTimes; ++time)
      read.answer_times[time] = server.answer_times[time].get();
    sum += read;
  }
  return sum;
}

PortTotals& PortTotals::operator+=(const PortTotals& other) {
  for (const auto field : kPortFields)
    this->*field += other.*field;
  return *this;
}

WorkerTotals& WorkerTotals::operator+=(const WorkerTotals& other) {
  for (const auto field : kWorkerFields)
    this->*field += other.*field;
  for (std::size_t verdict = 0; verdict < verdicts.size(); ++verdict)
    verdicts[verdict] += other.verdicts[verdict];
  for (std::size_t port = 0; port < ports.size(); ++port)
    ports[port] += other.ports[port];
  return *this;
}

ServerTotals& ServerTotals::operator+=(const ServerTotals& other) {
  for (const auto field : kServerFields)
    this->*field += other.*field;
  for (std::size_t time = 0; time < answer_times.size(); ++time)
    answer_times[time] += other.answer_times[time];
  return *this;
}

// Stops at zero: the last connections of an index's former server may still end.
ServerTotals& ServerTotals::operator-=(const ServerTotals& other) {
  for (const auto field : kServerFields)
    this->*field -= std::min(this->*field, other.*field);
  for (std::size_t time = 0; time < answer_times.size(); ++time)
    answer_times[time] -= std::min(answer_times[time], other.answer_times[time]);
  return *this;
}

ServerTotals CountersSnapshot::service(std::string_view name) const {
  const std::string prefix = server_key(name, "");
  ServerTotals sum;
  for (auto at = servers.lower_bound(prefix); at != servers.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    sum += at->second;
  }
  return sum;
}

CountersSnapshot CounterReader::read(const abi::Region& region, const Ids& ids) {
  CountersSnapshot snapshot;
  for (std::uint32_t worker = 0; worker < region.workers(); ++worker) {
    snapshot.workers.push_back(read_worker(region.counters(worker)));
    snapshot.total += snapshot.workers.back();
  }
  for (std::uint32_t index = 0; index < ids.servers.size(); ++index) {
    const std::string* key = ids.servers.last_key(index);
    if (key == nullptr) continue;
    const auto now = read_server(region, index);
    Start& start = starts_.try_emplace(index, Start{*key, {}}).first->second;
    if (start.key != *key) start = {*key, now};
    if (ids.servers.live_key(index) == nullptr) continue;
    auto totals = now;
    totals -= start.totals;
    snapshot.servers.emplace(*key, totals);
  }
  return snapshot;
}

}  // namespace carpool::link
