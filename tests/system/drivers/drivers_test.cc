// Ports on real kernel devices. The program moves into a network namespace of its own at start,
// which goes when it ends: nothing outside can be touched. Needs root.
//   drivers_test hold PORT_SPEC    opens the port, says "open" and waits to be killed
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "drivers/eal.h"
#include "drivers/fd.h"
#include "drivers/kernel_device.h"
#include "drivers/pool.h"
#include "drivers/port.h"
#include "drivers/ring_port.h"
#include "drivers/xdp/steer.h"
#include "tests/system/drivers/raw_wire.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;

constexpr Ipv4Address kVirtual = Ipv4Address::of(10, 9, 0, 100);
constexpr Ipv4Address kKernel = Ipv4Address::of(10, 9, 0, 1);  // the device's own address
constexpr Ipv4Address kClient = Ipv4Address::of(10, 9, 0, 2);
constexpr Ipv4Address kAllCarp = Ipv4Address::of(224, 0, 0, 18);
constexpr MacAddress kClientMac{{0x02, 0, 0, 0, 0, 0x22}};
constexpr MacAddress kVirtualMac = MacAddress::virtual_router(53);

bool shell(const std::string& command) {
  return std::system(command.c_str()) == 0;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

EalOptions eal_options() {
  EalOptions options;
  options.worker_cpus = {0, 0};
  options.memory_mb = 96;
  options.huge_pages = huge_pages().free * 2 > options.memory_mb + 32;
  return options;
}

// Fresh ones for each test, as an xdp port never gives all of its buffers back.
std::vector<PacketPool>& pool_owners() {
  static std::vector<PacketPool> owners;
  return owners;
}

std::vector<rte_mempool*> pools(unsigned count = 2) {
  for (unsigned i = static_cast<unsigned>(pool_owners().size()); i < count; ++i) {
    auto pool = create_packet_pool("test" + std::to_string(i), 8191, 16);
    if (!pool) {
      std::cerr << pool.error().message << "\n";
      std::exit(1);
    }
    pool_owners().push_back(std::move(*pool));
  }
  std::vector<rte_mempool*> list;
  for (unsigned i = 0; i < count; ++i)
    list.push_back(pool_owners()[i].get());
  return list;
}

Result<std::unique_ptr<Port>> open(const std::string& text, unsigned workers = 1) {
  const auto spec = parse_port_spec(text);
  if (!spec) return std::unexpected(spec.error());
  const auto list = pools(workers);
  return open_port(*spec, {.pools = list});
}

std::string error_of(const std::string& text) {
  const auto port = open(text);
  return port ? "it opened" : port.error().message;
}

template <class Header>
void append(Frame& frame, const Header& header) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&header);
  frame.insert(frame.end(), bytes, bytes + sizeof(header));
}

Frame ip_frame(Ipv4Address to, std::uint8_t protocol, std::uint16_t fragment = 0,
               MacAddress mac = MacAddress::broadcast()) {
  Frame frame;
  append(frame, EthernetHeader{mac, kClientMac, kEtherTypeIpv4});
  Ipv4Header ip;
  constexpr std::size_t kPayload = 40;
  ip.total_length = be16(sizeof(Ipv4Header) + kPayload);
  ip.fragment = be16(fragment);
  ip.protocol = protocol;
  ip.source = kClient;
  ip.destination = to;
  append(frame, ip);
  frame.resize(frame.size() + kPayload);
  return frame;
}

Frame arp_request(Ipv4Address target) {
  Frame frame;
  append(frame, EthernetHeader{MacAddress::broadcast(), kClientMac, kEtherTypeArp});
  ArpHeader arp;
  arp.operation = kArpRequest;
  arp.sender_mac = kClientMac;
  arp.sender_ip = kClient;
  arp.target_ip = target;
  append(frame, arp);
  frame.resize(60);
  return frame;
}

