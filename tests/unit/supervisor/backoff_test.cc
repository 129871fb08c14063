#include "controlplane/supervisor/backoff.h"

#include <gtest/gtest.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToItsBound) {
  Backoff backoff;
  Duration expected = Backoff::kFirst;
  for (int failure = 0; failure < 20; ++failure) {
    EXPECT_EQ(backoff.after_failure(0s), expected);
    expected = std::min(expected * 2, Backoff::kLongest);
  }
  EXPECT_EQ(expected, Backoff::kLongest);
}

TEST(Backoff, StartsAnewAfterASteadyRun) {
  Backoff backoff;
  for (int failure = 0; failure < 5; ++failure)
    (void)backoff.after_failure(1s);
  EXPECT_GT(backoff.after_failure(59s), Backoff::kFirst);
  EXPECT_EQ(backoff.after_failure(60s), Backoff::kFirst);
  EXPECT_EQ(backoff.after_failure(0s), 2 * Backoff::kFirst);
}

}  // namespace
}  // namespace carpool
