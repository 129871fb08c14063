// The packet kind: DPDK's af_packet driver, for devices where AF_XDP does not work. Kernel and data
// plane both see every packet that arrives: the kernel drops what is for a virtual MAC, and the
// pipeline ignores what is not for its addresses. Each pays for looking at the other's packets.
#include "drivers/packet_port.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "drivers/kernel_device.h"
#include "drivers/own_sockets.h"
#include "drivers/virtual_device.h"

namespace carpool {
namespace {

constexpr unsigned kFrames = 1024;
constexpr unsigned kFrameBytes = 2048;
constexpr unsigned kLargestMtu = 1960;  // what is left of a frame without its descriptor
constexpr unsigned kMaxQueues = 64;     // the kernel spreads packets over any number of sockets

class PacketPort final : public Port {
 public:
  PacketPort(PortSpec spec, KernelDevice device)
      : Port(std::move(spec)), device_(std::move(device)) {}

  Result<void> open(const PortSettings& settings);

  [[nodiscard]] int receive_fd(unsigned queue) const override { return sockets_[queue]; }
  [[nodiscard]] bool link_up() const override { return device_.link_up(); }
  [[nodiscard]] unsigned mtu() const override { return device_.mtu(); }
  [[nodiscard]] unsigned ifindex() const override { return device_.index(); }

 private:
  Result<void> start_device(const PortSettings& settings);
  Result<void> ignore_outgoing() const;

  KernelDevice device_;
  Fd claim_;
  Fd promiscuous_;
  VirtualDevice ethdev_;
  std::vector<int> sockets_;  // the driver's; one per queue
};

// Else we would receive what the kernel, and we ourselves, send. (PACKET_IGNORE_OUTGOING does not
// reach sockets that share packets by PACKET_FANOUT, as the driver's do.)
Result<void> PacketPort::ignore_outgoing() const {
  constexpr auto kPacketType = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);
  constexpr std::uint32_t kWholePacket = 0xffffffff;
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kPacketType),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, kWholePacket),
  };
  const sock_fprog program{std::size(code), code};
  for (const int socket : sockets_) {
    if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
      return fail(std::string("cannot leave out what the kernel sends: ") + std::strerror(errno));
    }
  }
  return {};
}

Result<void> PacketPort::start_device(const PortSettings& settings) {
  const std::string arguments =
      "iface=" + device_.name() + ",qpairs=" + std::to_string(queues_) +
      ",blocksz=" + std::to_string(2 * kFrameBytes) + ",framesz=" + std::to_string(kFrameBytes) +
      ",framecnt=" + std::to_string(option_number(spec_, "frames", kFrames)) +
      ",qdisc_bypass=" + (option_yes(spec_, "qdisc-bypass", true) ? "1" : "0");
  const auto before = own_sockets(AF_PACKET);
  auto made = VirtualDevice::create("net_af_packet_" + spec_.name, arguments);
  if (!made) return std::unexpected(made.error());
  ethdev_ = std::move(*made);
  // The driver opens them in the order of its queues, so their numbers ascend.
  sockets_ = appeared(before, own_sockets(AF_PACKET));
  if (sockets_.size() != queues_) return fail("cannot find the sockets of its queues");
  if (auto set = ignore_outgoing(); !set) return set;
  return ethdev_.run(queues_, settings);
}

Result<void> PacketPort::open(const PortSettings& settings) {
  if (mtu() > kLargestMtu) {
    return fail(device_.name() + " has an MTU of " + std::to_string(mtu()) +
                ", a packet port takes at most " + std::to_string(kLargestMtu) +
                "; set it with: ip link set " + device_.name() + " mtu 1500");
  }
  auto claim = device_.claim();
  if (!claim) return std::unexpected(claim.error());
  claim_ = std::move(*claim);
  auto promiscuous = device_.promiscuous();
  if (!promiscuous) return std::unexpected(promiscuous.error());
  promiscuous_ = std::move(*promiscuous);

  queues_ = std::min(settings.workers(), kMaxQueues);
  if (auto started = start_device(settings); !started) return started;
  ethdev_id_ = ethdev_.id();
  mac_ = device_.mac();
  capabilities_ = ethdev_capabilities(ethdev_id_);
  capabilities_.max_queues = kMaxQueues;
  capabilities_.shared_with_kernel = true;
  return {};
}

}  // namespace

Result<std::unique_ptr<Port>> open_packet_port(const PortSpec& spec, const PortSettings& settings) {
  auto device = KernelDevice::find(spec.device);
  if (!device) return std::unexpected(device.error());
  auto port = std::make_unique<PacketPort>(spec, std::move(*device));
  if (auto opened = port->open(settings); !opened) return std::unexpected(opened.error());
  return port;
}

}  // namespace carpool
