#include "controlplane/redundancy/vrrp_wire.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "dataplane/base/endian.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace carpool {
namespace {

constexpr std::uint8_t kAdvertisement = 1;
constexpr std::uint8_t kNoAuthentication = 0;
constexpr std::uint8_t kTextPassword = 1;
constexpr std::uint16_t kIntervalMask = 0x0fff;  // the other bits are reserved
constexpr std::uint16_t kCentiseconds = 100;     // in a second

struct HeaderLayout {
  std::uint8_t version_type;
  std::uint8_t vrid;
  std::uint8_t priority;
  std::uint8_t address_count;
  // Version 2: a byte of authentication type and a byte of seconds. Version 3: four reserved bits
  // and centiseconds.
  be16 interval;
  be16 checksum;
};
static_assert(sizeof(HeaderLayout) == kVrrpHeaderBytes && offsetof(HeaderLayout, checksum) == 6);

template <class Address>
std::uint64_t pseudo_header_sum(const VrrpEnds<Address>& ends, std::size_t length) {
  const auto bytes = [](const Address& address) {
    return std::span(reinterpret_cast<const std::uint8_t*>(&address), sizeof address);
  };
  return sum_words(bytes(ends.source)) + sum_words(bytes(ends.destination)) +
         be16(kProtocolCarp).raw() + be16(static_cast<std::uint16_t>(length)).raw();
}

// Whether the sum over message and, perhaps, pseudo-header comes to all ones.
template <class Address>
bool is_sum_right(std::span<const std::uint8_t> message, VrrpVersion version,
                  const VrrpEnds<Address>& ends) {
  const std::uint64_t plain = sum_words(message);
  const bool plain_allowed = version == VrrpVersion::k2 || std::is_same_v<Address, Ipv4Address>;
  if (plain_allowed && fold_checksum(plain) == 0xffff) return true;
  return version == VrrpVersion::k3 &&
         fold_checksum(plain + pseudo_header_sum(ends, message.size())) == 0xffff;
}

VrrpInterval interval_of(VrrpVersion version, be16 field) {
  if (version == VrrpVersion::k3) {
    return VrrpInterval(static_cast<std::uint16_t>(field.host() & kIntervalMask));
  }
  return VrrpInterval(static_cast<std::uint16_t>((field.host() & 0xff) * kCentiseconds));
}

}  // namespace

Result<VrrpPassword> make_vrrp_password(std::string_view text) {
  if (text.size() > kVrrpPasswordBytes) {
    return fail("the VRRP password has " + std::to_string(text.size()) + " bytes, at most " +
                std::to_string(kVrrpPasswordBytes) + " are possible");
  }
  VrrpPassword password{};
  std::ranges::copy(text, password.begin());
  return password;
}

std::string_view text(VrrpWireError error) {
  switch (error) {
    case VrrpWireError::kTooShort:
      return "message too short";
    case VrrpWireError::kVersion:
      return "version is neither 2 nor 3, or not one for this address family";
    case VrrpWireError::kType:
      return "type is not 1";
    case VrrpWireError::kVrid:
      return "vrid is 0";
    case VrrpWireError::kCount:
      return "no address";
    case VrrpWireError::kLength:
      return "length does not fit the number of addresses";
    case VrrpWireError::kAuthType:
      return "unknown type of authentication";
    case VrrpWireError::kInterval:
      return "advert interval is 0";
    case VrrpWireError::kChecksum:
      return "wrong checksum";
  }
  std::unreachable();
}

