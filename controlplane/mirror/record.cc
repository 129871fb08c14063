#include "controlplane/mirror/record.h"

#include <algorithm>
#include <cstring>

#include "dataplane/base/endian.h"

namespace carpool::mirror {
namespace {

struct RecordLayout {
  std::uint8_t kind_and_state;  // four bits each
  std::uint8_t protocol;
  std::uint8_t slot;
  std::uint8_t age_ms[3];
  Ipv4Address client;
  Ipv4Address virtual_address;
  Ipv4Address local;
  Ipv4Address server_address;
  be16 client_port;
  be16 virtual_port;
  be16 local_port;
  be16 server_port;
  be16 service;
  be16 server;
  MacAddress client_mac;
};
static_assert(sizeof(RecordLayout) == kRecordBytes && offsetof(RecordLayout, client) == 6 &&
              offsetof(RecordLayout, client_port) == 22 && offsetof(RecordLayout, service) == 30 &&
              offsetof(RecordLayout, client_mac) == 34);

bool tells_of_a_connection(abi::MirrorKind kind) {
  return kind == abi::MirrorKind::opened || kind == abi::MirrorKind::refreshed ||
         kind == abi::MirrorKind::ended;
}

}  // namespace

void encode_record(const abi::MirrorRecord& record, std::span<std::uint8_t, kRecordBytes> to) {
  const std::uint32_t age = std::min(record.age_ms, kMaxAgeMs);
  const RecordLayout layout{
      .kind_and_state = static_cast<std::uint8_t>(static_cast<unsigned>(record.kind) << 4 |
                                                  (record.tcp_state & 0xfu)),
      .protocol = record.protocol,
      .slot = record.slot,
      .age_ms = {static_cast<std::uint8_t>(age >> 16), static_cast<std::uint8_t>(age >> 8),
                 static_cast<std::uint8_t>(age)},
      .client = record.client,
      .virtual_address = record.virtual_address,
      .local = record.local,
      .server_address = record.server_address,
      .client_port = record.client_port,
      .virtual_port = record.virtual_port,
      .local_port = record.local_port,
      .server_port = record.server_port,
      .service = be16(record.service),
      .server = be16(record.server),
      .client_mac = record.client_mac,
  };
  std::memcpy(to.data(), &layout, sizeof layout);
}

std::optional<abi::MirrorRecord> decode_record(std::span<const std::uint8_t, kRecordBytes> from) {
  RecordLayout layout;
  std::memcpy(&layout, from.data(), sizeof layout);
  abi::MirrorRecord record;
  record.kind = static_cast<abi::MirrorKind>(layout.kind_and_state >> 4);
  if (!tells_of_a_connection(record.kind) || layout.slot >= abi::kSlots) return std::nullopt;
  record.tcp_state = layout.kind_and_state & 0xf;
  record.protocol = layout.protocol;
  record.slot = layout.slot;
  record.age_ms =
      static_cast<std::uint32_t>(layout.age_ms[0] << 16 | layout.age_ms[1] << 8 | layout.age_ms[2]);
  record.client = layout.client;
  record.virtual_address = layout.virtual_address;
  record.local = layout.local;
  record.server_address = layout.server_address;
  record.client_port = layout.client_port;
  record.virtual_port = layout.virtual_port;
  record.local_port = layout.local_port;
  record.server_port = layout.server_port;
  record.service = layout.service.host();
  record.server = layout.server.host();
  record.client_mac = layout.client_mac;
  return record;
}

}  // namespace carpool::mirror
