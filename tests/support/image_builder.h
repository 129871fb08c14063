// Forwarding images written by hand: tables as vectors in, the flat block out. It does not care
// whether what it is given makes sense, so it also makes images that must be refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/abi/image.h"

namespace carpool::test {

struct ImageContent {
  struct Service {
    abi::ImageService fields;  // its `picks` is filled in by the builder
    std::vector<std::uint16_t> picks;
  };

  std::uint64_t generation = 1;
  std::uint64_t secret[2] = {0x0123456789abcdef, 0xfedcba9876543210};
  std::vector<abi::ImageGroup> groups;
  std::vector<abi::ImageAddress> addresses;        // in any order; placed by their hash
  std::vector<abi::ImageServiceKey> service_keys;  // likewise
  std::vector<Service> services;
  std::vector<abi::ImageServer> servers;
  std::vector<abi::ImageNextHop> next_hops;
};

// Exactly as many bytes as the image has, so that a sanitizer sees any read outside of it.
[[nodiscard]] std::vector<std::byte> build_image(const ImageContent& content);

// The header of an image, for tests that break it.
[[nodiscard]] abi::ImageHeader& header_of(std::vector<std::byte>& image);

// An element of one of its tables, likewise.
template <class Element>
[[nodiscard]] Element& element_of(std::vector<std::byte>& image, abi::Span32 table,
                                  std::size_t index = 0) {
  return reinterpret_cast<Element*>(image.data() + table.offset)[index];
}

}  // namespace carpool::test
