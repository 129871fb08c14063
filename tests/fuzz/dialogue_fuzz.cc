// Feeds replies to the dialogues of HAProxy's protocol checks, in two ways of cutting them. The
// first byte says which protocol and where the cuts are; the rest is what the server says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "controlplane/health/protocol_dialogues.h"

namespace {

using namespace carpool;

void require(bool condition) {
  if (!condition) std::abort();
}

Dialogue dialogue_by(std::uint8_t choice) {
  switch (choice & 7) {
    case 0:
      return dialogue_of(config::MysqlCheck{});
    case 1:
      return dialogue_of(config::MysqlCheck{.user = "haproxy"});
    case 2:
      return dialogue_of(config::PgsqlCheck{.user = "haproxy"});
    case 3:
      return dialogue_of(config::RedisCheck{});
    case 4:
      return dialogue_of(config::SmtpCheck{});
    case 5:
      return dialogue_of(config::LdapCheck{});
    default:
      return dialogue_of(config::SslHelloCheck{});
  }
}

// A reply that is all there before something is said again is forgotten then, so what results may
// depend on the cuts where more than one thing is said.
bool is_smtp(std::uint8_t choice) {
  return (choice & 7) == 4;
}

CheckResult run(std::uint8_t choice, std::string_view server, std::size_t chunk) {
  auto dialogue = dialogue_by(choice);
  while (!server.empty()) {
    const auto part = server.substr(0, chunk);
    if (const auto step = dialogue.receive(part); step.result) return *step.result;
    server.remove_prefix(part.size());
  }
  return dialogue.closed({});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view server(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = run(data[0], server, server.size() + 1);
  const auto cut = run(data[0], server, 1 + (data[0] >> 3));
  require(is_smtp(data[0]) || (whole.status == cut.status && whole.code == cut.code));
  require(whole.text.size() <= kMaxCheckText && cut.text.size() <= kMaxCheckText);
  require(verdict(whole.status) != CheckVerdict::Neutral);
  return 0;
}
