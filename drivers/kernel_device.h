// A network device of the kernel, in the network namespace of this process: what the xdp and packet
// kinds stand on. Everything goes through a socket, as /sys may show another namespace's devices.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/net/address.h"
#include "drivers/fd.h"

namespace carpool {

// Over how many queues the device spreads packets now, and could.
struct Channels {
  unsigned combined = 0;  // queue pairs
  unsigned receive = 0;   // receive queues on top
  unsigned max_combined = 0;
  unsigned max_receive = 0;

  [[nodiscard]] unsigned receiving() const { return combined + receive; }
};

class KernelDevice {
 public:
  // The error names the devices that there are.
  [[nodiscard]] static Result<KernelDevice> find(const std::string& name);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] unsigned index() const { return index_; }
  [[nodiscard]] MacAddress mac() const { return mac_; }
  [[nodiscard]] const std::string& driver() const { return driver_; }  // "veth"; may be empty
  [[nodiscard]] bool is_virtual() const;  // no NIC behind it: the kernel moves its packets

  // The same device is still there (also when another one has taken its name), set up, and has a
  // carrier.
  [[nodiscard]] bool link_up() const;
  [[nodiscard]] unsigned mtu() const;  // 0: the device is gone

  // Only one process may serve a device. Held until closed or the process ends, however it ends.
  // The error says which process holds it.
  [[nodiscard]] Result<Fd> claim() const;

  // The device receives frames for any MAC address until this is closed; the same holds.
  [[nodiscard]] Result<Fd> promiscuous() const;

  [[nodiscard]] std::optional<Channels> channels() const;  // none: the driver has but one queue
  [[nodiscard]] Result<void> set_channels(const Channels& channels) const;

 private:
  KernelDevice() = default;
  [[nodiscard]] bool is_same_device() const;

  std::string name_;
  unsigned index_ = 0;
  MacAddress mac_;
  std::string driver_;
  Fd socket_;
};

[[nodiscard]] std::vector<std::string> kernel_device_names();

}  // namespace carpool
