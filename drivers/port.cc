#include "drivers/port.h"

#include "drivers/memif_port.h"
#include "drivers/packet_port.h"
#include "drivers/ring_port.h"
#include "drivers/xdp/xdp_port.h"

namespace carpool {
namespace {

Result<std::unique_ptr<Port>> open_kind(const PortSpec& spec, const PortSettings& settings) {
  switch (spec.kind) {
    case PortKind::kXdp:
      return open_xdp_port(spec, settings);
    case PortKind::kPacket:
      return open_packet_port(spec, settings);
    case PortKind::kMemif:
      return open_memif_port(spec, settings);
    case PortKind::kRing:
      return open_ring_port(spec, settings);
  }
  return fail("unknown kind");
}

}  // namespace

Result<std::unique_ptr<Port>> open_port(const PortSpec& spec, const PortSettings& settings) {
  if (settings.pools.empty()) return fail("port " + spec.name + ": there are no workers for it");
  auto port = open_kind(spec, settings);
  if (!port) return fail("port " + spec.name + ": " + port.error().message);
  return port;
}

}  // namespace carpool
