// A connection as it travels between the nodes: abi::MirrorRecord in 40 bytes, in network order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/abi/mirror.h"

namespace carpool::mirror {

inline constexpr std::size_t kRecordBytes = 40;
// Longer ages are told as this one (4.6 hours): the peer keeps such a connection longer, not
// shorter.
inline constexpr std::uint32_t kMaxAgeMs = 0xff'ffff;

// Of a record that tells of a connection: opened, refreshed or ended.
void encode_record(const abi::MirrorRecord& record, std::span<std::uint8_t, kRecordBytes> to);
// Nothing: not a connection, or a slot that does not exist.
[[nodiscard]] std::optional<abi::MirrorRecord> decode_record(
    std::span<const std::uint8_t, kRecordBytes> from);

}  // namespace carpool::mirror
