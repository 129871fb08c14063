// End: connections that are ended from here, because their server was marked down or because they
// were idle for too long. Each end gets a RST at once, with the sequence number that it said last
// to expect; and as the record is gone, whoever has sent or received more since then is answered by
// a RST with its next packet.
#include <algorithm>

#include "dataplane/stage/pipeline.h"
#include "dataplane/stage/rewrite.h"

namespace carpool::stage {
namespace {

// Records looked at per turn of a worker, which is about what a batch of packets costs.
constexpr std::uint32_t kRecordsPerTurn = 128;
constexpr std::uint32_t kPrefetch = 16;

}  // namespace

// Also while others are being ended: then all records are looked at once more from here.
void Pipeline::end_sessions(std::uint32_t server) {
  if (server >= ending_.servers.size()) return;
  ending_.servers.set(server);
  ending_.left = flows_.used();
}

std::uint32_t Pipeline::end_turn(std::uint32_t now_ms) {
  if (ending_.left == 0) [[likely]]
    return 0;
  now_ms_ = now_ms;
  std::uint32_t seen = 0;
  const std::uint32_t count = std::min(ending_.left, kRecordsPerTurn);
  for (; seen < count && can_reset(); ++seen) {
    const std::uint32_t flow = ending_.at < flows_.used() ? ending_.at : 0;
    ending_.at = flow + 1;
    if (flow + kPrefetch < flows_.used()) __builtin_prefetch(&flows_.record(flow + kPrefetch));
    const flow::FlowRecord& record = flows_.record(flow);
    // What this node does not hold is its holder's to end, which then tells us.
    if (!flow::is_open(record.state) || !ending_.servers[record.server] || !holds(record.group)) {
      continue;
    }
    // A handshake under way is forgotten: the client's next SYN finds another server.
    if (!flow::is_half_open(record.state)) reset_both_ends(record);
    forget(flow);
  }
  ending_.left -= seen;
  if (ending_.left == 0) ending_.servers.reset();
  return seen;
}

// Of a one-way flow it is not known what its server expects: that one hears of it when the client
// is silent for too long. UDP knows no resets.
void Pipeline::reset_both_ends(const flow::FlowRecord& record) {
  if (record.protocol != kProtocolTcp) return;
  const auto expected = [&](flow::Direction from) { return be32::from_raw(record.expected[from]); };
  ResetFrame& to_client = resets_[resets_made_++];
  to_client = make_reset_of(record.key(flow::kFromClient).reversed(), expected(flow::kFromClient));
  to_client.port = record.client_port_id;
  address_frame({.data = to_client.bytes.data()}, record.client_mac,
                image_.groups()[record.group].mac);
  counters_.flows_ended.add(1);

  const auto& hop = image_.next_hops()[record.next_hop];
  if (hop.resolved == 0 || record.is_one_way()) return;
  ResetFrame& to_server = resets_[resets_made_++];
  to_server = make_reset_of(record.key(flow::kFromServer).reversed(), expected(flow::kFromServer));
  to_server.port = hop.port;
  address_frame({.data = to_server.bytes.data()}, hop.destination, hop.source);
}

}  // namespace carpool::stage