template <class Address>
std::vector<std::uint8_t> encode(const VrrpAdvertOf<Address>& advert, const VrrpEnds<Address>& ends,
                                 VrrpChecksum form) {
  const bool is_v2 = advert.version == VrrpVersion::k2;
  assert(!advert.addresses.empty() && advert.addresses.size() <= 255 && advert.vrid != 0);
  const bool is_expressible =
      is_v2 ? advert.interval.count() % kCentiseconds == 0 && sizeof(Address) == sizeof(Ipv4Address)
            : advert.interval <= kMaxVrrp3Interval && !advert.password;
  assert(is_expressible);
  static_cast<void>(is_expressible);
  HeaderLayout header{};
  header.version_type =
      static_cast<std::uint8_t>(static_cast<unsigned>(advert.version) << 4 | kAdvertisement);
  header.vrid = advert.vrid;
  header.priority = advert.priority;
  header.address_count = static_cast<std::uint8_t>(advert.addresses.size());
  if (is_v2) {
    const unsigned auth_type = advert.password ? kTextPassword : kNoAuthentication;
    const unsigned seconds = advert.interval.count() / kCentiseconds;
    header.interval = be16(static_cast<std::uint16_t>(auth_type << 8 | seconds));
  } else {
    header.interval = be16(advert.interval.count());
  }

  std::vector<std::uint8_t> message(
      vrrp_message_bytes<Address>(advert.version, advert.addresses.size()));
  const std::size_t address_bytes = advert.addresses.size() * sizeof(Address);
  std::memcpy(message.data() + sizeof header, advert.addresses.data(), address_bytes);
  if (advert.password) {
    std::ranges::copy(*advert.password, message.end() - std::ssize(*advert.password));
  }
  std::memcpy(message.data(), &header, sizeof header);
  const bool with_pseudo_header =
      !is_v2 && (form == VrrpChecksum::kWithPseudoHeader || !std::is_same_v<Address, Ipv4Address>);
  const std::uint64_t sum =
      sum_words(message) + (with_pseudo_header ? pseudo_header_sum(ends, message.size()) : 0);
  header.checksum = be16::from_raw(static_cast<std::uint16_t>(~fold_checksum(sum)));
  std::memcpy(message.data(), &header, sizeof header);
  return message;
}

template <class Address>
std::expected<VrrpAdvertOf<Address>, VrrpWireError> decode_vrrp(
    std::span<const std::uint8_t> message, const VrrpEnds<Address>& ends) {
  HeaderLayout header;
  if (message.size() < sizeof header) return std::unexpected(VrrpWireError::kTooShort);
  std::memcpy(&header, message.data(), sizeof header);
  const unsigned version_number = header.version_type >> 4;
  const bool is_v2 = version_number == 2 && std::is_same_v<Address, Ipv4Address>;
  if (!is_v2 && version_number != 3) return std::unexpected(VrrpWireError::kVersion);
  const VrrpVersion version = is_v2 ? VrrpVersion::k2 : VrrpVersion::k3;
  if ((header.version_type & 0xf) != kAdvertisement) return std::unexpected(VrrpWireError::kType);
  if (header.address_count == 0) return std::unexpected(VrrpWireError::kCount);
  if (message.size() != vrrp_message_bytes<Address>(version, header.address_count)) {
    return std::unexpected(VrrpWireError::kLength);
  }
  if (!is_sum_right(message, version, ends)) return std::unexpected(VrrpWireError::kChecksum);
  if (header.vrid == 0) return std::unexpected(VrrpWireError::kVrid);

  VrrpAdvertOf<Address> advert{version, header.vrid, header.priority,
                               interval_of(version, header.interval)};
  if (advert.interval == VrrpInterval::zero()) return std::unexpected(VrrpWireError::kInterval);
  advert.addresses.resize(header.address_count);
  std::memcpy(advert.addresses.data(), message.data() + sizeof header,
              advert.addresses.size() * sizeof(Address));
  const unsigned auth_type = is_v2 ? header.interval.host() >> 8 : kNoAuthentication;
  if (auth_type > kTextPassword) return std::unexpected(VrrpWireError::kAuthType);
  if (auth_type == kTextPassword) {
    std::ranges::copy(message.last(kVrrpPasswordBytes), advert.password.emplace().begin());
  }
  return advert;
}

template std::vector<std::uint8_t> encode(const VrrpAdvert&, const VrrpEnds<Ipv4Address>&,
                                          VrrpChecksum);
template std::vector<std::uint8_t> encode(const VrrpAdvert6&, const VrrpEnds<Ipv6Address>&,
                                          VrrpChecksum);
template std::expected<VrrpAdvert, VrrpWireError> decode_vrrp(std::span<const std::uint8_t>,
                                                              const VrrpEnds<Ipv4Address>&);
template std::expected<VrrpAdvert6, VrrpWireError> decode_vrrp(std::span<const std::uint8_t>,
                                                               const VrrpEnds<Ipv6Address>&);

}  // namespace carpool
