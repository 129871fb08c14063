#include "controlplane/mirror/datagram.h"

#include <cstring>

#include "dataplane/base/endian.h"

namespace carpool::mirror {
namespace {

constexpr std::uint32_t kMagic = 0x43504d52;  // "CPMR"

struct HeaderLayout {
  be32 magic;
  std::uint8_t version;
  std::uint8_t type;
  be16 key_id;
  Epoch sender;
  Epoch receiver;
  be64 sequence;
};
static_assert(sizeof(HeaderLayout) == kHeaderBytes && offsetof(HeaderLayout, sender) == 8 &&
              offsetof(HeaderLayout, receiver) == 24 && offsetof(HeaderLayout, sequence) == 40);

}  // namespace

std::string_view name(DropReason reason) {
  constexpr std::array<std::string_view, kDropReasons> kNames = {
      "foreign_sender", "too_short",   "too_long", "not_ours", "other_version", "unknown_key",
      "reflected",      "other_epoch", "replayed", "forged",   "stale",         "malformed"};
  return kNames[static_cast<std::size_t>(reason)];
}

void write_header(const DatagramHeader& header, std::span<std::uint8_t, kHeaderBytes> to) {
  const HeaderLayout layout{
      be32(kMagic),         kProtocolVersion, static_cast<std::uint8_t>(header.type),
      be16(header.key_id),  header.sender,    header.receiver,
      be64(header.sequence)};
  std::memcpy(to.data(), &layout, sizeof layout);
}

std::expected<DatagramHeader, DropReason> parse_header(std::span<const std::uint8_t> datagram) {
  if (datagram.size() < kHeaderBytes + kTagBytes) return std::unexpected(DropReason::too_short);
  if (datagram.size() > kMaxDatagramBytes) return std::unexpected(DropReason::too_long);
  HeaderLayout layout;
  std::memcpy(&layout, datagram.data(), sizeof layout);
  if (layout.magic.host() != kMagic) return std::unexpected(DropReason::not_ours);
  if (layout.version != kProtocolVersion) return std::unexpected(DropReason::other_version);
  const auto type = static_cast<DatagramType>(layout.type);
  if (type != DatagramType::opening && type != DatagramType::session) {
    return std::unexpected(DropReason::not_ours);
  }
  return DatagramHeader{type, layout.key_id.host(), layout.sender, layout.receiver,
                        layout.sequence.host()};
}

}  // namespace carpool::mirror
