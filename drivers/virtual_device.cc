#include "drivers/virtual_device.h"

#include <cstdlib>
#include <utility>

#include <rte_bus_vdev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "drivers/log_capture.h"

namespace carpool {
namespace {

Result<void> checked(int status, const char* what, LogCapture& log) {
  if (status >= 0) return {};
  return fail(std::string("cannot ") + what + ": " + rte_strerror(-status) + log.suffix());
}

}  // namespace

Result<VirtualDevice> VirtualDevice::create(const std::string& name, const std::string& arguments) {
  LogCapture log;
  if (auto made = checked(rte_vdev_init(name.c_str(), arguments.c_str()), "make a device", log);
      !made) {
    return std::unexpected(made.error());
  }
  std::uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id) != 0) {
    rte_vdev_uninit(name.c_str());
    return fail("cannot find the device just made" + log.suffix());
  }
  return adopt(name, id);
}

VirtualDevice VirtualDevice::adopt(const std::string& name, std::uint16_t id) {
  VirtualDevice device;
  device.name_ = name;
  device.id_ = id;
  return device;
}

VirtualDevice::VirtualDevice(VirtualDevice&& other) noexcept
    : name_(std::exchange(other.name_, {})),
      id_(other.id_),
      started_(std::exchange(other.started_, false)) {}

VirtualDevice& VirtualDevice::operator=(VirtualDevice&& other) noexcept {
  if (this == &other) return *this;
  remove();
  name_ = std::exchange(other.name_, {});
  id_ = other.id_;
  started_ = std::exchange(other.started_, false);
  return *this;
}

MacAddress VirtualDevice::mac() const {
  MacAddress mac;
  rte_ether_addr address{};
  if (rte_eth_macaddr_get(id_, &address) == 0)
    std::ranges::copy(address.addr_bytes, mac.bytes.data());
  return mac;
}

Result<void> VirtualDevice::configure(unsigned queues) {
  LogCapture log;
  const rte_eth_conf defaults{};
  const auto count = static_cast<std::uint16_t>(queues);
  return checked(rte_eth_dev_configure(id_, count, count, &defaults), "configure the device", log);
}

Result<void> VirtualDevice::set_up_queue(unsigned queue, const PortSettings& settings) {
  LogCapture log;
  const auto index = static_cast<std::uint16_t>(queue);
  const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(id_));
  if (auto receive = checked(rte_eth_rx_queue_setup(id_, index, settings.rx_descriptors, socket,
                                                    nullptr, settings.pools[queue]),
                             "set up a receive queue", log);
      !receive) {
    return receive;
  }
  return checked(rte_eth_tx_queue_setup(id_, index, settings.tx_descriptors, socket, nullptr),
                 "set up a transmit queue", log);
}

Result<void> VirtualDevice::start() {
  LogCapture log;
  auto status = checked(rte_eth_dev_start(id_), "start the device", log);
  started_ = status.has_value();
  return status;
}

Result<void> VirtualDevice::run(unsigned queues, const PortSettings& settings) {
  if (auto configured = configure(queues); !configured) return configured;
  for (unsigned queue = 0; queue < queues; ++queue) {
    if (auto ready = set_up_queue(queue, settings); !ready) return ready;
  }
  return start();
}

void VirtualDevice::remove() {
  if (name_.empty()) return;
  LogCapture silence;  // drivers complain of what is harmless at this point
  if (started_) rte_eth_dev_stop(id_);
  rte_vdev_uninit(name_.c_str());
  name_.clear();
  started_ = false;
}

}  // namespace carpool
