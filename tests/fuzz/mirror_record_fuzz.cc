// Records of mirrored connections from a ring that a broken or hostile control plane may fill. The
// input is a run of records, each after a byte that says how it differs from a sound one: which of
// its 64 bytes are taken from the input. Whatever they are, nothing outside of a table is touched,
// and the table's counts and the servers' stay true.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "dataplane/flow/owner.h"
#include "tests/golden/bed.h"

namespace {

using namespace carpool;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::uint32_t kFlows = 64;

// A record as a peer with the same configuration tells it.
abi::MirrorRecord sound_record(const test::Bed& bed, std::uint32_t number) {
  const auto& header = const_cast<test::Bed&>(bed).pipeline().image().header();
  const flow::HashSecret secret{{header.secret[0], header.secret[1]}};
  const test::Endpoint client = test::client(number);
  abi::MirrorRecord record;
  record.kind = abi::MirrorKind::opened;
  record.protocol = kProtocolTcp;
  record.tcp_state = static_cast<std::uint8_t>(flow::TcpState::established);
  record.client = client.address;
  record.client_port = be16(client.port);
  record.virtual_address = test::kWeb.address;
  record.virtual_port = be16(test::kWeb.port);
  record.local = test::kWebLocal;
  record.slot =
      static_cast<std::uint8_t>(flow::slot_of_client(record.client, record.client_port, secret));
  record.local_port = be16(static_cast<std::uint16_t>(1024 + record.slot));
  record.server_address = test::kWeb1.address;
  record.server_port = be16(test::kWeb1.port);
  record.server = test::kWeb1Index;
  return record;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::Bed bed({.limits = {.flows = kFlows, .half_open = 8}});
  bed.hold_groups(0);
  std::uint64_t learned = 0;
  while (size >= 3 && learned < 256) {
    abi::MirrorRecord record = sound_record(bed, data[0]);
    // Bytes from `at` on come from the input.
    const std::size_t at = data[1] % sizeof record;
    const std::size_t length = std::min({std::size_t{data[2]}, size - 3, sizeof record - at});
    auto* const bytes = reinterpret_cast<std::uint8_t*>(&record);
    std::copy_n(data + 3, length, bytes + at);
    bed.learn(record);
    if (data[1] & 128) {
      bed.advance_ms(std::uint32_t{data[2]} * 1000);
      bed.sweep_all();
    }
    data += 3 + length;
    size -= 3 + length;
    ++learned;
  }
  const auto& flows = bed.pipeline().flows();
  require(flows.live() <= kFlows && flows.half_open() == 0);
  std::uint64_t active = 0;
  for (const std::uint16_t server : {test::kWeb1Index, test::kWeb2Index, test::kDb1Index})
    active += bed.server(server).active.get();
  require(active <= flows.live());
  const auto& counters = bed.counters();
  require(counters.mirror_learned.get() + counters.mirror_refused.get() <= learned);
  // An age may lie in the future by the peer's clock: only what is let go of counts.
  for (int i = 0; i < 40; ++i) {
    bed.advance_ms(120'000'000);
    bed.sweep_all();
  }
  require(flows.live() == 0);
  active = 0;
  for (const std::uint16_t server : {test::kWeb1Index, test::kWeb2Index, test::kDb1Index})
    active += bed.server(server).active.get();
  require(active == 0);
  return 0;
}
