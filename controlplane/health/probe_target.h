// Where a check goes, how long it may take and how it speaks TLS: what every probe needs.
#pragma once

#include <memory>

#include "controlplane/config/model.h"
#include "controlplane/health/probe_timeouts.h"

namespace carpool {

class TlsContexts;

struct ProbeTarget {
  config::Endpoint endpoint{};
  ProbeTimeouts timeouts{};
  config::CheckTls tls{};
  // Shared by all probes of a configuration. Without one each connection reads its CA file.
  std::shared_ptr<TlsContexts> tls_contexts{};

  // The same place, spoken to in the same way.
  [[nodiscard]] bool reaches_the_same(const ProbeTarget& other) const {
    return endpoint == other.endpoint && tls == other.tls;
  }
  friend bool operator==(const ProbeTarget& a, const ProbeTarget& b) {
    return a.reaches_the_same(b) && a.timeouts == b.timeouts;
  }
};

}  // namespace carpool
