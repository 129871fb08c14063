#include "tests/golden/bed.h"

#include <algorithm>
#include <array>

namespace carpool::test {

MacAddress server_mac(std::uint16_t server) {
  return {{2, 0, 0, 0, 1, static_cast<std::uint8_t>(server)}};
}

ImageContent small_network() {
  ImageContent content;
  content.groups.push_back({Name("public"), kGroupMac, 53});
  content.groups.push_back({Name("other"), MacAddress::virtual_router(54), 54});
  content.addresses.push_back({kVip, kWan, 0, abi::kRoleVirtual, 0});
  content.addresses.push_back({kOtherVip, kWan, 1, abi::kRoleVirtual, 0});
  content.addresses.push_back({kFloating, kLan, 0, abi::kRoleLocal, 0});
  content.service_keys.push_back({kVip, be16(80), kProtocolTcp, 0, kWeb, 0});
  content.service_keys.push_back({kVip, be16(3306), kProtocolTcp, 0, kMysql, 0});
  abi::ImageService web;
  web.name = Name("web");
  web.protocol = kProtocolTcp;
  web.connect_timeout_ms = 5'000;
  web.established_timeout_ms = 60'000;
  web.closing_timeout_ms = 30'000;
  web.closed_timeout_ms = 20'000;
  content.services.push_back({web, {0, 1, 2}});
  abi::ImageService mysql = web;
  mysql.name = Name("mysql");
  content.services.push_back({mysql, {3}});
  const std::array addresses = {Ipv4Address::of(10, 0, 0, 21), Ipv4Address::of(10, 0, 0, 22),
                                Ipv4Address::of(10, 0, 0, 23), Ipv4Address::of(10, 0, 0, 11)};
  for (std::uint16_t i = 0; i < addresses.size(); ++i) {
    abi::ImageServer server;
    server.name = Name(i == kDb1 ? "db1" : "web" + std::to_string(i + 1));
    server.address = addresses[i];
    server.port = be16(i == kDb1 ? 3306 : 8080);
    server.local = kFloating;
    server.next_hop = i;
    server.service = i == kDb1 ? kMysql : kWeb;
    content.servers.push_back(server);
    abi::ImageNextHop hop;
    hop.destination = server_mac(i);
    hop.source = kGroupMac;
    hop.port = kLan;
    hop.resolved = 1;
    content.next_hops.push_back(hop);
  }
  return content;
}

Bed::Bed(flow::FlowLimits limits, const ImageContent& content) {
  const std::span<abi::ServerCounters> servers(servers_);
  stage::PipelineSettings settings;
  settings.limits = limits;
  pipeline_ = std::make_unique<stage::Pipeline>(
      settings, flow::TableMemory(flow::FlowTable::bytes_needed(limits)), *counters_, servers,
      balance::Load(std::span(&servers, 1)));
  install(content);
  pipeline_->hold_groups(1);
}

void Bed::install(const ImageContent& content) {
  images_.push_back(build_image(content));
  pipeline_->install(abi::ImageView(images_.back().data()));
}

Outcome Bed::send(const std::vector<std::uint8_t>& frame, std::uint8_t port) {
  return send_batch({frame}, port).front();
}

std::vector<Outcome> Bed::send_batch(const std::vector<std::vector<std::uint8_t>>& frames,
                                     std::uint8_t port) {
  stage::Batch batch;
  std::vector<std::vector<std::uint8_t>> buffers = frames;
  batch.count = static_cast<std::uint32_t>(frames.size());
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    const auto length = static_cast<std::uint16_t>(frames[i].size());
    buffers[i].resize(std::max<std::size_t>(length, stage::kMinFrameBuffer));
    batch.packets[i] = {.data = buffers[i].data(), .length = length, .port = port};
  }
  pipeline_->process(batch, now_ms_);
  pipeline_->tally(batch);
  std::vector<Outcome> outcomes;
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    buffers[i].resize(batch.packets[i].length);
    outcomes.push_back({batch.verdicts[i], batch.packets[i].port, std::move(buffers[i])});
  }
  return outcomes;
}

void Bed::pass_ms(std::uint32_t ms) {
  now_ms_ += ms;
  pipeline_->sweep(pipeline_->flows().limits().flows, now_ms_);
}

Outcome Bed::from_client(std::uint16_t port, std::uint8_t flags, const std::string& payload,
                         std::uint16_t service_port) {
  TcpFrame frame;
  frame.source = kClient;
  frame.source_port = port;
  frame.destination = kVip;
  frame.destination_port = service_port;
  frame.flags = flags;
  frame.payload = payload;
  return send(frame.bytes(), kWan);
}

Outcome Bed::from_server(const Outcome& sent, std::uint8_t flags, const std::string& payload) {
  const Decoded seen = sent.decoded();
  TcpFrame frame;
  frame.from = seen.ethernet.destination;
  frame.to = seen.ethernet.source;
  frame.source = seen.ip.destination;
  frame.source_port = seen.tcp.destination_port.host();
  frame.destination = seen.ip.source;
  frame.destination_port = seen.tcp.source_port.host();
  frame.flags = flags;
  frame.payload = payload;
  return send(frame.bytes(), kLan);
}

Outcome Bed::connect(std::uint16_t port, std::uint16_t service_port) {
  const Outcome syn = from_client(port, kTcpSyn, "", service_port);
  (void)from_server(syn, kTcpSyn | kTcpAck);
  return from_client(port, kTcpAck, "", service_port);
}

}  // namespace carpool::test
