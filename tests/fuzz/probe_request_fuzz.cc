// Feeds an HTTP request to carpool-probe's reader in two ways of cutting it. The first byte says
// where the cuts are.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tools/probe/answers.h"
#include "tools/probe/http_request.h"

namespace {

using namespace carpool::probe;

void require(bool condition) {
  if (!condition) std::abort();
}

HttpRequest read(std::string_view bytes, std::size_t chunk) {
  HttpRequest request;
  while (!bytes.empty()) {
    (void)request.feed(bytes.substr(0, chunk));
    bytes.remove_prefix(bytes.size() < chunk ? bytes.size() : chunk);
  }
  return request;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = read(bytes, bytes.size() + 1);
  const auto cut = read(bytes, 1 + data[0]);
  require(whole.state() == cut.state());
  if (whole.state() == RequestState::Complete) {
    require(whole.version() == cut.version() && whole.wants_body() == cut.wants_body());
    require(http_answer(whole, up("fine")).starts_with(whole.version()));
  } else {
    require(http_refusal(whole).starts_with("HTTP/1."));
  }
  return 0;
}
