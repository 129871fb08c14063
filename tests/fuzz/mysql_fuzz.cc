// Feeds what a server says to a check of MySQL, in two ways of cutting it. The first byte says what
// is expected and where the cuts are; the rest is the server's.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "controlplane/health/mysql_check.h"

namespace {

using namespace carpool;

void require(bool condition) {
  if (!condition) std::abort();
}

mysql::CheckRequest request_of(std::uint8_t choice) {
  mysql::CheckRequest request{.login = {.user = "carpool", .password = "secret"}, .query = {}};
  switch (choice & 3) {
    case 1:
      request.expect = mysql::Writable{};
      break;
    case 2:
      request.expect = mysql::Replica{10};
      break;
    case 3:
      request.expect = mysql::Galera{};
      break;
    default:
      request.query = "SELECT 1";
  }
  request.login.tls = (choice & 4) != 0;
  if ((choice & 8) != 0) request.channel = mysql::Channel::Private;
  return request;
}

CheckResult run(std::uint8_t choice, std::string_view server, std::size_t chunk) {
  mysql::Check check(request_of(choice));
  while (!server.empty()) {
    const auto part = server.substr(0, chunk);
    auto step = check.receive(part);
    if (step.start_tls) step = check.tls_started();
    if (step.result) return *step.result;
    server.remove_prefix(part.size());
  }
  return check.closed();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view server(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = run(data[0], server, server.size() + 1);
  const auto cut = run(data[0], server, 1 + (data[0] >> 4));
  // What comes before TLS is only seen as such when it comes along with the greeting.
  const bool tls = (data[0] & 4) != 0;
  require(tls || (whole.status == cut.status && whole.code == cut.code && whole.text == cut.text));
  require(whole.text.size() <= kMaxCheckText && cut.text.size() <= kMaxCheckText);
  require(verdict(whole.status) != CheckVerdict::Neutral);
  return 0;
}
