// A pipeline on a small network, one packet at a time: this in, this verdict, this out.
//
//   client 192.0.2.100 -- port 0: virtual 192.0.2.10 (web :80, mysql :3306)
//                         port 1: floating 10.0.0.10 -- web1..web3 10.0.0.21-23, db1 10.0.0.11
//   group 1 "other" holds 192.0.2.20, and is not active here
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/stage/pipeline.h"
#include "tests/golden/frame.h"
#include "tests/support/image_builder.h"

namespace carpool::test {

inline const Ipv4Address kClient = Ipv4Address::of(192, 0, 2, 100);
inline const Ipv4Address kVip = Ipv4Address::of(192, 0, 2, 10);
inline const Ipv4Address kOtherVip = Ipv4Address::of(192, 0, 2, 20);
inline const Ipv4Address kFloating = Ipv4Address::of(10, 0, 0, 10);
inline const MacAddress kClientMac = {{2, 0, 0, 0, 0, 100}};
inline const MacAddress kGroupMac = MacAddress::virtual_router(53);
inline constexpr std::uint16_t kWeb = 0, kMysql = 1;  // services
inline constexpr std::uint16_t kWeb1 = 0, kDb1 = 3;   // servers
inline constexpr std::uint8_t kWan = 0, kLan = 1;     // ports

[[nodiscard]] ImageContent small_network();
[[nodiscard]] MacAddress server_mac(std::uint16_t server);

struct Outcome {
  abi::Verdict verdict{};
  std::uint8_t port = 0;
  std::vector<std::uint8_t> frame;

  [[nodiscard]] Decoded decoded() const { return decode(frame); }
};

class Bed {
 public:
  explicit Bed(flow::FlowLimits limits = {.flows = 1024, .half_open = 256},
               const ImageContent& content = small_network());

  void install(const ImageContent& content);
  Outcome send(const std::vector<std::uint8_t>& frame, std::uint8_t port);
  // Several at once, as they lie in one batch.
  std::vector<Outcome> send_batch(const std::vector<std::vector<std::uint8_t>>& frames,
                                  std::uint8_t port);
  void pass_ms(std::uint32_t ms);  // and sweeps everything

  // From the client to a service.
  Outcome from_client(std::uint16_t port, std::uint8_t flags, const std::string& payload = "",
                      std::uint16_t service_port = 80);
  // The answer to a frame that went to a server.
  Outcome from_server(const Outcome& sent, std::uint8_t flags, const std::string& payload = "");
  // SYN, SYN-ACK, ACK; returns the last one as it left for the server.
  Outcome connect(std::uint16_t port, std::uint16_t service_port = 80);

  [[nodiscard]] std::uint64_t count(abi::Verdict verdict) const {
    return counters_->verdicts[static_cast<std::size_t>(verdict)].get();
  }
  stage::Pipeline& pipeline() { return *pipeline_; }
  abi::WorkerCounters& counters() { return *counters_; }
  abi::ServerCounters& server(std::uint16_t index) { return servers_[index]; }
  [[nodiscard]] std::uint32_t live() { return pipeline_->flows().live(); }

 private:
  std::vector<std::vector<std::byte>> images_;  // all stay: a worker may still look at the last one
  std::unique_ptr<abi::WorkerCounters> counters_ = std::make_unique<abi::WorkerCounters>();
  std::vector<abi::ServerCounters> servers_{16};
  std::unique_ptr<stage::Pipeline> pipeline_;
  std::uint32_t now_ms_ = 1;
};

}  // namespace carpool::test
