#include "tools/carpool/text.h"

#include <limits>

#include <gtest/gtest.h>

namespace carpool::tool {
namespace {

TEST(DurationText, HasTwoUnitsAtMost) {
  EXPECT_EQ(duration_text(0.44), "0.4s");
  EXPECT_EQ(duration_text(12.9), "12s");
  EXPECT_EQ(duration_text(130), "2m 10s");
  EXPECT_EQ(duration_text(3 * 3600 + 240 + 5), "3h 4m");
  EXPECT_EQ(duration_text(5 * 86400.0 + 7300), "5d 2h");
  EXPECT_EQ(duration_text(-1), "0.0s");
  EXPECT_EQ(duration_text(std::numeric_limits<double>::quiet_NaN()), "0.0s");
}

TEST(BytesText, GoesBySteps) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1'000), "1.0 kB");
  EXPECT_EQ(bytes_text(12'345), "12 kB");
  EXPECT_EQ(bytes_text(999'700), "1.0 MB");
  EXPECT_EQ(bytes_text(17'000'000'000), "17 GB");
}

TEST(CountText, GroupsDigits) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1'000), "1,000");
  EXPECT_EQ(count_text(18'446'744'073'709'551'615u), "18,446,744,073,709,551,615");
}

TEST(Paint, LeavesTextAloneWithoutATerminal) {
  EXPECT_EQ(Paint(false)(Tone::bad, "down"), "down");
  EXPECT_EQ(Paint(true)(Tone::bad, "down"), "\033[1;31mdown\033[0m");
  EXPECT_EQ(Paint(true)(Tone::plain, "x"), "x");
}

}  // namespace
}  // namespace carpool::tool