bool is_arp_reply(const Frame& frame) {
  return frame.size() >= 42 && frame[12] == 0x08 && frame[13] == 0x06 && frame[21] == 2;
}

// What arrives on the port within the time, whole.
std::vector<Frame> receive(const Port& port, std::size_t wanted,
                           std::chrono::milliseconds patience = 1000ms, unsigned queue = 0) {
  std::vector<Frame> frames;
  const auto end = std::chrono::steady_clock::now() + patience;
  while (frames.size() < wanted && std::chrono::steady_clock::now() < end) {
    rte_mbuf* packets[32];
    const auto count =
        rte_eth_rx_burst(port.ethdev_id(), static_cast<std::uint16_t>(queue), packets, 32);
    for (unsigned i = 0; i < count; ++i) {
      const auto* data = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
      frames.emplace_back(data, data + rte_pktmbuf_data_len(packets[i]));
      rte_pktmbuf_free(packets[i]);
    }
    if (count == 0) std::this_thread::sleep_for(1ms);
  }
  return frames;
}

bool transmit(const Port& port, const Frame& frame, unsigned queue = 0) {
  rte_mbuf* packet = rte_pktmbuf_alloc(pools()[queue]);
  if (packet == nullptr) return false;
  std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())), frame.data(),
              frame.size());
  return rte_eth_tx_burst(port.ethdev_id(), static_cast<std::uint16_t>(queue), &packet, 1) == 1;
}

bool has_program(const std::string& device) {
  return shell("ip link show dev " + device + " | grep -q 'prog/xdp'");
}

// A fresh cable for each test: the port's end `vp`, the other `vc`.
class PortTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(
        shell("ip link add vp type veth peer name vc && "
              "ip addr add 10.9.0.1/24 dev vp && "
              "for d in vp vc; do sysctl -qw net.ipv6.conf.$d.disable_ipv6=1; "
              "ethtool -K $d tx off gso off tso off gro off >/dev/null 2>&1; "
              "ip link set $d up; done"));
    wire_.emplace("vc");
    ASSERT_TRUE(wire_->ready());
  }
  void TearDown() override {
    wire_.reset();
    shell("ip link del vp 2>/dev/null");
    pool_owners().clear();
  }
  [[nodiscard]] bool kernel_answers_arp() const {
    wire_->send(arp_request(kKernel));
    return wire_->receive(1000ms, is_arp_reply).has_value();
  }

  std::optional<RawWire> wire_;
};

TEST_F(PortTest, XdpSteersExactlyWhatIsOurs) {
  auto port = open("wan=xdp:vp");
  ASSERT_TRUE(port) << port.error().message;
  ASSERT_TRUE((*port)->set_steered_addresses(std::array{kVirtual}));

  const Frame tcp = ip_frame(kVirtual, kProtocolTcp, 0, kVirtualMac);
  const Frame unfragmentable = ip_frame(kVirtual, kProtocolUdp, 0x4000, kVirtualMac);
  const Frame arp = arp_request(kVirtual);
  const Frame advert = ip_frame(kAllCarp, kProtocolCarp);
  Frame hello = ip_frame(kAllCarp, kProtocolUdp);
  hello[36] = CARPOOL_STEER_HELLO_PORT >> 8;
  hello[37] = CARPOOL_STEER_HELLO_PORT & 0xff;
  Frame malformed = tcp;
  malformed[17] = 0xff;  // a total length beyond the frame's end
  Frame vlan = tcp;
  vlan[12] = 0x81;
  vlan[13] = 0x00;
  const Frame first = ip_frame(kVirtual, kProtocolUdp, 0x2000);
  const Frame later = ip_frame(kVirtual, kProtocolUdp, 0x0001);
  const std::vector<Frame> ours{tcp, unfragmentable, arp, advert, hello, first, later};
  const std::vector<Frame> kernels{ip_frame(kKernel, kProtocolTcp),
                                   arp_request(kKernel),
                                   ip_frame(kAllCarp, kProtocolCarp, 0x2000),
                                   ip_frame(kAllCarp, kProtocolUdp),
                                   malformed,
                                   vlan,
                                   Frame(tcp.begin(), tcp.begin() + 30)};
  for (const auto& frame : kernels)
    ASSERT_TRUE(wire_->send(frame));
  for (const auto& frame : ours)
    ASSERT_TRUE(wire_->send(frame));

  EXPECT_EQ(receive(**port, ours.size() + 1, 300ms), ours);
  EXPECT_TRUE(kernel_answers_arp());
  const SteeringCounters expected{
      .packets = 4, .arp = 1, .adverts = 2, .passed = kernels.size() + 1, .unclaimed = 0};
  EXPECT_EQ((*port)->steering_counters(), expected);
}

