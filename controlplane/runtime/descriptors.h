// How many files and sockets this process may have open.
#pragma once

#include <cstddef>

namespace carpool {

// Raises the limit to `wanted` if it is lower and may be raised so far, else as far as it goes.
// Returns what holds now.
std::size_t raise_descriptor_limit(std::size_t wanted);

}  // namespace carpool
