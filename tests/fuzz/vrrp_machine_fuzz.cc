// Any sequence of events for VRRP's machine.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/machine_fuzz.h"

namespace carpool::sim {
namespace {

using std::chrono::seconds;

VrrpConfig read_config(Bytes& bytes) {
  VrrpConfig config;
  config.priority = std::max<std::uint8_t>(1, bytes.next());
  const std::uint8_t flags = bytes.next();
  config.version = (flags & 1) != 0 ? VrrpVersion::k2 : VrrpVersion::k3;
  config.preempt = (flags & 2) != 0;
  config.preempt_delay = seconds((flags >> 2) % 8);
  config.startup_delay = seconds((flags >> 5) % 4);
  const std::uint8_t more = bytes.next();
  // The fuzzer would otherwise spend its time on a simulated minute of adverts.
  config.interval = VrrpInterval(static_cast<std::uint16_t>(20 + more % 64 * 10));
  config.bonus = more / 64 * 40u;
  const std::uint8_t announcements = bytes.next();
  config.announcements.count = static_cast<std::uint8_t>(1 + announcements % 8);
  config.announcements.delay = seconds((announcements >> 3) % 4);
  config.announcements.refresh = seconds((announcements >> 5) % 4);
  config.announcements.refresh_count = static_cast<std::uint8_t>(1 + (announcements >> 7));
  config.source = kOwn;
  return config;
}

VrrpAdvertReceived read_advert(Bytes& bytes, const VrrpAdvertReceived&) {
  VrrpAdvertReceived advert;
  advert.source = read_source(bytes);
  advert.priority = bytes.next();
  advert.interval = VrrpInterval(static_cast<std::uint16_t>(1 + bytes.next() * 16));
  return advert;
}

}  // namespace
}  // namespace carpool::sim

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carpool::sim;
  Bytes bytes(data, std::min(size, kMaxFuzzBytes));
  play<Vrrp>(bytes, read_config, read_advert);
  return 0;
}
