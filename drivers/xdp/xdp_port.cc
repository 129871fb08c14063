// The xdp kind: DPDK's af_xdp driver with our program in front of it. The driver does the packets;
// what it leaves undone on opening and closing is done here.
#include "drivers/xdp/xdp_port.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include "drivers/kernel_device.h"
#include "drivers/own_sockets.h"
#include "drivers/pool.h"
#include "drivers/virtual_device.h"
#include "drivers/xdp/steer.h"
#include "drivers/xdp/steering.h"

namespace carpool {
namespace {

constexpr unsigned kFrameOverhead = 14 + 4;  // Ethernet and one VLAN tag
constexpr unsigned kNicBusyBudget = 64;

// The driver takes a device without combined channels (veth) for one with a single queue.
unsigned most_queues(const std::optional<Channels>& channels) {
  const unsigned most = channels ? std::max(channels->max_combined, 1u) : 1u;
  return std::min<unsigned>(most, CARPOOL_STEER_MAX_QUEUES);
}

// The device must spread packets over exactly our queues: what arrives on another one would go to
// the kernel. Undone at the end.
class ChannelSetting {
 public:
  ChannelSetting() = default;
  ChannelSetting(const KernelDevice& device, const Channels& before)
      : device_(&device), before_(before) {}
  ChannelSetting(ChannelSetting&& other) noexcept
      : device_(std::exchange(other.device_, nullptr)), before_(other.before_) {}
  ChannelSetting& operator=(ChannelSetting&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(before_, other.before_);
    return *this;
  }
  ~ChannelSetting() {
    if (device_ != nullptr) (void)device_->set_channels(before_);
  }

 private:
  const KernelDevice* device_ = nullptr;
  Channels before_;
};

Result<ChannelSetting> match_channels(const KernelDevice& device, unsigned queues) {
  const auto before = device.channels();
  if (!before || before->receiving() == queues) return ChannelSetting();
  Channels wanted = *before;
  const bool paired = before->max_combined > 0;
  wanted.combined = paired ? queues : before->combined;
  wanted.receive = paired ? 0 : queues;
  if (auto changed = device.set_channels(wanted); !changed) {
    return fail(device.name() + " spreads packets over " + std::to_string(before->receiving()) +
                " receive queues, but there are workers for " + std::to_string(queues) +
                ", and that cannot be changed (" + changed.error().message + "); try: ethtool -L " +
                device.name() + (paired ? " combined " : " rx ") + std::to_string(queues));
  }
  return ChannelSetting(device, *before);
}

// Why the queue cannot be had, from a trial without DPDK, which does not say: empty if it can.
std::string trial_bind(const KernelDevice& device, unsigned queue) {
  constexpr std::size_t kBytes = 4 * XSK_UMEM__DEFAULT_FRAME_SIZE;
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {};
  xsk_umem* umem = nullptr;
  xsk_ring_prod fill;
  xsk_ring_cons completion;
  xsk_socket* socket = nullptr;
  xsk_ring_cons receive;
  int status = xsk_umem__create(&umem, memory, kBytes, &fill, &completion, nullptr);
  if (status == 0) {
    xsk_socket_config config{};
    config.rx_size = 2;
    config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
    config.bind_flags = XDP_COPY;
    status =
        xsk_socket__create(&socket, device.name().c_str(), queue, umem, &receive, nullptr, &config);
    if (status == 0) xsk_socket__delete(socket);
    xsk_umem__delete(umem);
  }
  munmap(memory, kBytes);
  if (status == -EBUSY) {
    return device.name() + " is in use by another process (AF_XDP queue " + std::to_string(queue) +
           " is busy)";
  }
  return status == 0 ? "" : "AF_XDP does not work on " + device.name() + ": " + strerror(-status);
}

class XdpPort final : public Port {
 public:
  XdpPort(PortSpec spec, KernelDevice device) : Port(std::move(spec)), device_(std::move(device)) {}
  ~XdpPort() override;

  Result<void> open(const PortSettings& settings);

  [[nodiscard]] int receive_fd(unsigned queue) const override { return sockets_[queue]; }
  [[nodiscard]] bool link_up() const override { return device_.link_up(); }
  [[nodiscard]] unsigned mtu() const override { return device_.mtu(); }
  [[nodiscard]] unsigned ifindex() const override { return device_.index(); }
  Result<void> set_steered_addresses(std::span<const Ipv4Address> addresses) override {
    return steering_.set_addresses(addresses);
  }
  Result<void> set_steered_macs(std::span<const MacAddress> macs) override {
    return steering_.set_macs(macs);
  }
  [[nodiscard]] std::optional<SteeringCounters> steering_counters() const override {
    return steering_.counters();
  }

 private:
  Result<void> check_frame_size(const PortSettings& settings) const;
  Result<void> reserve_device(const PortSettings& settings);
  Result<void> start_device(const PortSettings& settings);
  [[nodiscard]] std::string driver_arguments(int program) const;
  void describe();

