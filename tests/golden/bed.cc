#include "tests/golden/bed.h"

#include <algorithm>
#include <cassert>
#include <memory>

namespace carpool::test {
namespace {

constexpr std::size_t kServers = 64;  // counters: more than any image here names

ImageContent::Service service(std::string_view name, std::uint8_t group,
                              std::vector<std::uint16_t> picks) {
  ImageContent::Service service;
  service.fields.name = Name(name);
  service.fields.protocol = kProtocolTcp;
  service.fields.group = group;
  service.fields.connect_timeout_ms = kConnectTimeoutMs;
  service.fields.established_timeout_ms = kEstablishedTimeoutMs;
  service.fields.closing_timeout_ms = kClosingTimeoutMs;
  service.fields.closed_timeout_ms = kClosedTimeoutMs;
  service.picks = std::move(picks);
  return service;
}

abi::ImageServer server(std::string_view name, const Endpoint& at, Ipv4Address local,
                        std::uint16_t next_hop, std::uint16_t of_service) {
  abi::ImageServer server;
  server.name = Name(name);
  server.address = at.address;
  server.port = be16(at.port);
  server.local = local;
  server.next_hop = next_hop;
  server.service = of_service;
  return server;
}

abi::ImageNextHop next_hop(const MacAddress& to, std::uint8_t group, const MacAddress& from,
                           Ipv4Address neighbour) {
  abi::ImageNextHop hop;
  hop.destination = to;
  hop.source = from;
  hop.port = kLan;
  hop.resolved = 1;
  hop.group = group;
  hop.neighbour = neighbour;
  return hop;
}

// Packets of a batch in buffers of exactly the size that the stages may rely on, so that a
// sanitizer sees any step outside.
class Buffers {
 public:
  explicit Buffers(std::span<const Input> inputs) {
    for (const Input& input : inputs) {
      const std::size_t room = std::max<std::size_t>(input.frame.size(), stage::kMinFrameBuffer);
      buffers_.push_back(std::make_unique<std::uint8_t[]>(stage::kHeadroom + room));
      std::ranges::copy(input.frame, buffers_.back().get() + stage::kHeadroom);
    }
  }
  [[nodiscard]] std::uint8_t* operator[](std::size_t index) const {
    return buffers_[index].get() + stage::kHeadroom;
  }

 private:
  std::vector<std::unique_ptr<std::uint8_t[]>> buffers_;
};

}  // namespace

ImageContent usual_content() {
  ImageContent content;
  content.groups = {{.name = Name("public"), .mac = kPublicMac, .vhid = 53},
                    {.name = Name("private"), .mac = kPrivateMac, .vhid = 54}};
  content.addresses = {
      {.address = kWeb.address, .port = kWan, .group = 0, .roles = abi::kRoleVirtual},
      {.address = kMysql.address, .port = kWan, .group = 1, .roles = abi::kRoleVirtual},
      {.address = kWebLocal, .port = kLan, .group = 0, .roles = abi::kRoleLocal},
      {.address = kMysqlLocal, .port = kLan, .group = 1, .roles = abi::kRoleLocal}};
  content.services = {service("web", 0, {kWeb1Index, kWeb2Index}),
                      service("mysql", 1, {kDb1Index})};
  content.service_keys = {
      {.address = kWeb.address, .port = be16(kWeb.port), .protocol = kProtocolTcp, .service = 0},
      {.address = kMysql.address,
       .port = be16(kMysql.port),
       .protocol = kProtocolTcp,
       .service = 1}};
  content.servers = {server("web1", kWeb1, kWebLocal, 1, 0), server("web2", kWeb2, kWebLocal, 2, 0),
                     server("db1", kDb1, kMysqlLocal, 3, 1)};
  content.next_hops = {{},
                       next_hop(kWeb1Mac, 0, kPublicMac, kWeb1.address),
                       next_hop(kWeb2Mac, 0, kPublicMac, kWeb2.address),
                       next_hop(kDb1Mac, 1, kPrivateMac, kDb1.address)};
  return content;
}

ImageContent content_with_dns(std::uint8_t replies) {
  ImageContent content = usual_content();
  content.services.push_back(service("dns", 0, {kDns1Index, kDns2Index}));
  abi::ImageService& dns = content.services.back().fields;
  dns.protocol = kProtocolUdp;
  dns.connect_timeout_ms = dns.established_timeout_ms = dns.closing_timeout_ms = kUdpTimeoutMs;
  dns.closed_timeout_ms = kUdpAnsweredTimeoutMs;
  dns.udp_replies = replies;
  content.service_keys.push_back({.address = kDns.address,
                                  .port = be16(kDns.port),
                                  .protocol = kProtocolUdp,
                                  .service = kDnsService});
  content.servers.push_back(server("dns1", kDns1, kWebLocal, 1, kDnsService));
  content.servers.push_back(server("dns2", kDns2, kWebLocal, 2, kDnsService));
  return content;
}

Bed::Bed(const BedOptions& options, const ImageContent& content)
    : options_(options),
      counters_(std::make_unique<abi::WorkerCounters>()),
      servers_(kServers),
      pipeline_({.worker = options.worker,
                 .workers = options.workers,
                 .limits = options.limits,
                 .table_secret = {},
                 .port_macs = {kWanMac, kLanMac},
                 .mtus = options.mtus},
                flow::TableMemory(flow::FlowTable::bytes_needed(options.limits)), *counters_,
                servers_, balance::Load(std::vector{std::span(servers_)})) {
  install(content);
  hold_groups(~std::uint32_t{0});
  advance_ms(stage::kTakeoverGraceMs);
}

void Bed::install(const ImageContent& content) {
  std::vector<std::byte> image = build_image(content);
  const auto fault = abi::check_successor(pipeline_.image(), image);
  assert(fault == abi::ImageFault::none);
  (void)fault;
  pipeline_.install(abi::ImageView(image.data()));
  image_ = std::move(image);
}

Outcome Bed::send(const Frame& frame, std::uint8_t port) {
  const Input input{frame, port};
  return send_batch({&input, 1}).front();
}

std::vector<Outcome> Bed::send_batch(std::span<const Input> inputs) {
  assert(inputs.size() <= stage::kBatch);
  const Buffers buffers(inputs);
  const auto batch = std::make_unique<stage::Batch>();
  batch->count = static_cast<std::uint32_t>(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    batch->packets[i] = {.data = buffers[i],
                         .length = static_cast<std::uint16_t>(inputs[i].frame.size()),
                         .port = inputs[i].port};
  }
  pipeline_.process(*batch, now_ms_);
  pipeline_.tally(*batch);

  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const stage::Packet& packet = batch->packets[i];
    outcomes.push_back({batch->verdicts[i], packet.port, packet.owner,
                        Frame(packet.data, packet.data + packet.length)});
  }
  return outcomes;
}