// The MAC of a group that servers have for their gateway.
TEST_F(PortTest, XdpSteersWhatIsForAMacOfOurs) {
  auto port = open("wan=xdp:vp");
  ASSERT_TRUE(port) << port.error().message;
  const Frame answer = ip_frame(Ipv4Address::of(198, 51, 100, 7), kProtocolTcp, 0, kVirtualMac);
  const Frame other = ip_frame(Ipv4Address::of(198, 51, 100, 8), kProtocolTcp);
  const auto arrive = [&] {
    wire_->send(answer);
    wire_->send(other);
    return receive(**port, 2, 200ms);
  };
  using Frames = std::vector<Frame>;
  EXPECT_EQ(arrive(), Frames{});
  ASSERT_TRUE((*port)->set_steered_macs(std::array{kVirtualMac}));
  EXPECT_EQ(arrive(), Frames{answer});
  ASSERT_TRUE((*port)->set_steered_macs({}));
  EXPECT_EQ(arrive(), Frames{});
}

TEST_F(PortTest, XdpFollowsTheSetOfAddresses) {
  auto port = open("wan=xdp:vp");
  ASSERT_TRUE(port) << port.error().message;
  const auto other = Ipv4Address::of(10, 9, 0, 101);
  const auto arrive = [&] {
    wire_->send(ip_frame(kVirtual, kProtocolTcp));
    wire_->send(ip_frame(other, kProtocolTcp));
    return receive(**port, 2, 200ms);
  };
  using Frames = std::vector<Frame>;
  EXPECT_EQ(arrive(), Frames{});
  ASSERT_TRUE((*port)->set_steered_addresses(std::array{kVirtual}));
  EXPECT_EQ(arrive(), Frames{ip_frame(kVirtual, kProtocolTcp)});
  ASSERT_TRUE((*port)->set_steered_addresses(std::array{other}));
  EXPECT_EQ(arrive(), Frames{ip_frame(other, kProtocolTcp)});
  ASSERT_TRUE((*port)->set_steered_addresses({}));
  EXPECT_EQ(arrive(), Frames{});
}

TEST_F(PortTest, XdpSendsWhileTheKernelSendsToo) {
  auto port = open("wan=xdp:vp");
  ASSERT_TRUE(port) << port.error().message;
  for (int i = 0; i < 5000; ++i) {  // more than its rings hold
    const Frame frame = ip_frame(kClient, kProtocolUdp, 0, kClientMac);
    ASSERT_TRUE(transmit(**port, frame)) << i;
    ASSERT_TRUE(wire_->receive(1000ms, [&](const Frame& got) { return got == frame; })) << i;
  }
  EXPECT_TRUE(kernel_answers_arp());
}

TEST_F(PortTest, XdpReceivesMoreThanItsRingsHold) {
  auto port = open("wan=xdp:vp");
  ASSERT_TRUE(port) << port.error().message;
  ASSERT_TRUE((*port)->set_steered_addresses(std::array{kVirtual}));
  std::size_t received = 0;
  for (int round = 0; round < 1000; ++round) {
    for (int i = 0; i < 20; ++i)
      ASSERT_TRUE(wire_->send(ip_frame(kVirtual, kProtocolTcp)));
    received += receive(**port, 20).size();
  }
  EXPECT_EQ(received, 20000u);
}

