#include "tools/carpool/region_text.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include "controlplane/runtime/join.h"
#include "dataplane/abi/image.h"

namespace carpool::tool {
namespace {

struct Claims {
  std::uint32_t active = 0;  // of every worker, bit per group
  bool fenced = true;        // every worker
};

Claims read_claims(const abi::Region& region) {
  Claims claims{~std::uint32_t{0}, true};
  for (std::uint32_t worker = 0; worker < region.workers(); ++worker) {
    const abi::ThreadStatus& status = region.status(worker);
    claims.active &= status.active_groups.load(std::memory_order_acquire);
    claims.fenced = claims.fenced && status.fenced.load(std::memory_order_acquire) != 0;
  }
  return claims;
}

// A copy, since the owners of the slot may write into it at any time.
std::vector<std::byte> copy_image(const abi::Region& region) {
  const auto slot = region.status(0).image_slot.load(std::memory_order_acquire);
  if (slot >= abi::kImageSlots) return {};
  const auto bytes = region.image_slot(slot);
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  if (abi::validate(copy) != abi::ImageFault::none) copy.clear();
  return copy;
}

std::string groups_text(const abi::Region& region, std::uint32_t active) {
  const auto image = copy_image(region);
  if (image.empty()) return "no group";
  std::vector<std::string> names;
  const auto groups = abi::ImageView(image.data()).groups();
  for (std::size_t index = 0; index < std::min<std::size_t>(groups.size(), 32); ++index) {
    if ((active >> index & 1) != 0 && !groups[index].name.empty()) {
      names.emplace_back(groups[index].name.view());
    }
  }
  return names.empty() ? "no group" : joined(names, ", ");
}

std::string ports_text(const abi::Region& region, const Paint& paint) {
  std::string text;
  const abi::RegionHeader& header = region.header();
  for (std::uint32_t index = 0; index < std::min(header.port_count, abi::kMaxPorts); ++index) {
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    for (std::uint32_t worker = 0; worker < region.workers(); ++worker) {
      received += region.counters(worker).ports[index].rx_packets.get();
      sent += region.counters(worker).ports[index].tx_packets.get();
    }
    const abi::PortInfo& port = header.ports[index];
    const bool up = port.link_up.load(std::memory_order_relaxed) != 0;
    text +=
        fmt::format("  {:<8} {:<14} {} rx {:>13}  tx {:>13}\n", port.name.view(),
                    port.device.view(), paint(up ? Tone::good : Tone::bad, up ? "up  " : "down"),
                    count_text(received), count_text(sent));
  }
  return text;
}

}  // namespace

std::string region_text(const abi::Region& region, const Processes& alive, const Paint& paint,
                        Instant now) {
  const abi::RegionHeader& header = region.header();
  std::string line = fmt::format("{}: ", header.instance.view());
  line += paint(Tone::bad, alive.controlplane ? "control plane does not answer"
                                              : "control plane is not running");
  if (!alive.dataplane) {
    return line + "; " + paint(Tone::bad, "data plane is not running either") + "\n";
  }
  const Claims claims = read_claims(region);
  const std::string groups = groups_text(region, claims.active);
  line += fmt::format(
      "; data plane pid {} (up {}) ", header.pid,
      duration_text(std::chrono::duration<double>(now - from_ns(header.start_ns)).count()));
  if (claims.fenced) {
    line += paint(Tone::bad, "has given up its addresses");
    line += fmt::format(": fenced, {:.1f} s without a control plane\n", header.fence_ms / 1000.0);
  } else {
    line += fmt::format("forwards for {}, fenced in {:.1f} s at the latest\n", groups,
                        header.fence_ms / 1000.0);
  }
  return line + ports_text(region, paint);
}

}  // namespace carpool::tool
