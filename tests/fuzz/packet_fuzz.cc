// Frames from a wire that anybody may write to. The first byte says how servers get theirs, and
// whether the way to them is a narrow one; then comes a run of frames, each after two bytes: its
// length and the port it comes in by. Whatever they are, each gets a verdict, nothing outside of a
// frame's buffer is touched, and the flow table's own counts stay true.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "tests/golden/bed.h"

namespace {

using namespace carpool;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  test::BedOptions options{.limits = {.flows = 64, .half_open = 8}};
  if (data[0] & 0x80) options.mtus[test::kLan] = 100;
  test::ImageContent content = test::content_with_dns(data[0] >> 4 & 1);
  for (auto& service : content.services) {
    service.fields.forward =
        static_cast<abi::Forward>((data[0] & 7) % static_cast<int>(abi::Forward::count));
  }
  ++data;
  --size;
  test::Bed bed(options, content);
  std::uint64_t sent = 0;
  while (size > 2 && sent < 64) {
    const std::size_t length = std::min<std::size_t>(data[0], size - 2);
    const auto port = static_cast<std::uint8_t>(data[1] & 1);
    const test::Outcome out = bed.send({data + 2, data + 2 + length}, port);
    require(out.verdict < abi::Verdict::count);
    // An answer or a forwarded packet leaves by a port that exists.
    require(abi::info(out.verdict).is_drop || out.port < 2);
    for (const test::Outcome& released : bed.take_released())
      require(!abi::info(released.verdict).is_drop && released.port < 2);
    if (data[1] & 2) {
      bed.advance_ms(std::uint32_t{data[1]} * 100);
      bed.sweep_all();
    }
    data += 2 + length;
    size -= 2 + length;
    ++sent;
  }
  std::uint64_t sum = 0;
  for (const auto& counter : bed.counters().verdicts)
    sum += counter.get();
  require(sum == sent);
  const auto& flows = bed.pipeline().flows();
  require(flows.live() <= 64 && flows.half_open() <= 8);
  bed.advance_ms(3'600'000);
  bed.sweep_all();
  require(flows.live() == 0 && flows.half_open() == 0);
  return 0;
}
