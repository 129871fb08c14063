#include "controlplane/link/image_draft.h"

#include <bit>
#include <cstring>
#include <span>

#include "dataplane/abi/limits.h"

namespace carpool::link {
namespace {

// Hands out aligned places one after the other.
class Layout {
 public:
  template <class Element>
  abi::Span32 place(std::size_t count) {
    const abi::Span32 where{static_cast<std::uint32_t>(size_), static_cast<std::uint32_t>(count)};
    const std::size_t end = size_ + count * sizeof(Element);
    size_ = (end + abi::kCacheLine - 1) / abi::kCacheLine * abi::kCacheLine;
    return where;
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::size_t size_ =
      (sizeof(abi::ImageHeader) + abi::kCacheLine - 1) / abi::kCacheLine * abi::kCacheLine;
};

std::uint32_t places_for(std::size_t entries) {
  return entries == 0 ? 0 : std::bit_ceil(static_cast<std::uint32_t>(entries) * 2);
}

// PlaceOf: (entry, places) -> first place to try. IsEmpty: entry -> whether a place is free.
template <class Element, class PlaceOf, class IsEmpty>
std::vector<Element> hash_table(std::span<const Element> entries, PlaceOf place_of,
                                IsEmpty is_empty) {
  const std::uint32_t places = places_for(entries.size());
  std::vector<Element> table(places);
  for (const Element& entry : entries) {
    std::uint32_t at = place_of(entry, places);
    while (!is_empty(table[at]))
      at = (at + 1) & (places - 1);
    table[at] = entry;
  }
  return table;
}

template <class Element>
void copy_in(std::vector<std::byte>& image, abi::Span32 where,
             const std::vector<Element>& elements) {
  if (!elements.empty())
    std::memcpy(image.data() + where.offset, elements.data(), elements.size() * sizeof(Element));
}

}  // namespace

std::vector<std::byte> flatten(const ImageDraft& draft) {
  const auto addresses = hash_table<abi::ImageAddress>(
      draft.addresses,
      [](const auto& entry, auto places) { return abi::address_place(entry.address, places); },
      [](const auto& place) { return place.roles == 0; });
  const auto service_keys = hash_table<abi::ImageServiceKey>(
      draft.service_keys,
      [](const auto& entry, auto places) {
        return abi::service_place(entry.address, entry.port, entry.protocol, places);
      },
      [](const auto& place) { return place.protocol == 0; });

  Layout layout;
  abi::ImageHeader header;
  header.generation = draft.generation;
  header.secret[0] = draft.secret[0];
  header.secret[1] = draft.secret[1];
  header.groups = layout.place<abi::ImageGroup>(draft.groups.size());
  header.addresses = layout.place<abi::ImageAddress>(addresses.size());
  header.service_keys = layout.place<abi::ImageServiceKey>(service_keys.size());
  header.services = layout.place<abi::ImageService>(draft.services.size());
  header.servers = layout.place<abi::ImageServer>(draft.servers.size());
  header.next_hops = layout.place<abi::ImageNextHop>(draft.next_hops.size());
  const auto picks = layout.place<std::uint16_t>(draft.picks.size());
  header.size = static_cast<std::uint32_t>(layout.size());

  auto services = draft.services;
  for (abi::ImageService& service : services) {
    service.picks.offset =
        picks.offset + service.picks.offset * std::uint32_t{sizeof(std::uint16_t)};
  }
  std::vector<std::byte> image(layout.size());
  std::memcpy(image.data(), &header, sizeof header);
  copy_in(image, header.groups, draft.groups);
  copy_in(image, header.addresses, addresses);
  copy_in(image, header.service_keys, service_keys);
  copy_in(image, header.services, services);
  copy_in(image, header.servers, draft.servers);
  copy_in(image, header.next_hops, draft.next_hops);
  copy_in(image, picks, draft.picks);
  return image;
}

}  // namespace carpool::link
