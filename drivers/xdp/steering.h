// Our XDP program on a device, from the process that steers it.
#pragma once

#include <span>

#include "dataplane/base/result.h"
#include "dataplane/net/address.h"
#include "drivers/fd.h"
#include "drivers/kernel_device.h"
#include "drivers/port.h"

namespace carpool {

// The compiled program as a file of this process; DPDK's driver wants a path to load it from.
[[nodiscard]] Result<Fd> steering_program_file();

// Takes away a program of ours that a killed process has left on the device. An error if somebody
// else's program is there.
[[nodiscard]] Result<void> remove_stale_program(const KernelDevice& device);

// The attached program. DPDK's driver loads and attaches it in a way that outlives the process;
// this takes it over, so that the kernel removes it when the process ends, however it ends.
class Steering {
 public:
  Steering() = default;
  Steering(Steering&&) noexcept = default;
  Steering& operator=(Steering&& other) noexcept;
  ~Steering() { detach(); }
  [[nodiscard]] static Result<Steering> take_over(const KernelDevice& device);

  [[nodiscard]] Result<void> set_addresses(std::span<const Ipv4Address> addresses);
  [[nodiscard]] Result<void> set_macs(std::span<const MacAddress> macs);
  [[nodiscard]] SteeringCounters counters() const;
  void detach();

 private:
  Fd link_;  // holds the program to the device
  Fd addresses_;
  Fd macs_;
  Fd counters_;
};

}  // namespace carpool