TEST_F(PortTest, XdpWakesASleepingWorker) {
  auto port = open("wan=xdp:vp");
  ASSERT_TRUE(port) << port.error().message;
  ASSERT_TRUE((*port)->set_steered_addresses(std::array{kVirtual}));
  pollfd queue{(*port)->receive_fd(0), POLLIN, 0};
  EXPECT_EQ(poll(&queue, 1, 50), 0);
  ASSERT_TRUE(wire_->send(ip_frame(kVirtual, kProtocolTcp)));
  EXPECT_EQ(poll(&queue, 1, 1000), 1);
  EXPECT_EQ(receive(**port, 1).size(), 1u);
}

TEST_F(PortTest, XdpLeavesNoTraceAndOpensAgain) {
  for (int round = 0; round < 2; ++round) {
    {
      auto port = open("wan=xdp:vp");
      ASSERT_TRUE(port) << port.error().message;
      EXPECT_TRUE(has_program("vp"));
      EXPECT_TRUE(shell("ip -d link show vp | grep -q 'promiscuity 1'"));
    }
    EXPECT_FALSE(has_program("vp"));
    EXPECT_TRUE(shell("ip -d link show vp | grep -q 'promiscuity 0'"));
    EXPECT_TRUE(kernel_answers_arp());
  }
}

TEST_F(PortTest, XdpReportsWhatTheDeviceIs) {
  auto port = open("wan=xdp:vp", 2);
  ASSERT_TRUE(port) << port.error().message;
  EXPECT_EQ((*port)->queues(), 1u);
  PortCapabilities expected;
  expected.shared_with_kernel = true;
  expected.steers_addresses = true;
  EXPECT_EQ((*port)->capabilities(), expected);
  EXPECT_EQ((*port)->mtu(), 1500u);
  EXPECT_EQ((*port)->mac(), KernelDevice::find("vp")->mac());
}

// What arrives on a queue that is not ours would go to the kernel.
TEST_F(PortTest, XdpBundlesTheQueuesOfADevice) {
  ASSERT_TRUE(shell("ethtool -L vp rx 2"));
  {
    auto port = open("wan=xdp:vp");
    ASSERT_TRUE(port) << port.error().message;
    EXPECT_EQ(KernelDevice::find("vp")->channels()->receiving(), 1u);
  }
  EXPECT_EQ(KernelDevice::find("vp")->channels()->receiving(), 2u);
}

TEST_F(PortTest, LinkFollowsTheKernelDevice) {
  for (const char* spec : {"wan=xdp:vp", "wan=packet:vp"}) {
    auto port = open(spec);
    ASSERT_TRUE(port) << port.error().message;
    EXPECT_TRUE((*port)->link_up());
    shell("ip link set vc down");
    EXPECT_FALSE((*port)->link_up()) << "no carrier";
    shell("ip link set vc up");
    EXPECT_TRUE((*port)->link_up());
    shell("ip link set vp down");
    EXPECT_FALSE((*port)->link_up()) << "set down";
    shell("ip link set vp up");
    EXPECT_TRUE((*port)->link_up());
  }
}

TEST_F(PortTest, SurvivesItsDeviceBeingDeleted) {
  for (const char* spec : {"wan=xdp:vp", "wan=packet:vp"}) {
    TearDown();
    SetUp();
    auto port = open(spec);
    ASSERT_TRUE(port) << port.error().message;
    wire_.reset();
    shell("ip link del vp");
    EXPECT_FALSE((*port)->link_up());
    EXPECT_EQ((*port)->mtu(), 0u);
    SetUp();
    EXPECT_FALSE((*port)->link_up()) << "another device of the same name";
    EXPECT_EQ(receive(**port, 1, 10ms).size(), 0u);
    transmit(**port, ip_frame(kClient, kProtocolUdp));
  }
}

