#include "controlplane/runtime/log.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/formatter.h>
#include <sys/stat.h>
#include <unistd.h>

namespace carpool {
namespace {

std::string formatted(LogStyle style, spdlog::level::level_enum level, std::string_view text) {
  const spdlog::details::log_msg message(
      spdlog::log_clock::time_point(std::chrono::milliseconds(1763834400123)), {}, "carpool", level,
      spdlog::string_view_t(text.data(), text.size()));
  spdlog::memory_buf_t out;
  make_log_formatter(style)->format(message, out);
  return {out.data(), out.size()};
}

TEST(Log, GivesTheJournalAPriorityAndNoTime) {
  EXPECT_EQ(formatted(LogStyle::Journal, spdlog::level::info, "up"), "<6>up\n");
  EXPECT_EQ(formatted(LogStyle::Journal, spdlog::level::warn, "slow"), "<4>slow\n");
  EXPECT_EQ(formatted(LogStyle::Journal, spdlog::level::critical, "dead"), "<2>dead\n");
}

TEST(Log, GivesOthersIsoTimeAndLevel) {
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(formatted(LogStyle::Timed, spdlog::level::err, "no port"),
            "2025-11-22T18:00:00.123+00:00 error no port\n");
}

TEST(Log, OneEventIsOneLine) {
  EXPECT_EQ(formatted(LogStyle::Journal, spdlog::level::info, "a\nb\x1b[2Jc\xc3\xa4"),
            "<6>a\\nb\\x1b[2Jc\xc3\xa4\n");
}

TEST(Log, RecognizesTheJournal) {
  struct stat status;
  ASSERT_EQ(fstat(STDERR_FILENO, &status), 0);
  const auto stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  setenv("JOURNAL_STREAM", stream.c_str(), 1);
  EXPECT_EQ(log_style_of_stderr(), LogStyle::Journal);
  setenv("JOURNAL_STREAM", "1:1", 1);  // inherited, but our output goes elsewhere
  EXPECT_EQ(log_style_of_stderr(), LogStyle::Timed);
  unsetenv("JOURNAL_STREAM");
  EXPECT_EQ(log_style_of_stderr(), LogStyle::Timed);
}

TEST(Log, RefusesAnUnknownLevel) {
  EXPECT_FALSE(set_up_log("loud", LogStyle::Timed));
  EXPECT_TRUE(set_up_log("info", LogStyle::Timed));
}

}  // namespace
}  // namespace carpool
