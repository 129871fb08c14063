// Connections to tell of in tests.
#pragma once

#include <cstdint>

#include "dataplane/abi/mirror.h"

namespace carpool::mirror::test {

// The number-th connection of a node: 2^32 of them differ in their client.
inline abi::MirrorRecord record(std::uint32_t number,
                                abi::MirrorKind kind = abi::MirrorKind::opened) {
  abi::MirrorRecord record;
  record.kind = kind;
  record.protocol = 6;
  record.tcp_state = 3;
  record.slot = static_cast<std::uint8_t>(number % abi::kSlots);
  record.age_ms = 1500;
  record.client = {be32(number)};
  record.virtual_address = Ipv4Address::of(192, 0, 2, 10);
  record.local = Ipv4Address::of(10, 0, 0, 10);
  record.server_address = Ipv4Address::of(10, 0, 0, 11);
  record.client_port = be16(40'000);
  record.virtual_port = be16(80);
  record.local_port = be16(1024);
  record.server_port = be16(8080);
  record.client_mac = {{2, 0, 0, 0, 0, 7}};
  return record;
}

inline std::uint32_t number_of(const abi::MirrorRecord& record) {
  return record.client.value.host();
}

}  // namespace carpool::mirror::test
