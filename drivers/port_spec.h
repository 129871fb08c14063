// How a port is written on a command line, and as what it is understood. Free of DPDK.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace carpool {

enum class PortKind : std::uint8_t {
  kXdp,     // AF_XDP on a kernel device, shared with the kernel by our XDP program
  kPacket,  // AF_PACKET on a kernel device, which also sees every packet
  kMemif,   // shared memory with another process: VPP, another data plane, a traffic generator
  kRing,    // in memory, fed and drained by the same process: tests and benchmarks
};
[[nodiscard]] std::string_view to_string(PortKind kind);

struct PortSpec {
  std::string name;  // "wan", as the configuration calls it
  PortKind kind = PortKind::kXdp;
  std::string device;  // "eth1"; a memif's socket path; empty for a ring
  std::map<std::string, std::string> options;

  friend bool operator==(const PortSpec&, const PortSpec&) = default;
};

// NAME=KIND[:DEVICE][,OPTION=VALUE]..., the argument of --port: "wan=xdp:eth1,copy=yes",
// "lan=memif:/run/carpool/lan.sock,id=0,role=client", "bench=ring". Names, options and their values
// are checked here; whether the device exists is seen when the port is opened. Options by kind:
//   xdp     busy-budget=N  packets that one poll of an idle worker lets the kernel process; 0: it
//                          does so by itself (default: 0 on virtual devices, else 64)
//           copy=yes|no    yes: never let the NIC write into our buffers (default: no)
//   packet  frames=N       receive and transmit ring of each queue, a power of two (1024)
//           qdisc-bypass=yes|no  send past the kernel's queueing discipline (yes)
//   memif   role=server|client (client), id=N (0), mac=..., buffer=BYTES (2048), secret=...
//   ring    mac=..., size=N, packets per ring, a power of two (1024)
[[nodiscard]] Result<PortSpec> parse_port_spec(std::string_view text);
[[nodiscard]] std::string to_string(const PortSpec& spec);

// Values of options that parse_port_spec has checked.
[[nodiscard]] std::string option_text(const PortSpec& spec, const std::string& option,
                                      std::string fallback);
[[nodiscard]] unsigned option_number(const PortSpec& spec, const std::string& option,
                                     unsigned fallback);
[[nodiscard]] bool option_yes(const PortSpec& spec, const std::string& option, bool fallback);

}  // namespace carpool