TEST_F(PortTest, NamesTheDevicesWhenOneIsMissing) {
  EXPECT_EQ(error_of("wan=xdp:eth9"),
            "port wan: there is no network device 'eth9' here; there are: lo vc vp");
  EXPECT_EQ(error_of("wan=packet:eth9"),
            "port wan: there is no network device 'eth9' here; there are: lo vc vp");
  EXPECT_EQ(error_of("wan=xdp:lo"), "port wan: 'lo' is not an Ethernet device");
}

TEST_F(PortTest, RefusesAnMtuThatItCannotReceive) {
  ASSERT_TRUE(shell("ip link set vp mtu 3000"));
  EXPECT_EQ(error_of("wan=xdp:vp"),
            "port wan: vp has an MTU of 3000, an xdp port takes at most 1774; set it with: ip link "
            "set vp mtu 1500");
  EXPECT_FALSE(has_program("vp"));
}

TEST_F(PortTest, PassesOnWhyTheKernelRefuses) {
  ASSERT_TRUE(shell("ip link set vc mtu 9000"));
  const std::string error = error_of("wan=xdp:vp");
  EXPECT_NE(error.find("Peer MTU is too large to set XDP"), std::string::npos) << error;
}

TEST_F(PortTest, LeavesForeignProgramsAlone) {
  const std::string object = variable("CARPOOL_FOREIGN_PROGRAM");
  if (object.empty()) GTEST_SKIP() << "CARPOOL_FOREIGN_PROGRAM names no compiled XDP program";
  ASSERT_TRUE(shell("ip link set vp xdpdrv obj " + object + " sec xdp"));
  const std::string error = error_of("wan=xdp:vp");
  EXPECT_TRUE(
      error.starts_with("port wan: vp carries somebody else's XDP program ('pass_all', id "))
      << error;
  EXPECT_TRUE(error.ends_with("); stop its owner or remove it: ip link set dev vp xdp off"));
  EXPECT_TRUE(has_program("vp"));
}

// Another data plane on the same machine: this program once more.
class Holder {
 public:
  explicit Holder(const std::string& spec) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    process_ = fork();
    if (process_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      const auto program = std::filesystem::read_symlink("/proc/self/exe");
      execl(program.c_str(), "drivers_test", "hold", spec.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    char said[64]{};
    const Fd output(ends[0]);
    ready_ = read(output.get(), said, sizeof(said) - 1) > 0 && std::string_view(said) == "open\n";
  }
  ~Holder() { end(SIGKILL); }
  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] pid_t process() const { return process_; }
  void end(int signal) {
    if (process_ <= 0) return;
    kill(process_, signal);
    waitpid(process_, nullptr, 0);
    process_ = 0;
  }

 private:
  pid_t process_ = 0;
  bool ready_ = false;
};

TEST_F(PortTest, SaysWhoHoldsABusyDevice) {
  Holder holder("wan=xdp:vp");
  ASSERT_TRUE(holder.ready());
  const std::string expected =
      "port wan: vp is in use by process " + std::to_string(holder.process()) + " (drivers_test)";
  EXPECT_EQ(error_of("wan=xdp:vp"), expected);
  EXPECT_EQ(error_of("wan=packet:vp"), expected);
}

TEST_F(PortTest, AKilledProcessLeavesTheDeviceToTheKernel) {
  Holder holder("wan=xdp:vp");
  ASSERT_TRUE(holder.ready());
  EXPECT_TRUE(has_program("vp"));
  holder.end(SIGKILL);
  EXPECT_FALSE(has_program("vp"));
  EXPECT_TRUE(shell("ip -d link show vp | grep -q 'promiscuity 0'"));
  EXPECT_TRUE(kernel_answers_arp());
  std::this_thread::sleep_for(50ms);  // less than any new process needs to get this far
  auto port = open("wan=xdp:vp");
  EXPECT_TRUE(port) << port.error().message;
}

