// A pipeline on the bench: a small configuration, frames in, verdicts and frames out.
//
//           port 0, "wan"                        port 1, "lan"
//   client ---- 192.0.2.10  group 0   10.0.0.10 ---- web1 10.0.0.11, web2 10.0.0.12   (round robin)
//   client ---- 192.0.2.20  group 1   10.0.0.20 ---- db1  10.0.0.21
//
// and where UDP is asked for, DNS on 192.0.2.10 with the web servers' machines.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/stage/pipeline.h"
#include "tests/golden/frames.h"
#include "tests/support/image_builder.h"

namespace carpool::test {

using abi::Verdict;
using flow::TcpState;

inline constexpr std::uint8_t kWan = 0;
inline constexpr std::uint8_t kLan = 1;

inline constexpr Endpoint kWeb{Ipv4Address::of(192, 0, 2, 10), 80};
inline constexpr Endpoint kMysql{Ipv4Address::of(192, 0, 2, 20), 3306};
inline constexpr Ipv4Address kWebLocal = Ipv4Address::of(10, 0, 0, 10);
inline constexpr Ipv4Address kMysqlLocal = Ipv4Address::of(10, 0, 0, 20);
inline constexpr Endpoint kWeb1{Ipv4Address::of(10, 0, 0, 11), 8080};
inline constexpr Endpoint kWeb2{Ipv4Address::of(10, 0, 0, 12), 8080};
inline constexpr Endpoint kDb1{Ipv4Address::of(10, 0, 0, 21), 3306};
inline constexpr Endpoint kDns{Ipv4Address::of(192, 0, 2, 10), 53};
inline constexpr Endpoint kDns1{Ipv4Address::of(10, 0, 0, 11), 5353};
inline constexpr Endpoint kDns2{Ipv4Address::of(10, 0, 0, 12), 5353};
inline constexpr std::uint16_t kDnsService = 2, kDns1Index = 3, kDns2Index = 4;
inline constexpr std::uint16_t kWeb1Index = 0, kWeb2Index = 1, kDb1Index = 2;

inline constexpr MacAddress kPublicMac = MacAddress::virtual_router(53);   // group 0
inline constexpr MacAddress kPrivateMac = MacAddress::virtual_router(54);  // group 1
inline constexpr MacAddress kWanMac{{0x02, 0, 0, 0, 0, 0xa0}};             // the ports' own
inline constexpr MacAddress kLanMac{{0x02, 0, 0, 0, 0, 0xa1}};
inline constexpr MacAddress kRouterMac{{0x02, 0, 0, 0, 0, 0x01}};  // what clients come through
inline constexpr MacAddress kWeb1Mac{{0x02, 0, 0, 0, 0x0a, 11}};
inline constexpr MacAddress kWeb2Mac{{0x02, 0, 0, 0, 0x0a, 12}};
inline constexpr MacAddress kDb1Mac{{0x02, 0, 0, 0, 0x0a, 21}};

inline constexpr std::uint32_t kConnectTimeoutMs = 5'000;
inline constexpr std::uint32_t kEstablishedTimeoutMs = 100'000;
inline constexpr std::uint32_t kClosingTimeoutMs = 30'000;
inline constexpr std::uint32_t kUdpTimeoutMs = 20'000;
inline constexpr std::uint32_t kUdpAnsweredTimeoutMs = 1'000;
inline constexpr std::uint32_t kClosedTimeoutMs = 60'000;
inline constexpr std::uint32_t kResetTimeoutMs = 10'000;

// The configuration above. Tests change what they are about.
[[nodiscard]] ImageContent usual_content();

// With the service of UDP. `replies`: how many datagrams answer one of the client's, if known.
[[nodiscard]] ImageContent content_with_dns(std::uint8_t replies = 0);

struct Outcome {
  Verdict verdict{};
  std::uint8_t port = 0;   // where the frame leaves, if it leaves
  std::uint8_t owner = 0;  // who gets it, if it is handed over
  Frame frame;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

struct Input {
  Frame frame;
  std::uint8_t port = kWan;
};

struct BedOptions {
  flow::FlowLimits limits{.flows = 1024, .half_open = 256};
  std::uint32_t worker = 0;
  std::uint32_t workers = 1;
  std::array<std::uint16_t, abi::kMaxPorts> mtus = stage::PipelineSettings{}.mtus;
};

class Bed {
 public:
  explicit Bed(const BedOptions& options = {}, const ImageContent& content = usual_content());

