// Cuts lines of the runtime socket, looks for their command and for help on them; and reads the
// file of what operators want, which must read the same when written again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "controlplane/appliance/runtime_state.h"
#include "controlplane/console/runtime_line.h"
#include "controlplane/console/runtime_table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carpool;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string_view command : console::split_commands(text)) {
    const auto words = console::split_words(command);
    if (words.size() > console::kMaxRuntimeWords) std::abort();
    if (console::find_command(words) == nullptr && console::command_lines(words).empty()) {
      std::abort();
    }
  }
  const auto read = read_runtime_state(text);
  const auto again = read_runtime_state(write_runtime_state(read.state));
  if (!again.complaints.empty() || again.state != read.state) std::abort();
  return 0;
}
