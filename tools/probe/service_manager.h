// What systemd hears of the daemon: sd_notify(3) without the library. Silent where nobody listens.
#pragma once

#include <optional>
#include <string_view>

#include "dataplane/base/time.h"

namespace carpool::probe {

// "READY=1", "STATUS=...". Sent to the socket that NOTIFY_SOCKET names, if it names one.
void notify_service_manager(std::string_view message);

// How often "WATCHDOG=1" has to be sent, with room to spare; nothing where no watchdog waits.
[[nodiscard]] std::optional<Duration> watchdog_interval();

}  // namespace carpool::probe
