// Carries out a Dialogue with a server: the checks of MySQL, PostgreSQL, Redis, SMTP, LDAP and TLS
// that HAProxy has.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "controlplane/health/check_result.h"
#include "controlplane/health/dialogue.h"
#include "controlplane/health/probe_socket.h"
#include "controlplane/health/probe_target.h"

namespace carpool {

struct DialogueManners {
  CloseStyle close_style = CloseStyle::Reset;
  CheckStatus timeout = CheckStatus::L7Timeout;  // of a reply
};

[[nodiscard]] boost::asio::awaitable<CheckResult> probe_dialogue(Dialogue dialogue,
                                                                 ProbeTarget target,
                                                                 DialogueManners manners);

}  // namespace carpool
