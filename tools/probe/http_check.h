// Whether a web service answers a GET with a status of 200 to 399.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/base/result.h"
#include "tools/probe/host_port.h"
#include "tools/probe/verdict.h"

namespace carpool::probe {

struct HttpTarget {
  HostPort address;
  std::string authority;  // as it stands in the URL, for the Host header
  std::string path;       // and query; begins with a slash
  bool tls = false;       // https: encrypted, the certificate is not verified

  friend bool operator==(const HttpTarget&, const HttpTarget&) = default;
};

[[nodiscard]] Result<HttpTarget> parse_http_url(std::string_view url);

// What a reply that has arrived this far says: pure, looks at the status line alone.
[[nodiscard]] Verdict judge_http_reply(std::string_view reply);

[[nodiscard]] Verdict check_http(const HttpTarget& target, Instant deadline);

}  // namespace carpool::probe
