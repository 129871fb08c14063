// Any sequence of events for CARP's machine.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/machine_fuzz.h"

namespace carpool::sim {
namespace {

CarpConfig read_config(Bytes& bytes) {
  CarpConfig config;
  config.advbase = std::max<std::uint8_t>(1, bytes.next());
  config.advskew = std::min<std::uint8_t>(254, bytes.next());
  const std::uint8_t flags = bytes.next();
  config.preempt = (flags & 1) != 0;
  config.order = (flags & 2) != 0 ? CarpOrder::kDemotionFirst : CarpOrder::kInterval;
  config.preempt_delay = std::chrono::seconds(flags >> 2);
  config.source = kOwn;
  return config;
}

// With a counter that may be one of ours.
CarpAdvertReceived read_advert(Bytes& bytes, const CarpAdvertReceived& sent) {
  CarpAdvertReceived advert;
  advert.source = read_source(bytes);
  advert.advbase = bytes.next();
  advert.advskew = bytes.next();
  advert.demotion = bytes.next();
  advert.counter = sent.counter - bytes.next();
  return advert;
}

}  // namespace
}  // namespace carpool::sim

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carpool::sim;
  Bytes bytes(data, std::min(size, kMaxFuzzBytes));
  play<Carp>(bytes, read_config, read_advert);
  return 0;
}