  // Given back in the reverse order.
  KernelDevice device_;
  Fd claim_;
  Fd promiscuous_;
  ChannelSetting channels_;
  VirtualDevice ethdev_;
  std::vector<int> sockets_;  // the driver's; one per queue
  Steering steering_;
};

Result<void> XdpPort::check_frame_size(const PortSettings& settings) const {
  const unsigned most = xdp_frame_limit(*settings.pools[0]) - kFrameOverhead;
  if (mtu() <= most) return {};
  return fail(device_.name() + " has an MTU of " + std::to_string(mtu()) +
              ", an xdp port takes at most " + std::to_string(most) +
              "; set it with: ip link set " + device_.name() + " mtu 1500");
}

// What makes the device ours before a packet moves.
Result<void> XdpPort::reserve_device(const PortSettings& settings) {
  auto claim = device_.claim();
  if (!claim) return std::unexpected(claim.error());
  claim_ = std::move(*claim);
  if (auto clean = remove_stale_program(device_); !clean) return clean;

  const auto channels = device_.channels();
  capabilities_.max_queues = most_queues(channels);
  queues_ = std::min(settings.workers(), capabilities_.max_queues);
  auto matched = match_channels(device_, queues_);
  if (!matched) return std::unexpected(matched.error());
  channels_ = std::move(*matched);

  auto promiscuous = device_.promiscuous();
  if (!promiscuous) return std::unexpected(promiscuous.error());
  promiscuous_ = std::move(*promiscuous);
  return {};
}

std::string XdpPort::driver_arguments(int program) const {
  const bool is_virtual = device_.is_virtual();
  const unsigned budget = option_number(spec_, "busy-budget", is_virtual ? 0u : kNicBusyBudget);
  // Without busy polling the driver waits up to a second in poll(2) when a zero-copy NIC asks to be
  // woken. A worker must not wait, so such a port copies.
  const bool copy = option_yes(spec_, "copy", false) || (budget == 0 && !is_virtual);
  return "iface=" + device_.name() + ",start_queue=0,queue_count=" + std::to_string(queues_) +
         ",busy_budget=" + std::to_string(budget) + ",force_copy=" + (copy ? "1" : "0") +
         ",xdp_prog=/proc/self/fd/" + std::to_string(program);
}

Result<void> XdpPort::start_device(const PortSettings& settings) {
  auto program = steering_program_file();
  if (!program) return std::unexpected(program.error());
  auto made = VirtualDevice::create("net_af_xdp_" + spec_.name, driver_arguments(program->get()));
  if (!made) return std::unexpected(made.error());
  ethdev_ = std::move(*made);
  if (auto configured = ethdev_.configure(queues_); !configured) return configured;
  for (unsigned queue = 0; queue < queues_; ++queue) {
    if (auto enough = check_buffers_for_xdp(*settings.pools[queue]); !enough) return enough;
    const auto before = own_sockets(AF_XDP);
    auto ready = ethdev_.set_up_queue(queue, settings);
    const auto added = appeared(before, own_sockets(AF_XDP));
    sockets_.insert(sockets_.end(), added.begin(), added.end());
    if (!ready) {
      const std::string busy = trial_bind(device_, queue);
      return busy.empty() ? ready : fail(busy);
    }
  }
  auto steering = Steering::take_over(device_);
  if (!steering) return std::unexpected(steering.error());
  steering_ = std::move(*steering);
  return ethdev_.start();
}

void XdpPort::describe() {
  ethdev_id_ = ethdev_.id();
  mac_ = device_.mac();
  const unsigned max_queues = capabilities_.max_queues;
  capabilities_ = ethdev_capabilities(ethdev_id_);
  capabilities_.max_queues = max_queues;
  capabilities_.shared_with_kernel = true;
  capabilities_.steers_addresses = true;
}

Result<void> XdpPort::open(const PortSettings& settings) {
  if (auto fits = check_frame_size(settings); !fits) return fits;
  if (auto reserved = reserve_device(settings); !reserved) return reserved;
  if (auto started = start_device(settings); !started) return started;
  describe();
  return {};
}

XdpPort::~XdpPort() {
  steering_.detach();
  ethdev_.remove();
  if (claim_) (void)remove_stale_program(device_);  // if opening stopped half-way

  // The driver never frees its last reference to a queue's memory, and so keeps the socket.
  const auto left = own_sockets(AF_XDP);
  for (const int socket : sockets_) {
    if (std::ranges::binary_search(left, socket)) close(socket);
  }
  // The kernel lets go of the queues a moment later, by itself. Then the next one can open them.
  constexpr std::chrono::milliseconds kKernelReleases{30};
  if (!sockets_.empty()) std::this_thread::sleep_for(kKernelReleases);
}

}  // namespace

Result<std::unique_ptr<Port>> open_xdp_port(const PortSpec& spec, const PortSettings& settings) {
  auto device = KernelDevice::find(spec.device);
  if (!device) return std::unexpected(device.error());
  auto port = std::make_unique<XdpPort>(spec, std::move(*device));
  if (auto opened = port->open(settings); !opened) return std::unexpected(opened.error());
  return port;
}

}  // namespace carpool
