#include "controlplane/runtime/log.h"

#include <array>
#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace carpool {
namespace {

// The priorities of syslog(3), in the order of spdlog's levels.
constexpr std::array<char, spdlog::level::n_levels> kPriorities{'7', '7', '6', '4', '3', '2', '7'};

class Priority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    out.push_back(kPriorities[static_cast<std::size_t>(message.level)]);
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<Priority>();
  }
};

class OneLine final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    for (const char c : message.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '\n') {
        fmt::format_to(std::back_inserter(out), "\\n");
      } else if (byte < 0x20 || byte == 0x7f) {
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
      } else {
        out.push_back(c);
      }
    }
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<OneLine>();
  }
};

}  // namespace

LogStyle log_style_of_stderr() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status;
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return LogStyle::Timed;
  // A child whose output went elsewhere inherits the variable too, hence the comparison.
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream ? LogStyle::Journal
                                                                      : LogStyle::Timed;
}

std::unique_ptr<spdlog::formatter> make_log_formatter(LogStyle style) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<Priority>('*').add_flag<OneLine>('&');
  formatter->set_pattern(style == LogStyle::Journal ? "<%*>%&"
                                                    : "%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %&");
  return formatter;
}

Result<void> set_up_log(std::string_view level, LogStyle style) {
  const auto parsed = spdlog::level::from_str(std::string(level));
  // from_str() takes anything unknown for "off".
  if (parsed == spdlog::level::off && level != "off") {
    return fail(
        fmt::format("unknown log level '{}': take trace, debug, info, warning, error, "
                    "critical or off",
                    level));
  }
  auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>(
      style == LogStyle::Journal ? spdlog::color_mode::never : spdlog::color_mode::automatic);
  auto logger = std::make_shared<spdlog::logger>("carpool", std::move(sink));
  logger->set_formatter(make_log_formatter(style));
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  return {};
}

}  // namespace carpool