// As it would be after a kill in the moment between the driver's attachment and our taking over.
TEST_F(PortTest, ReplacesAProgramThatWasLeftBehind) {
  const std::string object = variable("CARPOOL_STEER_PROGRAM");
  if (object.empty()) GTEST_SKIP() << "CARPOOL_STEER_PROGRAM does not name our compiled program";
  ASSERT_TRUE(shell("ip link set vp xdpdrv obj " + object + " sec xdp"));
  auto port = open("wan=xdp:vp");
  ASSERT_TRUE(port) << port.error().message;
  ASSERT_TRUE((*port)->set_steered_addresses(std::array{kVirtual}));
  wire_->send(ip_frame(kVirtual, kProtocolTcp));
  EXPECT_EQ(receive(**port, 1).size(), 1u);
}

TEST_F(PortTest, PacketDeliversEverythingThatArrivesAndNothingThatLeaves) {
  auto port = open("wan=packet:vp");
  ASSERT_TRUE(port) << port.error().message;
  const std::vector<Frame> frames{ip_frame(kVirtual, kProtocolTcp, 0, kVirtualMac),
                                  arp_request(kVirtual), arp_request(kKernel)};
  for (const auto& frame : frames)
    ASSERT_TRUE(wire_->send(frame));
  EXPECT_TRUE(wire_->receive(1000ms, is_arp_reply)) << "the kernel's own address answers";
  const Frame sent = ip_frame(kClient, kProtocolUdp, 0, kClientMac);
  ASSERT_TRUE(transmit(**port, sent));
  EXPECT_TRUE(wire_->receive(1000ms, [&](const Frame& got) { return got == sent; }));
  EXPECT_EQ(receive(**port, frames.size() + 1, 200ms), frames);
  EXPECT_FALSE((*port)->steering_counters());
}

TEST_F(PortTest, PacketSpreadsOverQueuesAndWakesTheirWorkers) {
  auto port = open("wan=packet:vp", 2);
  ASSERT_TRUE(port) << port.error().message;
  ASSERT_EQ((*port)->queues(), 2u);
  for (unsigned i = 0; i < 64; ++i) {
    ASSERT_TRUE(wire_->send(
        ip_frame(Ipv4Address::of(10, 9, 1, static_cast<std::uint8_t>(i)), kProtocolTcp)));
  }
  for (unsigned queue = 0; queue < 2; ++queue) {
    pollfd readable{(*port)->receive_fd(queue), POLLIN, 0};
    EXPECT_EQ(poll(&readable, 1, 1000), 1) << queue;
  }
  const auto first = receive(**port, 64, 100ms, 0).size();
  const auto second = receive(**port, 64, 100ms, 1).size();
  EXPECT_GT(first, 0u);
  EXPECT_GT(second, 0u);
  EXPECT_EQ(first + second, 64u);
}

TEST(MemifPort, ConnectsTwoPorts) {
  const std::string path = testing::TempDir() + "carpool-drivers-test.sock";
  auto server = open("s=memif:" + path + ",role=server,mac=02:00:00:00:00:05");
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_FALSE((*server)->link_up());
  auto client = open("c=memif:" + path + ",role=client");
  ASSERT_TRUE(client) << client.error().message;
  for (int i = 0; i < 300 && !((*server)->link_up() && (*client)->link_up()); ++i) {
    std::this_thread::sleep_for(10ms);
  }
  ASSERT_TRUE((*server)->link_up() && (*client)->link_up());
  EXPECT_EQ(to_string((*server)->mac()), "02:00:00:00:00:05");
  const Frame there = ip_frame(kVirtual, kProtocolTcp);
  const Frame back = arp_request(kVirtual);
  ASSERT_TRUE(transmit(**client, there));
  EXPECT_EQ(receive(**server, 1), std::vector<Frame>{there});
  receive(**client, 1, 10ms);  // gives the server its first buffers
  ASSERT_TRUE(transmit(**server, back));
  EXPECT_EQ(receive(**client, 1), std::vector<Frame>{back});
}