  // A new image takes over, as between two batches.
  void install(const ImageContent& content);
  void hold_groups(std::uint32_t groups) { pipeline_.hold_groups(groups, now_ms_); }
  void drop_groups() { pipeline_.drop_groups(); }
  void advance_ms(std::uint32_t ms) { now_ms_ += ms; }
  void sweep_all() { pipeline_.sweep(options_.limits.flows, now_ms_); }
  std::uint32_t bulk_turn() { return pipeline_.bulk_turn(now_ms_); }
  void learn(const abi::MirrorRecord& told) { pipeline_.learn(told, now_ms_); }

  // One packet alone, or up to stage::kBatch of them together.
  Outcome send(const Frame& frame, std::uint8_t port = kWan);
  std::vector<Outcome> send_batch(std::span<const Input> inputs);

  // Fragments that went on besides the last batch.
  std::vector<Outcome> take_released();

  [[nodiscard]] stage::Pipeline& pipeline() { return pipeline_; }
  [[nodiscard]] const abi::WorkerCounters& counters() const { return *counters_; }
  [[nodiscard]] const abi::ServerCounters& server(std::uint16_t index) const {
    return servers_[index];
  }
  [[nodiscard]] std::uint64_t count(Verdict verdict) const {
    return counters_->verdicts[static_cast<std::size_t>(verdict)].get();
  }
  // The state of the flow that a packet from here to there belongs to; free if there is none.
  [[nodiscard]] TcpState state_of(const Endpoint& from, const Endpoint& to,
                                  std::uint8_t protocol = kProtocolTcp);

 private:
  BedOptions options_;
  std::vector<std::byte> image_;
  std::unique_ptr<abi::WorkerCounters> counters_;
  std::vector<abi::ServerCounters> servers_;
  stage::Pipeline pipeline_;
  std::uint32_t now_ms_ = 1'000'000;
};

// One connection through a bed: who is on its four ends, and its packets.
class Connection {
 public:
  // Sends the SYN. `opened` says what became of it.
  Connection(Bed& bed, const Endpoint& client, const Endpoint& service);
  // SYN, SYN-ACK, ACK.
  static Connection established(Bed& bed, const Endpoint& client, const Endpoint& service);

  [[nodiscard]] const Outcome& opened() const { return opened_; }
  [[nodiscard]] const Endpoint& client() const { return client_; }
  [[nodiscard]] const Endpoint& service() const { return service_; }
  [[nodiscard]] const Endpoint& local() const { return local_; }    // what the server sees
  [[nodiscard]] const Endpoint& server() const { return server_; }  // chosen for it

  // A packet of this connection as its client or its server sends it.
  [[nodiscard]] TcpFrame client_frame(unsigned flags, std::string_view data = "") const;
  [[nodiscard]] TcpFrame server_frame(unsigned flags, std::string_view data = "") const;
  Outcome from_client(unsigned flags, std::string_view data = "");
  Outcome from_server(unsigned flags, std::string_view data = "");

  [[nodiscard]] TcpState state() const { return bed_->state_of(client_, service_); }

 private:
  Bed* bed_;
  Endpoint client_, service_, local_, server_;
  Outcome opened_;
};

// A client's end, all different for different numbers below 2^24.
[[nodiscard]] Endpoint client(std::uint32_t number);

// What a server's frame comes from, by its address.
[[nodiscard]] MacAddress mac_of(const Endpoint& server);

}  // namespace carpool::test

namespace carpool::abi {
void PrintTo(Verdict verdict, std::ostream* out);
}
namespace carpool::flow {
void PrintTo(TcpState state, std::ostream* out);
}
