// Feeds a reply to HttpReply in two ways of cutting it. The first byte says which expectation holds
// and where the first cut is; the rest is the reply.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "controlplane/health/http_reply.h"

namespace {

using namespace carpool;

CheckResult judge(const config::HttpCheck& check, std::string_view reply, std::size_t chunk) {
  HttpReply judged(check);
  while (!reply.empty()) {
    const auto part = reply.substr(0, chunk);
    if (auto result = judged.feed(part)) return *result;
    reply.remove_prefix(part.size());
  }
  return judged.finish();
}

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  config::HttpCheck check;
  check.disable_on_404 = (data[0] & 1) != 0;
  check.expect.negate = (data[0] & 2) != 0;
  if ((data[0] & 4) != 0) check.expect.body = "ok";
  const std::size_t chunk = 1 + (data[0] >> 3);
  const std::string_view reply(reinterpret_cast<const char*>(data) + 1, size - 1);

  const auto whole = judge(check, reply, reply.size() + 1);
  const auto cut = judge(check, reply, chunk);
  require(whole.status == cut.status && whole.code == cut.code);
  require(whole.text.size() <= kMaxCheckText && cut.text.size() <= kMaxCheckText);
  require(verdict(whole.status) != CheckVerdict::Neutral);
  require(whole.code == 0 || (whole.code >= 100 && whole.code <= 999));
  return 0;
}
