// The memif kind: packets through memory that another process shares, VPP's among others. The port
// belongs to us alone: no kernel is behind it.
#include "drivers/memif_port.h"

#include <bit>
#include <cerrno>
#include <filesystem>

#include <rte_ethdev.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "drivers/fd.h"
#include "drivers/virtual_device.h"

namespace carpool {
namespace {

constexpr unsigned kBufferBytes = 2048;
constexpr unsigned kMaxQueues = 64;
constexpr unsigned kMaxLog2Ring = 14;
constexpr unsigned kEthernetHeader = 14;

class MemifPort final : public Port {
 public:
  explicit MemifPort(PortSpec spec) : Port(std::move(spec)) {}

  Result<void> open(const PortSettings& settings);

  // Up while the other side is connected.
  [[nodiscard]] bool link_up() const override {
    rte_eth_link link{};
    return rte_eth_link_get_nowait(ethdev_id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
  }
  [[nodiscard]] unsigned mtu() const override {
    return std::min(buffer_bytes() - kEthernetHeader, 1500u);
  }

 private:
  [[nodiscard]] unsigned buffer_bytes() const {
    return option_number(spec_, "buffer", kBufferBytes);
  }
  [[nodiscard]] std::string driver_arguments(const PortSettings& settings) const;

  VirtualDevice ethdev_;
};

std::string MemifPort::driver_arguments(const PortSettings& settings) const {
  const unsigned ring = std::bit_width(static_cast<unsigned>(settings.rx_descriptors)) - 1;
  std::string arguments = "socket=" + spec_.device + ",socket-abstract=no" +
                          ",role=" + option_text(spec_, "role", "client") +
                          ",id=" + std::to_string(option_number(spec_, "id", 0)) +
                          ",bsize=" + std::to_string(buffer_bytes()) +
                          ",rsize=" + std::to_string(std::min(ring, kMaxLog2Ring));
  for (const char* same_name : {"mac", "secret"}) {
    const std::string value = option_text(spec_, same_name, "");
    if (!value.empty()) arguments += std::string(",") + same_name + "=" + value;
  }
  return arguments;
}

// A server that was killed leaves its socket's file, and nobody can bind to it again.
void remove_dead_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const Fd probe(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int status =
      connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  if (status != 0 && errno == ECONNREFUSED) unlink(path.c_str());
}

Result<void> MemifPort::open(const PortSettings& settings) {
  const auto folder = std::filesystem::path(spec_.device).parent_path();
  std::error_code ignored;
  if (folder.empty() || !std::filesystem::is_directory(folder, ignored)) {
    return fail("there is no folder '" + folder.string() + "' for the socket " + spec_.device);
  }
  if (option_text(spec_, "role", "client") == "server") remove_dead_socket(spec_.device);
  auto made = VirtualDevice::create("net_memif_" + spec_.name, driver_arguments(settings));
  if (!made) return std::unexpected(made.error());
  ethdev_ = std::move(*made);
  queues_ = std::min(settings.workers(), kMaxQueues);
  if (auto started = ethdev_.run(queues_, settings); !started) return started;
  ethdev_id_ = ethdev_.id();
  mac_ = ethdev_.mac();
  capabilities_ = ethdev_capabilities(ethdev_id_);
  capabilities_.max_queues = kMaxQueues;
  return {};
}

}  // namespace

Result<std::unique_ptr<Port>> open_memif_port(const PortSpec& spec, const PortSettings& settings) {
  auto port = std::make_unique<MemifPort>(spec);
  if (auto opened = port->open(settings); !opened) return std::unexpected(opened.error());
  return port;
}

}  // namespace carpool
