#include "dataplane/abi/image.h"

#include <algorithm>
#include <array>
#include <bit>
#include <bitset>

namespace carpool::abi {
namespace {

template <class Element>
ImageFault check_table(std::size_t image_size, Span32 where, std::size_t limit) {
  if (where.count > limit) return ImageFault::table_too_large;
  if (where.offset % alignof(Element) != 0) return ImageFault::table_misaligned;
  const std::uint64_t end =
      std::uint64_t{where.offset} + std::uint64_t{where.count} * sizeof(Element);
  return end > image_size ? ImageFault::table_outside : ImageFault::none;
}

template <class Element, class IsEmpty>
ImageFault check_hash_table(std::span<const Element> places, IsEmpty is_empty) {
  if (places.empty()) return ImageFault::none;
  const bool usable = std::has_single_bit(places.size()) && std::ranges::any_of(places, is_empty);
  return usable ? ImageFault::none : ImageFault::not_a_hash_table;
}

template <class Element>
std::span<const Element> table(std::span<const std::byte> bytes, Span32 where) {
  return {reinterpret_cast<const Element*>(bytes.data() + where.offset), where.count};
}

ImageFault check_tables(std::span<const std::byte> bytes, const ImageHeader& header) {
  constexpr std::size_t kMaxServiceKeys = 1 << 20;
  for (const ImageFault fault : {
           check_table<ImageGroup>(bytes.size(), header.groups, kMaxGroups),
           check_table<ImageAddress>(bytes.size(), header.addresses, kMaxAddresses * 4),
           check_table<ImageServiceKey>(bytes.size(), header.service_keys, kMaxServiceKeys),
           check_table<ImageService>(bytes.size(), header.services, kMaxServices),
           check_table<ImageServer>(bytes.size(), header.servers, kMaxServers),
           check_table<ImageNextHop>(bytes.size(), header.next_hops, kMaxNextHops),
       }) {
    if (fault != ImageFault::none) return fault;
  }
  return ImageFault::none;
}

// Everything that names something else by index names something that is there. What is itself not
// in use (an empty place, an empty name) is never followed.
bool references_hold(std::span<const std::byte> bytes, const ImageHeader& header) {
  const auto services = table<ImageService>(bytes, header.services);
  const auto group_exists = [&](std::uint8_t group) { return group < header.groups.count; };
  const auto service_exists = [&](std::uint16_t service) {
    return service < services.size() && !services[service].name.empty();
  };
  const auto address_holds = [&](const ImageAddress& address) {
    return address.roles == 0 || (group_exists(address.group) && address.port < kMaxPorts);
  };
  const auto key_holds = [&](const ImageServiceKey& key) {
    return key.protocol == 0 || service_exists(key.service);
  };
  const auto service_holds = [&](const ImageService& service) {
    return service.name.empty() || group_exists(service.group);
  };
  const auto server_holds = [&](const ImageServer& server) {
    return server.name.empty() ||
           (server.next_hop < header.next_hops.count && service_exists(server.service));
  };
  const auto next_hop_holds = [&](const ImageNextHop& hop) {
    return hop.port < kMaxPorts && (hop.neighbour.is_unspecified() || group_exists(hop.group));
  };

  return std::ranges::all_of(table<ImageAddress>(bytes, header.addresses), address_holds) &&
         std::ranges::all_of(table<ImageServiceKey>(bytes, header.service_keys), key_holds) &&
         std::ranges::all_of(services, service_holds) &&
         std::ranges::all_of(table<ImageServer>(bytes, header.servers), server_holds) &&
         std::ranges::all_of(table<ImageNextHop>(bytes, header.next_hops), next_hop_holds);
}

bool balances_are_known(std::span<const std::byte> bytes, const ImageHeader& header) {
  return std::ranges::all_of(
      table<ImageService>(bytes, header.services),
      [](const ImageService& service) { return service.balance <= Balance::first; });
}

bool forwards_are_known(std::span<const std::byte> bytes, const ImageHeader& header) {
  return std::ranges::all_of(
      table<ImageService>(bytes, header.services),
      [](const ImageService& service) { return service.forward < Forward::count; });
}

// The lists of servers to choose from: inside the image, and naming only servers that exist. There
// may be millions of entries and packets are waiting, so who exists is looked up in a bitmap.
ImageFault check_picks(std::span<const std::byte> bytes, const ImageHeader& header) {
  constexpr std::size_t kMaxPicks = 1 << 17;
  const auto servers = table<ImageServer>(bytes, header.servers);
  std::bitset<1 << 16> exists;  // by any index that a list can name
  for (std::size_t i = 0; i < servers.size(); ++i)
    exists[i] = !servers[i].name.empty();
  for (const ImageService& service : table<ImageService>(bytes, header.services)) {
    const ImageFault fault = check_table<std::uint16_t>(bytes.size(), service.picks, kMaxPicks);
    if (fault != ImageFault::none) return fault;
    bool all_exist = true;
    for (const std::uint16_t server : table<std::uint16_t>(bytes, service.picks))
      all_exist &= exists[server];
    if (!all_exist) return ImageFault::reference_outside;
  }
  return ImageFault::none;
}

}  // namespace

std::string_view name(ImageFault fault) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(ImageFault::count)>
      kNames = {
          "none",
          "too small",
          "wrong magic",
          "wrong version",
          "wrong size",
          "table outside of the image",
          "table misaligned",
          "table too large",
          "hash table of a wrong size or full",
          "reference to something that is not there",
          "unknown balance algorithm",
          "unknown way of forwarding",
          "table smaller than in the image in use",
      };
  return fault < ImageFault::count ? kNames[static_cast<std::size_t>(fault)] : "unknown";
}

ImageFault validate(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(ImageHeader)) return ImageFault::too_small;
  const auto& header = *reinterpret_cast<const ImageHeader*>(bytes.data());
  if (header.magic != kImageMagic) return ImageFault::wrong_magic;
  if (header.version != kVersion) return ImageFault::wrong_version;
  if (header.size < sizeof(ImageHeader) || header.size > bytes.size())
    return ImageFault::wrong_size;
  bytes = bytes.first(header.size);

  if (const auto fault = check_tables(bytes, header); fault != ImageFault::none) return fault;
  const auto addresses =
      check_hash_table(table<ImageAddress>(bytes, header.addresses),
                       [](const ImageAddress& place) { return place.roles == 0; });
  if (addresses != ImageFault::none) return addresses;
  const auto keys =
      check_hash_table(table<ImageServiceKey>(bytes, header.service_keys),
                       [](const ImageServiceKey& place) { return place.protocol == 0; });
  if (keys != ImageFault::none) return keys;
  if (!references_hold(bytes, header)) return ImageFault::reference_outside;
  if (!balances_are_known(bytes, header)) return ImageFault::unknown_balance;
  if (!forwards_are_known(bytes, header)) return ImageFault::unknown_forward;
  return check_picks(bytes, header);
}

ImageFault check_successor(const ImageView& in_use, std::span<const std::byte> bytes) {
  const ImageFault fault = validate(bytes);
  if (fault != ImageFault::none || !in_use) return fault;
  const auto& now = in_use.header();
  const auto& next = *reinterpret_cast<const ImageHeader*>(bytes.data());
  const bool shrank =
      next.groups.count < now.groups.count || next.services.count < now.services.count ||
      next.servers.count < now.servers.count || next.next_hops.count < now.next_hops.count;
  return shrank ? ImageFault::table_shrank : ImageFault::none;
}

}  // namespace carpool::abi
