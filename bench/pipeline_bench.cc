// What a packet costs from parse to rewrite: flows and packets are uniformly random, so with many
// flows every bucket and every record comes from memory. Packet bytes are warm, as after a receive
// into the last-level cache.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include "bench/report.h"
#include "controlplane/link/image_draft.h"
#include "dataplane/abi/region.h"
#include "dataplane/net/checksum.h"
#include "dataplane/stage/pipeline.h"

namespace carpool {
namespace {

constexpr std::uint32_t kServers = 100;
constexpr std::uint32_t kFrameBytes = 64;
const Ipv4Address kVirtual = Ipv4Address::of(192, 0, 2, 10);
const be16 kServicePort{80};

double tsc_hz() {
  const auto began = std::chrono::steady_clock::now();
  const std::uint64_t first = __rdtsc();
  while (std::chrono::steady_clock::now() - began < std::chrono::milliseconds(50)) {
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  return static_cast<double>(__rdtsc() - first) / took.count();
}

// One service on one virtual address, 100 servers on another port, ten floating addresses as
// sources.
std::vector<std::byte> make_image(abi::Forward forward) {
  link::ImageDraft draft;
  draft.generation = 1;
  draft.secret = {0x5ca1ab1e0ddba11, 0xba5eba11ca11ab1e};
  draft.groups.push_back({Name("public"), MacAddress::virtual_router(53), 53});
  draft.addresses.push_back({kVirtual, 0, 0, abi::kRoleVirtual, 0});
  for (std::uint8_t i = 0; i < 10; ++i) {
    draft.addresses.push_back({Ipv4Address::of(10, 0, 0, 200 + i), 1, 0, abi::kRoleLocal, 0});
  }
  draft.service_keys.push_back({kVirtual, kServicePort, kProtocolTcp, 0, 0, 0});
  abi::ImageService service;
  service.name = Name("web");
  service.protocol = kProtocolTcp;
  service.forward = forward;
  service.picks = {0, kServers};
  draft.services.push_back(service);
  for (std::uint16_t i = 0; i < kServers; ++i) {
    abi::ImageServer server;
    server.name = Name("server");
    server.address = Ipv4Address::of(10, 0, 1, static_cast<std::uint8_t>(i + 1));
    server.port = kServicePort;
    server.local = Ipv4Address::of(10, 0, 0, static_cast<std::uint8_t>(200 + i % 10));
    server.next_hop = i;
    draft.servers.push_back(server);
    abi::ImageNextHop hop;
    hop.destination = {{2, 0, 0, 0, 1, static_cast<std::uint8_t>(i)}};
    hop.source = draft.groups[0].mac;
    hop.port = 1;
    hop.resolved = 1;
    hop.neighbour = server.address;
    draft.next_hops.push_back(hop);
    draft.picks.push_back(i);
  }
  return link::flatten(draft);
}

struct Frame {
  std::uint8_t headroom[stage::kHeadroom];
  std::uint8_t bytes[kFrameBytes];
};

void write_tcp(Frame& frame, const flow::FlowKey& key, std::uint8_t flags) {
  std::memset(&frame, 0, sizeof frame);
  auto& ethernet = *reinterpret_cast<EthernetHeader*>(frame.bytes);
  ethernet.source = {{2, 0, 0, 0, 0, 1}};
  ethernet.type = kEtherTypeIpv4;
  Ipv4Header ip;
  ip.total_length = be16(kFrameBytes - sizeof(EthernetHeader));
  ip.protocol = kProtocolTcp;
  ip.source = key.source();
  ip.destination = key.destination();
  ip.checksum = internet_checksum({reinterpret_cast<std::uint8_t*>(&ip), sizeof ip});
  std::memcpy(frame.bytes + sizeof(EthernetHeader), &ip, sizeof ip);
  TcpHeader tcp;
  tcp.source_port = key.source_port();
  tcp.destination_port = key.destination_port();
  tcp.flags = flags;
  std::memcpy(frame.bytes + sizeof(EthernetHeader) + sizeof ip, &tcp, sizeof tcp);
}

// A pipeline with its counters and an image, and as many established flows as asked for.
class Bed {
 public:
  Bed(std::uint32_t flows, std::uint32_t capacity, std::uint32_t half_open,
      abi::Forward forward = abi::Forward::fullnat)
      : image_(make_image(forward)),
        forward_(forward),
        counters_(std::make_unique<abi::WorkerCounters>()),
        servers_(abi::kMaxServers) {
    const flow::FlowLimits limits{.flows = capacity, .half_open = half_open};
    const std::span<abi::ServerCounters> servers(servers_);
    pipeline_ = std::make_unique<stage::Pipeline>(
        stage::PipelineSettings{.limits = limits, .table_secret = {}},
        flow::TableMemory(flow::FlowTable::bytes_needed(limits)), *counters_, servers,
        balance::Load(std::span(&servers, 1)));
    pipeline_->install(abi::ImageView(image_.data()));
    pipeline_->hold_groups(1, 0);
    establish(flows);
  }

  stage::Pipeline& pipeline() { return *pipeline_; }
  abi::WorkerCounters& counters() { return *counters_; }
  // Every key by which packets of established flows come.
  [[nodiscard]] const std::vector<flow::FlowKey>& keys() const { return keys_; }

  // Cycles that the pipeline takes for these frames.
  std::uint64_t process(Frame* frames, std::uint32_t count) {
    batch_.count = count;
    for (std::uint32_t i = 0; i < count; ++i) {
      batch_.packets[i] = {.data = frames[i].bytes, .length = kFrameBytes};
    }
    unsigned processor;
    const std::uint64_t began = __rdtscp(&processor);
    pipeline_->process(batch_, now_ms_);
    pipeline_->tally(batch_);
    return __rdtscp(&processor) - began;
  }
  void pass_time() { ++now_ms_; }

  static flow::FlowKey client_key(std::uint32_t number) {
    const Ipv4Address client{be32(0x0b000000u + number * 7919u % 0x00ffffffu)};
    return flow::FlowKey::of(client, be16(static_cast<std::uint16_t>(1024 + number % 60000)),
                             kVirtual, kServicePort, kProtocolTcp);
  }

 private:
  // SYN, SYN-ACK and ACK of each, as they would come.
  void establish(std::uint32_t flows) {
    Frame frame;
    for (std::uint32_t i = 0; i < flows; ++i) {
      const flow::FlowKey forward = client_key(i);
      write_tcp(frame, forward, kTcpSyn);
      process(&frame, 1);
      auto& table = pipeline_->flows();
      const flow::FlowRef ref = table.find(forward, table.hash_of(forward));
      if (ref == flow::kNoFlow) continue;
      keys_.push_back(forward);
      if (!abi::is_one_way(forward_)) {
        keys_.push_back(table.record_of(ref).key(flow::kFromServer));
        write_tcp(frame, keys_.back(), kTcpSyn | kTcpAck);
        process(&frame, 1);
      }
      write_tcp(frame, forward, kTcpAck);
      process(&frame, 1);
    }
  }

  std::vector<std::byte> image_;
  abi::Forward forward_;
  std::unique_ptr<abi::WorkerCounters> counters_;
  std::vector<abi::ServerCounters> servers_;
  std::unique_ptr<stage::Pipeline> pipeline_;
  stage::Batch batch_;
  std::uint32_t now_ms_ = 1;
  std::vector<flow::FlowKey> keys_;
};

void finish(benchmark::State& state, std::uint64_t cycles, std::uint64_t packets) {
  static const double hz = tsc_hz();
  const double per_packet = static_cast<double>(cycles) / static_cast<double>(packets);
  state.counters["cycles_per_packet"] = per_packet;
  state.counters["ns_per_packet"] = per_packet / hz * 1e9;
  state.counters["mpps"] = hz / per_packet / 1e6;
}

// Established flows, all directions that there are, uniform random.  Arguments: flows, batch.
void established(benchmark::State& state, abi::Forward forward) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  const auto batch = static_cast<std::uint32_t>(state.range(1));
  Bed bed(flows, flows, flows / 8, forward);
  const std::size_t directions = abi::is_one_way(forward) ? 1 : 2;
  if (bed.keys().size() != directions * flows) state.SkipWithError("not all flows came up");
  std::mt19937_64 random(42);
  constexpr std::uint32_t kFrames = 1'024;
  std::vector<Frame> frames(kFrames);
  std::uint64_t cycles = 0;
  std::uint64_t packets = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (Frame& frame : frames)
      write_tcp(frame, bed.keys()[random() % bed.keys().size()], kTcpAck);
    std::uint64_t took = 0;
    for (std::uint32_t at = 0; at + batch <= kFrames; at += batch) {
      took += bed.process(&frames[at], batch);
      packets += batch;
    }
    bed.pass_time();
    cycles += took;
    state.SetIterationTime(static_cast<double>(took) / 2.5e9);
  }
  finish(state, cycles, packets);
  const auto& limits = bed.pipeline().flows().limits();
  state.counters["bytes_per_flow"] =
      static_cast<double>(flow::FlowTable::bytes_needed(limits)) / limits.flows;
  const auto last = abi::is_one_way(forward) ? abi::Verdict::to_server : abi::Verdict::to_client;
  if (bed.counters().verdicts[static_cast<std::size_t>(last)].get() == 0) {
    state.SkipWithError("nothing was forwarded");
  }
}

void fullnat4(benchmark::State& state) {
  established(state, abi::Forward::fullnat);
}
BENCHMARK(fullnat4)
    ->ArgNames({"flows", "batch"})
    ->Args({1'000, 64})
    ->Args({100'000, 64})
    ->Args({1'000'000, 1})
    ->Args({1'000'000, 8})
    ->Args({1'000'000, 32})
    ->Args({1'000'000, 64})
    ->UseManualTime()
    ->MinTime(0.4);

// The other ways of forwarding, at the size that matters most.
BENCHMARK_CAPTURE(established, nat4, abi::Forward::nat)
    ->ArgNames({"flows", "batch"})
    ->Args({1'000'000, 64})
    ->UseManualTime()
    ->MinTime(0.4);
BENCHMARK_CAPTURE(established, dsr4, abi::Forward::dsr)
    ->ArgNames({"flows", "batch"})
    ->Args({1'000'000, 64})
    ->UseManualTime()
    ->MinTime(0.4);
BENCHMARK_CAPTURE(established, ipip4, abi::Forward::ipip)
    ->ArgNames({"flows", "batch"})
    ->Args({1'000'000, 64})
    ->UseManualTime()
    ->MinTime(0.4);

// New connections: a SYN that finds its server, its source port and a record. The table is emptied
// in between.
void syn(benchmark::State& state) {
  constexpr std::uint32_t kRound = 65'536;
  std::vector<Frame> frames(kRound);
  std::uint64_t cycles = 0;
  std::uint64_t packets = 0;
  std::uint32_t number = 0;
  auto bed = std::make_unique<Bed>(0, 1u << 20, 1u << 20);
  std::uint32_t live = 0;
  for ([[maybe_unused]] auto _ : state) {
    if (live + kRound > (1u << 20) * 4 / 5) {
      bed = std::make_unique<Bed>(0, 1u << 20, 1u << 20);
      live = 0;
    }
    for (Frame& frame : frames)
      write_tcp(frame, Bed::client_key(number++), kTcpSyn);
    std::uint64_t took = 0;
    for (std::uint32_t at = 0; at < kRound; at += stage::kBatch) {
      took += bed->process(&frames[at], stage::kBatch);
      packets += stage::kBatch;
    }
    live += kRound;
    cycles += took;
    state.SetIterationTime(static_cast<double>(took) / 2.5e9);
  }
  finish(state, cycles, packets);
}
BENCHMARK(syn)->UseManualTime()->MinTime(0.3);

}  // namespace
}  // namespace carpool

// The figures that are compared between runs, by short names.
int main(int argc, char** argv) {
  return carpool::bench::run(argc, argv, [](carpool::bench::Figures& figures) {
    for (const char* flows : {"1000", "100000", "1000000"}) {
      const std::string from = std::string("fullnat4/flows:") + flows + "/batch:64:";
      for (const char* figure : {"cycles_per_packet", "ns_per_packet", "bytes_per_flow"}) {
        if (const auto value = figures.get(from + figure)) {
          figures.set(std::string("fullnat4_") + flows + "_" + figure, *value);
        }
      }
    }
    for (const char* mode : {"nat4", "dsr4", "ipip4"}) {
      const std::string from =
          std::string("established/") + mode + "/flows:1000000/batch:64:cycles_per_packet";
      if (const auto value = figures.get(from)) {
        figures.set(std::string(mode) + "_1000000_cycles_per_packet", *value);
      }
    }
    if (const auto mpps = figures.get("syn:mpps")) figures.set("syn_flows_per_second", *mpps * 1e6);
  });
}