TEST(MemifPort, NeedsAFolderForItsSocket) {
  EXPECT_EQ(error_of("lan=memif:/nowhere/lan.sock"),
            "port lan: there is no folder '/nowhere' for the socket /nowhere/lan.sock");
}

TEST(RingPort, IsFedAndDrainedByItsOwner) {
  const auto list = pools();
  auto port = open_ring_port(*parse_port_spec("bench=ring,size=64"), {.pools = list});
  ASSERT_TRUE(port) << port.error().message;
  EXPECT_EQ((*port)->queues(), 2u);
  for (unsigned queue = 0; queue < 2; ++queue) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pools()[queue]);
    ASSERT_EQ(rte_ring_enqueue((*port)->receive_ring(queue), packet), 0);
    rte_mbuf* got = nullptr;
    const auto index = static_cast<std::uint16_t>(queue);
    ASSERT_EQ(rte_eth_rx_burst((*port)->ethdev_id(), index, &got, 1), 1);
    EXPECT_EQ(got, packet);
    ASSERT_EQ(rte_eth_tx_burst((*port)->ethdev_id(), index, &got, 1), 1);
    void* out = nullptr;
    ASSERT_EQ(rte_ring_dequeue((*port)->transmit_ring(queue), &out), 0);
    EXPECT_EQ(out, packet);
    rte_pktmbuf_free(packet);
  }
  EXPECT_TRUE((*port)->link_up());
  (*port)->set_link(false);
  EXPECT_FALSE((*port)->link_up());
}

TEST(Pool, RefusesMoreThanThereIs) {
  const auto pool = create_packet_pool("huge", 4'000'000);
  ASSERT_FALSE(pool);
  EXPECT_TRUE(
      pool.error().message.starts_with("packet buffers huge: cannot reserve 4000000 buffers"))
      << pool.error().message;
}

TEST(Eal, SaysHowManyHugePagesAreMissing) {
  EalOptions options;
  options.worker_cpus = {0};
  options.memory_mb = 4u << 20;
  const auto started = start_eal(options);
  ASSERT_FALSE(started);
  EXPECT_TRUE(
      started.error().message.starts_with("not enough huge pages: 2097152 of 2 MiB are needed, "))
      << started.error().message;
  EXPECT_NE(started.error().message.find("sudo tools/setup --hugepages"), std::string::npos);
}

TEST(Eal, KnowsItsCpus) {
  EalOptions options;
  options.worker_cpus = {1000};
  EXPECT_TRUE(start_eal(options).error().message.starts_with(
      "there is no CPU 1000 for a worker, or this process may not use it"));
  options.worker_cpus = {};
  EXPECT_EQ(start_eal(options).error().message, "no CPU for workers is given");
}

int hold(const std::string& spec) {
  auto port = open(spec);
  if (!port) std::cerr << port.error().message << "\n";
  if (!port) return 1;
  std::cout << "open\n" << std::flush;
  while (true)
    pause();
}

}  // namespace
}  // namespace carpool

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;  // as meson and automake understand it
  if (geteuid() != 0) {
    std::cerr << "needs root\n";
    return kSkipped;
  }
  const bool hold = argc == 3 && std::string_view(argv[1]) == "hold";
  if (!hold && (unshare(CLONE_NEWNET) != 0 || !carpool::shell("ip link set lo up"))) return 1;
  if (auto started = carpool::start_eal(carpool::eal_options()); !started) {
    std::cerr << started.error().message << "\n";
    return 1;
  }
  if (hold) return carpool::hold(argv[2]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
