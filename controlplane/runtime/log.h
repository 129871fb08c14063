// Where log lines go and what they look like: standard error, one event one line. Log through
// spdlog's default logger once this is set up.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "dataplane/base/result.h"

namespace spdlog {
class formatter;
}

namespace carpool {

enum class LogStyle : std::uint8_t {
  Timed,    // 2025-11-22T18:00:00.123+00:00 warning text
  Journal,  // <4>text: the journal has its own time, and takes the level from the prefix
};

// Journal if standard error is the journal's stream ($JOURNAL_STREAM, systemd.exec(5)).
[[nodiscard]] LogStyle log_style_of_stderr();

// `level` is trace, debug, info, warning, error, critical or off. Colours only on a terminal.
[[nodiscard]] Result<void> set_up_log(std::string_view level, LogStyle style);

// Line ends and other control characters within a message are escaped: text that came from the
// network can neither forge a line nor drive a terminal.
[[nodiscard]] std::unique_ptr<spdlog::formatter> make_log_formatter(LogStyle style);

}  // namespace carpool
