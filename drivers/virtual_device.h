// A device that a DPDK driver makes at run time, from creation to removal.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/net/address.h"
#include "drivers/port.h"

namespace carpool {

class VirtualDevice {
 public:
  VirtualDevice() = default;
  // name begins with the driver's: "net_memif_lan".
  [[nodiscard]] static Result<VirtualDevice> create(const std::string& name,
                                                    const std::string& arguments);
  // Of a device that exists; it is removed like our own.
  [[nodiscard]] static VirtualDevice adopt(const std::string& name, std::uint16_t id);
  VirtualDevice(VirtualDevice&& other) noexcept;
  VirtualDevice& operator=(VirtualDevice&& other) noexcept;
  ~VirtualDevice() { remove(); }

  [[nodiscard]] std::uint16_t id() const { return id_; }
  [[nodiscard]] MacAddress mac() const;

  // In this order; each queue is a receive and a transmit queue.
  [[nodiscard]] Result<void> configure(unsigned queues);
  [[nodiscard]] Result<void> set_up_queue(unsigned queue, const PortSettings& settings);
  [[nodiscard]] Result<void> start();
  // All of the above.
  [[nodiscard]] Result<void> run(unsigned queues, const PortSettings& settings);

  void remove();

 private:
  std::string name_;  // empty: nothing
  std::uint16_t id_ = 0;
  bool started_ = false;
};

}  // namespace carpool
