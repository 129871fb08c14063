// What telling the peer of connections costs: records through seal, send, receive, open and
// translation, acknowledgements included, both nodes in one thread. Without a network (`memory`:
// protocol and encryption alone) and over UDP on loopback, handing datagrams to the kernel one by
// one or together. Ends with what 400,000 records/s (200,000 connections opened and ended) take of
// a core on both nodes together.

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/report.h"
#include "controlplane/mirror/session.h"
#include "controlplane/mirror/socket.h"

namespace carpool::mirror {
namespace {

constexpr int kRepetitions = 9;
// At 400,000 records/s what gathers in a turn of a millisecond.
constexpr std::size_t kRecordsPerTurn = 400;
constexpr double kWantedRecordsPerSecond = 400'000;

PreSharedKey key() {
  PreSharedKey made{1, {}};
  made.secret.fill(7);
  return made;
}

std::vector<abi::MirrorRecord> some_records() {
  std::vector<abi::MirrorRecord> records(kRecordsPerTurn);
  for (std::size_t at = 0; at < records.size(); ++at) {
    records[at].kind = at % 2 == 0 ? abi::MirrorKind::opened : abi::MirrorKind::ended;
    records[at].slot = static_cast<std::uint8_t>(at % abi::kSlots);
    records[at].client = {be32(static_cast<std::uint32_t>(at))};
  }
  return records;
}

struct Node {
  explicit Node(std::uint8_t start_byte) : session({key()}, bits(start_byte), {}) {
    session.set_names({{"web"}, {"web/web1"}}, {});
    session.set_workers(1);
  }
  static Session::Start bits(std::uint8_t fill) {
    Session::Start start;
    start.fill(fill);
    return start;
  }
  void receive(std::span<std::uint8_t> datagram, Instant now) {
    session.receive(datagram, now, output);
    told += output.records.size();
    output.records.clear();
    output.events.clear();
  }
  Session session;
  SessionOutput output;
  std::uint64_t told = 0;
};

// Datagrams go over by hand.
class Memory {
 public:
  bool move(Node& from, Node& to, bool, Instant now) {
    moving_.swap(from.output.datagrams);
    for (Datagram& datagram : moving_)
      to.receive(std::span(datagram.bytes).first(datagram.length), now);
    to.session.flush(now, to.output);
    const bool moved = !moving_.empty();
    moving_.clear();
    return moved;
  }

 private:
  std::vector<Datagram> moving_;
};

// Datagrams go through the kernel.
template <std::size_t kTogether>
class Loopback {
 public:
  Loopback() {
    const config::Endpoint a{Ipv4Address::of(127, 0, 98, 1), 18848};
    const config::Endpoint b{Ipv4Address::of(127, 0, 98, 2), 18848};
    sockets_ = {std::make_unique<Socket>(Socket::open(a, b).value()),
                std::make_unique<Socket>(Socket::open(b, a).value())};
  }
  bool move(Node& from, Node& to, bool forth, Instant now) {
    const std::span<const Datagram> datagrams = from.output.datagrams;
    for (std::size_t at = 0; at < datagrams.size(); at += kTogether) {
      const std::size_t count = std::min(kTogether, datagrams.size() - at);
      sockets_[forth ? 0 : 1]->send(datagrams.subspan(at, count));
    }
    const bool moved = !datagrams.empty();
    from.output.datagrams.clear();
    while (true) {
      const auto arrived = sockets_[forth ? 1 : 0]->receive();
      for (const Socket::Received& datagram : arrived)
        to.receive(datagram.bytes, now);
      if (arrived.size() < Socket::kBatch) break;
    }
    to.session.flush(now, to.output);
    return moved;
  }

 private:
  std::array<std::unique_ptr<Socket>, 2> sockets_;
};

template <class Wire>
void mirror(benchmark::State& state) {
  Wire wire;
  Node a(1), b(2);
  Instant now(std::chrono::seconds(1000));
  const auto records = some_records();
  const auto settle = [&] {
    a.session.flush(now, a.output);
    b.session.flush(now, b.output);
    while (wire.move(a, b, true, now) | wire.move(b, a, false, now)) {
    }
  };
  settle();
  if (a.session.state() != SessionState::up) return state.SkipWithError("no session");
  for ([[maybe_unused]] auto _ : state) {
    now += std::chrono::milliseconds(1);
    a.session.add(0, records, now);
    settle();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRecordsPerTurn));
  // Something may still be under way; nothing may be lost.
  const auto wanted = static_cast<std::uint64_t>(state.iterations()) * kRecordsPerTurn;
  for (int turns = 0; turns < 10'000 && b.told < wanted; ++turns) {
    now += std::chrono::milliseconds(1);
    a.session.tick(now, a.output);
    settle();
  }
  if (b.told != wanted) state.SkipWithError("records are missing");
}

void add(const char* name, void (*run)(benchmark::State&)) {
  benchmark::RegisterBenchmark(name, run)
      ->Repetitions(kRepetitions)
      ->ReportAggregatesOnly()
      ->MinTime(0.1);
}

void print_shares(bench::Figures& figures) {
  std::printf("\n%-24s %16s %28s\n", "", "million records/s", "of a core at 400,000/s, both");
  for (const char* way : {"memory", "loopback/one_by_one", "loopback/together"}) {
    const auto rate = figures.get(std::string(way) + ":items_per_second");
    if (!rate) continue;
    const double share = kWantedRecordsPerSecond / *rate;
    std::printf("%-24s %16.2f %27.1f%%\n", way, *rate / 1e6, share * 100);
    figures.set(std::string("core_share/") + way, share);
  }
}

}  // namespace
}  // namespace carpool::mirror

int main(int argc, char** argv) {
  using namespace carpool::mirror;
  add("memory", mirror<Memory>);
  add("loopback/one_by_one", mirror<Loopback<1>>);
  add("loopback/together", mirror<Loopback<Socket::kBatch>>);
  return carpool::bench::run(argc, argv, print_shares);
}
