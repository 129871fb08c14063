// Reads a state file; what it says, written again, must read the same.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "controlplane/health/state_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carpool;
  constexpr Instant kNow{std::chrono::seconds(1000)};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = read_state(text, "boot", kNow);
  if (!read) return 0;
  const auto again = read_state(write_state(*read, "boot", kNow), "boot", kNow);
  if (!again || *again != *read) std::abort();
  return 0;
}