std::vector<Outcome> Bed::take_released() {
  std::vector<Outcome> outcomes;
  for (const auto& [packet, verdict] : pipeline_.take_released()) {
    outcomes.push_back(
        {verdict, packet.port, packet.owner, Frame(packet.data, packet.data + packet.length)});
  }
  return outcomes;
}

TcpState Bed::state_of(const Endpoint& from, const Endpoint& to, std::uint8_t protocol) {
  auto& flows = pipeline_.flows();
  const auto key =
      flow::FlowKey::of(from.address, be16(from.port), to.address, be16(to.port), protocol);
  const flow::FlowRef ref = flows.find(key, flows.hash_of(key));
  return ref == flow::kNoFlow ? TcpState::free : flows.record_of(ref).state;
}

Connection::Connection(Bed& bed, const Endpoint& client, const Endpoint& service)
    : bed_(&bed),
      client_(client),
      service_(service),
      opened_(bed.send(client_frame(kTcpSyn), kWan)) {
  if (opened_.verdict != Verdict::to_server) return;
  const auto seen = read_tcp(opened_.frame);
  local_ = seen->from;
  server_ = seen->to;
}

Connection Connection::established(Bed& bed, const Endpoint& client, const Endpoint& service) {
  Connection connection(bed, client, service);
  connection.from_server(kTcpSyn | kTcpAck);
  connection.from_client(kTcpAck);
  return connection;
}

TcpFrame Connection::client_frame(unsigned flags, std::string_view data) const {
  const MacAddress to = service_.address == kWeb.address ? kPublicMac : kPrivateMac;
  return tcp(client_, service_).macs({kRouterMac, to}).flags(flags).data(data);
}

TcpFrame Connection::server_frame(unsigned flags, std::string_view data) const {
  const MacAddress to = local_.address == kWebLocal ? kPublicMac : kPrivateMac;
  return tcp(server_, local_).macs({mac_of(server_), to}).flags(flags).data(data);
}

Outcome Connection::from_client(unsigned flags, std::string_view data) {
  return bed_->send(client_frame(flags, data), kWan);
}

Outcome Connection::from_server(unsigned flags, std::string_view data) {
  return bed_->send(server_frame(flags, data), kLan);
}

Endpoint client(std::uint32_t number) {
  return {{be32(0xc6120000u + number / 256)},  // 198.18.0.0/15, for benchmarks (RFC 2544)
          static_cast<std::uint16_t>(40'000 + number % 256)};
}

MacAddress mac_of(const Endpoint& server) {
  if (server.address == kWeb1.address) return kWeb1Mac;
  return server.address == kWeb2.address ? kWeb2Mac : kDb1Mac;
}

}  // namespace carpool::test

namespace carpool::abi {
void PrintTo(Verdict verdict, std::ostream* out) {
  *out << info(verdict).name;
}
}  // namespace carpool::abi

namespace carpool::flow {
void PrintTo(TcpState state, std::ostream* out) {
  *out << kTcpStateNames[static_cast<std::size_t>(state)];
}
}  // namespace carpool::flow
