#include "tests/support/image_builder.h"

#include <bit>
#include <cstring>
#include <span>

namespace carpool::test {
namespace {

using abi::ImageAddress;
using abi::ImageServiceKey;
using abi::Span32;

class Writer {
 public:
  Writer() : bytes_(sizeof(abi::ImageHeader)) {}

  template <class Element>
  Span32 append(std::span<const Element> elements) {
    bytes_.resize((bytes_.size() + 7) / 8 * 8);
    const Span32 where{static_cast<std::uint32_t>(bytes_.size()),
                       static_cast<std::uint32_t>(elements.size())};
    const auto raw = std::as_bytes(elements);
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
    return where;
  }

  std::vector<std::byte> finish(abi::ImageHeader header) {
    header.size = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &header, sizeof header);
    bytes_.shrink_to_fit();
    return std::move(bytes_);
  }

 private:
  std::vector<std::byte> bytes_;
};

// Open addressing with linear probing, at most half full.
template <class Element, class Place, class IsEmpty>
std::vector<Element> hash_table(const std::vector<Element>& elements, Place place_of,
                                IsEmpty is_empty) {
  if (elements.empty()) return {};
  std::vector<Element> places(std::bit_ceil(elements.size() * 2));
  for (const Element& element : elements) {
    std::size_t at = place_of(element, static_cast<std::uint32_t>(places.size()));
    while (!is_empty(places[at]))
      at = (at + 1) % places.size();
    places[at] = element;
  }
  return places;
}

std::vector<ImageAddress> address_table(const std::vector<ImageAddress>& addresses) {
  return hash_table(
      addresses,
      [](const ImageAddress& address, std::uint32_t places) {
        return abi::address_place(address.address, places);
      },
      [](const ImageAddress& place) { return place.roles == 0; });
}

std::vector<ImageServiceKey> service_key_table(const std::vector<ImageServiceKey>& keys) {
  return hash_table(
      keys,
      [](const ImageServiceKey& key, std::uint32_t places) {
        return abi::service_place(key.address, key.port, key.protocol, places);
      },
      [](const ImageServiceKey& place) { return place.protocol == 0; });
}

}  // namespace

std::vector<std::byte> build_image(const ImageContent& content) {
  Writer writer;
  abi::ImageHeader header;
  header.generation = content.generation;
  std::memcpy(header.secret, content.secret, sizeof header.secret);

  std::vector<abi::ImageService> services;
  for (const auto& [fields, picks] : content.services) {
    services.push_back(fields);
    services.back().picks = writer.append(std::span(picks));
  }
  header.groups = writer.append(std::span(content.groups));
  header.addresses = writer.append(std::span<const ImageAddress>(address_table(content.addresses)));
  header.service_keys =
      writer.append(std::span<const ImageServiceKey>(service_key_table(content.service_keys)));
  header.services = writer.append(std::span<const abi::ImageService>(services));
  header.servers = writer.append(std::span(content.servers));
  header.next_hops = writer.append(std::span(content.next_hops));
  return writer.finish(header);
}

abi::ImageHeader& header_of(std::vector<std::byte>& image) {
  return *reinterpret_cast<abi::ImageHeader*>(image.data());
}

}  // namespace carpool::test
