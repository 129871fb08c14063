// The tables of a forwarding image while it is being put together, and their flat form.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/abi/image.h"

namespace carpool::link {

struct ImageDraft {
  std::uint64_t generation = 0;
  std::array<std::uint64_t, 2> secret{};
  std::vector<abi::ImageGroup> groups;
  std::vector<abi::ImageAddress> addresses;        // in any order; each address once
  std::vector<abi::ImageServiceKey> service_keys;  // likewise
  std::vector<abi::ImageService> services;         // picks.offset counts elements of `picks` below
  std::vector<abi::ImageServer> servers;
  std::vector<abi::ImageNextHop> next_hops;
  std::vector<std::uint16_t> picks;
};

// Hash tables are at most half full. The bytes are aligned for any type.
[[nodiscard]] std::vector<std::byte> flatten(const ImageDraft& draft);

}  // namespace carpool::link
