// Reads an option file of carpool-probe. What is taken is bounded by what was there.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tools/probe/option_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto access =
      carpool::probe::parse_option_file({reinterpret_cast<const char*>(data), size});
  if (!access) {
    if (!access.error().message.starts_with("line ")) std::abort();
    return 0;
  }
  const std::size_t longest[] = {access->user.size(), access->password.size(), access->host.size(),
                                 access->ssl_ca.size(), access->socket.native().size()};
  for (const std::size_t length : longest) {
    if (length > size) std::abort();
  }
  return 0;
}
