// Feeds a reply to HttpReply and TcpReply in two ways of cutting it. The first byte says which
// expectation holds, the second where it is cut; the rest is the reply.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "controlplane/health/http_reply.h"
#include "controlplane/health/tcp_reply.h"

namespace {

using namespace carpool;
using namespace carpool::config;

void require(bool condition) {
  if (!condition) std::abort();
}

CheckResult judge(Reply& reply, const ExpectRule& expect, std::string_view bytes,
                  std::size_t chunk) {
  const CheckRule rule{.act = expect, .step = 1, .comment = ""};
  while (!bytes.empty()) {
    const auto part = bytes.substr(0, chunk);
    reply.feed(part);
    const auto judgement = reply.judge(rule, expect);
    if (judgement.judged != Judged::Wait) return judgement.result;
    bytes.remove_prefix(part.size());
  }
  reply.end();
  const auto judgement = reply.judge(rule, expect);
  require(judgement.judged != Judged::Wait);
  return judgement.result;
}

Expected expected(unsigned kind) {
  static const Regex kRegex = *Regex::compile("o+k$");
  switch (kind % 6) {
    case 0:
      return ExpectStatus{};
    case 1:
      return ExpectStatusRegex{kRegex};
    case 2:
      return ExpectHeader{
          .name = {.match = TextMatch::Begin, .text = "x", .regex = {}},
          .value = TextPattern{.match = TextMatch::Part, .text = "ok", .regex = {}}};
    case 3:
      return ExpectBytes{"ok"};
    case 4:
      return ExpectRegex{kRegex, true};
    default:
      return ExpectRegex{kRegex};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  ExpectRule expect;
  const unsigned kind = data[0] >> 4;
  expect.what = expected(kind);
  expect.negate = (data[0] & 1) != 0;
  const bool http = (data[0] & 2) != 0;
  const auto make = [&]() -> std::unique_ptr<Reply> {
    if (http) return std::make_unique<HttpReply>((data[0] & 4) != 0);
    return std::make_unique<TcpReply>();
  };
  const std::size_t chunk = 1 + data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);

  const auto whole_reply = make();
  const auto cut_reply = make();
  const auto whole = judge(*whole_reply, expect, bytes, bytes.size() + 1);
  const auto cut = judge(*cut_reply, expect, bytes, chunk);
  // A regex may match the beginning of what it does not match as a whole: `$`.
  const bool depends_on_the_end = std::holds_alternative<ExpectRegex>(expect.what);
  if (!depends_on_the_end) require(whole.status == cut.status && whole.code == cut.code);
  for (const auto& result : {whole, cut}) {
    require(result.text.size() <= kMaxCheckText);
    require(verdict(result.status) != CheckVerdict::Neutral);
    require(result.code == 0 || (result.code >= 100 && result.code <= 999));
  }
  return 0;
}
