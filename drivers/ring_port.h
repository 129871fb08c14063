// The in-memory port: what a test or benchmark puts into a receive ring is what the worker
// receives, and what the worker sends lies in the transmit ring.
#pragma once

#include "drivers/port.h"

struct rte_ring;

namespace carpool {

class RingPort : public Port {
 public:
  // Single producer, single consumer. The feeder enqueues rte_mbuf* to receive_ring(queue) and
  // dequeues from transmit_ring(queue); buffers travel, they are not copied. What is left in the
  // rings at the end is freed.
  [[nodiscard]] virtual rte_ring* receive_ring(unsigned queue) const = 0;
  [[nodiscard]] virtual rte_ring* transmit_ring(unsigned queue) const = 0;
  virtual void set_link(bool up) = 0;  // what link_up() says from now on; at first it is up

 protected:
  using Port::Port;
};

// open_port with the type kept (and errors without the "port NAME: " in front).
[[nodiscard]] Result<std::unique_ptr<RingPort>> open_ring_port(const PortSpec& spec,
                                                               const PortSettings& settings);

}  // namespace carpool
