#include "tools/probe/answer_cache.h"

#include <gtest/gtest.h>

namespace carpool::probe {
namespace {

using namespace std::chrono_literals;
using Ask = AnswerCache::Ask;

constexpr Instant kStart{1h};

TEST(AnswerCache, FirstQuestionStartsACheckAndTheOthersWaitForIt) {
  AnswerCache cache(500ms, 1s);
  EXPECT_EQ(cache.ask(kStart), Ask::StartCheck);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(cache.ask(kStart + 1ms * i), Ask::Wait);
  cache.finished(up("fine"), kStart + 100ms);
  EXPECT_EQ(cache.ask(kStart + 100ms), Ask::Answered);
  EXPECT_EQ(cache.answer(), up("fine"));
}

TEST(AnswerCache, AnAnswerServesForItsTimeAndNoLonger) {
  AnswerCache cache(500ms, 1s);
  ASSERT_EQ(cache.ask(kStart), Ask::StartCheck);
  cache.finished(up("fine"), kStart + 100ms);
  EXPECT_EQ(cache.ask(kStart + 599ms), Ask::Answered);
  EXPECT_EQ(cache.ask(kStart + 600ms), Ask::StartCheck);
}

TEST(AnswerCache, WithoutKeepingThereIsStillOnlyOneCheckAtATime) {
  AnswerCache cache(0ms, 1s);
  ASSERT_EQ(cache.ask(kStart), Ask::StartCheck);
  EXPECT_EQ(cache.ask(kStart), Ask::Wait);
  cache.finished(up("fine"), kStart);
  EXPECT_EQ(cache.ask(kStart), Ask::StartCheck);
}

TEST(AnswerCache, ACheckThatHangsIsTheAnswerUntilItEnds) {
  AnswerCache cache(500ms, 1s);
  ASSERT_EQ(cache.ask(kStart), Ask::StartCheck);
  ASSERT_EQ(cache.overdue_at(), kStart + 1s);
  cache.overdue();
  EXPECT_EQ(cache.overdue_at(), std::nullopt);
  EXPECT_EQ(cache.ask(kStart + 1h), Ask::Answered) << "no second check beside one that hangs";
  EXPECT_EQ(cache.answer(), down(kHangs));
  cache.finished(up("back"), kStart + 2h);
  EXPECT_EQ(cache.ask(kStart + 2h), Ask::Answered);
  EXPECT_EQ(cache.answer(), up("back"));
}

TEST(AnswerCache, NothingIsOverdueWhileNothingRuns) {
  AnswerCache cache(500ms, 1s);
  EXPECT_EQ(cache.overdue_at(), std::nullopt);
  ASSERT_EQ(cache.ask(kStart), Ask::StartCheck);
  cache.finished(up("fine"), kStart);
  EXPECT_EQ(cache.overdue_at(), std::nullopt);
}

}  // namespace
}  // namespace carpool::probe
