#include "drivers/kernel_device.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace carpool {
namespace {

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

template <class Command>
bool ethtool(int socket, const std::string& name, Command& command) {
  ifreq request = request_for(name);
  request.ifr_data = reinterpret_cast<char*>(&command);
  return ioctl(socket, SIOCETHTOOL, &request) == 0;
}

std::string name_of_process(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/comm");
  std::string name;
  std::getline(file, name);
  return name.empty() ? "?" : name;
}

// Who listens on the claim's socket; text for a message.
std::string holder_of(const sockaddr_un& address, socklen_t length) {
  const Fd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid == 0) {
    return "another carpool data plane";
  }
  return "process " + std::to_string(peer.pid) + " (" + name_of_process(peer.pid) + ")";
}

}  // namespace

std::vector<std::string> kernel_device_names() {
  std::vector<std::string> names;
  struct if_nameindex* list = if_nameindex();
  for (auto* each = list; each != nullptr && each->if_index != 0; ++each) {
    names.emplace_back(each->if_name);
  }
  if (list != nullptr) if_freenameindex(list);
  std::ranges::sort(names);
  return names;
}

Result<KernelDevice> KernelDevice::find(const std::string& name) {
  KernelDevice device;
  device.name_ = name;
  device.socket_ = Fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = request_for(name);
  if (ioctl(device.socket_.get(), SIOCGIFINDEX, &request) != 0) {
    std::string there;
    for (const std::string& each : kernel_device_names())
      there += " " + each;
    return fail("there is no network device '" + name + "' here; there are:" + there);
  }
  device.index_ = static_cast<unsigned>(request.ifr_ifindex);
  if (ioctl(device.socket_.get(), SIOCGIFHWADDR, &request) != 0 ||
      request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
    return fail("'" + name + "' is not an Ethernet device");
  }
  std::memcpy(device.mac_.bytes.data(), request.ifr_hwaddr.sa_data, device.mac_.bytes.size());
  ethtool_drvinfo information{};
  information.cmd = ETHTOOL_GDRVINFO;
  if (ethtool(device.socket_.get(), name, information)) device.driver_ = information.driver;
  return device;
}

bool KernelDevice::is_virtual() const {
  constexpr const char* kVirtual[] = {"", "veth", "tun", "bridge", "macvlan", "dummy", "bonding"};
  return std::ranges::find(kVirtual, driver_) != std::end(kVirtual);
}

bool KernelDevice::is_same_device() const {
  ifreq request = request_for(name_);
  return ioctl(socket_.get(), SIOCGIFINDEX, &request) == 0 &&
         static_cast<unsigned>(request.ifr_ifindex) == index_;
}

bool KernelDevice::link_up() const {
  ifreq request = request_for(name_);
  if (!is_same_device() || ioctl(socket_.get(), SIOCGIFFLAGS, &request) != 0 ||
      (request.ifr_flags & IFF_UP) == 0) {
    return false;
  }
  // IFF_RUNNING can lag a second behind the carrier; this asks the driver.
  ethtool_value link{};
  link.cmd = ETHTOOL_GLINK;
  if (ethtool(socket_.get(), name_, link)) return link.data != 0;
  return (request.ifr_flags & IFF_RUNNING) != 0;
}

unsigned KernelDevice::mtu() const {
  ifreq request = request_for(name_);
  if (!is_same_device() || ioctl(socket_.get(), SIOCGIFMTU, &request) != 0) return 0;
  return static_cast<unsigned>(request.ifr_mtu);
}

Result<Fd> KernelDevice::claim() const {
  // Abstract socket names are per network namespace, as device indexes are, and vanish with the
  // process; whoever asks can learn who the holder is.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = "carpool/device/" + std::to_string(index_);
  text.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());

  Fd claim(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (bind(claim.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    return fail(name_ + " is in use by " + holder_of(address, length));
  }
  constexpr int kAskers = 16;
  listen(claim.get(), kAskers);
  return claim;
}

Result<Fd> KernelDevice::promiscuous() const {
  // Not by the device's flag, which would stay set if we were killed. Protocol 0: receives nothing.
  Fd membership(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  packet_mreq request{};
  request.mr_ifindex = static_cast<int>(index_);
  request.mr_type = PACKET_MR_PROMISC;
  if (setsockopt(membership.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) !=
      0) {
    return fail("cannot make " + name_ +
                " receive for virtual MAC addresses: " + std::strerror(errno));
  }
  return membership;
}

std::optional<Channels> KernelDevice::channels() const {
  ethtool_channels found{};
  found.cmd = ETHTOOL_GCHANNELS;
  if (!ethtool(socket_.get(), name_, found)) return std::nullopt;
  return Channels{found.combined_count, found.rx_count, found.max_combined, found.max_rx};
}

Result<void> KernelDevice::set_channels(const Channels& channels) const {
  ethtool_channels wanted{};
  wanted.cmd = ETHTOOL_GCHANNELS;
  if (!ethtool(socket_.get(), name_, wanted)) return fail(std::strerror(errno));
  wanted.cmd = ETHTOOL_SCHANNELS;
  wanted.combined_count = channels.combined;
  wanted.rx_count = channels.receive;
  if (!ethtool(socket_.get(), name_, wanted)) return fail(std::strerror(errno));
  return {};
}

}  // namespace carpool
