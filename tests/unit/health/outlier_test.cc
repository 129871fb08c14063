#include "controlplane/health/outlier.h"

#include <gtest/gtest.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1000s};
constexpr config::OutlierEjection kSettings{
    .max_percent = 50, .failure_percent = 40, .min_attempts = 10, .interval = 10s, .ejection = 30s};

// One interval at a time: events of each server, given as "answered/failed".
struct Course {
  explicit Course(std::size_t servers, config::OutlierEjection settings = kSettings)
      : judge(settings, servers), usable(servers, 1) {
    static_cast<void>(judge.step({}, usable, now));
  }

  std::vector<OutlierChange> interval(
      std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> seen) {
    std::vector<TrafficEvents> events;
    for (const auto& [answered, failed] : seen)
      events.push_back({.answered = answered, .unanswered = failed});
    now += 10s;
    return judge.step(events, usable, now);
  }
  std::vector<std::size_t> out() const {
    std::vector<std::size_t> servers;
    for (std::size_t i = 0; i < usable.size(); ++i) {
      if (judge.is_ejected(i)) servers.push_back(i);
    }
    return servers;
  }

  OutlierJudge judge;
  std::vector<std::uint8_t> usable;
  Instant now = kStart;
};

using Servers = std::vector<std::size_t>;

TEST(Outlier, AServerThatFailsMoreOftenThanTheOthersIsOut) {
  Course course(4);
  EXPECT_TRUE(course.interval({{100, 0}, {100, 1}, {100, 0}, {61, 39}}).empty()) << "below 40 %";
  const auto changes = course.interval({{100, 0}, {100, 1}, {100, 0}, {60, 40}});
  EXPECT_EQ(changes, (std::vector<OutlierChange>{{3, true, 100, 40, 30s}}));
  EXPECT_EQ(course.out(), Servers{3});
}

TEST(Outlier, FewAttemptsProveNothing) {
  Course course(3);
  EXPECT_TRUE(course.interval({{100, 0}, {100, 0}, {0, 9}}).empty());
  EXPECT_FALSE(course.interval({{100, 0}, {100, 0}, {0, 10}}).empty());
}

TEST(Outlier, WhereAllFailNobodyIsAnOutlier) {
  Course course(4);
  EXPECT_TRUE(course.interval({{50, 50}, {50, 50}, {50, 50}, {50, 50}}).empty());
  EXPECT_TRUE(course.interval({{0, 0}, {0, 100}, {0, 0}, {0, 0}}).empty())
      << "no others to compare";
}

TEST(Outlier, TheWorstGoFirstAndNoMoreThanTheBound) {
  Course course(5);
  EXPECT_EQ(course.judge.bound(), 2u);
  course.interval({{1000, 0}, {50, 50}, {1000, 0}, {10, 90}, {30, 70}});
  EXPECT_EQ(course.out(), (Servers{3, 4}));
  course.interval({{1000, 0}, {50, 50}, {1000, 0}, {0, 0}, {0, 0}});
  EXPECT_EQ(course.out(), (Servers{3, 4})) << "there is no room for a third";
}

TEST(Outlier, ABoundBelowOneServerLetsNobodyGo) {
  Course course(3, {.max_percent = 33, .failure_percent = 40, .min_attempts = 10});
  EXPECT_EQ(course.judge.bound(), 0u);
  course.interval({{100, 0}, {100, 0}, {0, 100}});
  EXPECT_TRUE(course.out().empty());
}

TEST(Outlier, TheLastOneThatIsLeftStays) {
  Course course(2, {.max_percent = 100, .failure_percent = 40, .min_attempts = 10});
  course.usable = {0, 1};
  course.interval({{100, 0}, {0, 100}});
  EXPECT_TRUE(course.out().empty());
  course.usable = {1, 1};
  course.interval({{100, 0}, {0, 100}});
  EXPECT_EQ(course.out(), Servers{1});
}

TEST(Outlier, ComesBackAndIsOutLongerTheNextTime) {
  Course course(3);
  course.interval({{100, 0}, {100, 0}, {0, 100}});
  course.interval({{100, 0}, {100, 0}, {0, 0}});
  course.interval({{100, 0}, {100, 0}, {0, 0}});
  EXPECT_EQ(course.out(), Servers{2});
  EXPECT_EQ(course.interval({{100, 0}, {100, 0}, {0, 100}}),
            (std::vector<OutlierChange>{{2, false, 0, 0, {}}}))
      << "what failed on the way out does not count";
  EXPECT_TRUE(course.out().empty());
  const auto again = course.interval({{100, 0}, {100, 0}, {0, 100}});
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].out_for, 60s);
}

TEST(Outlier, GoodBehaviourIsRemembered) {
  Course course(3);
  course.interval({{100, 0}, {100, 0}, {0, 100}});
  for (int i = 0; i < 3; ++i)
    course.interval({{100, 0}, {100, 0}, {0, 0}});
  course.interval({{100, 0}, {100, 0}, {100, 0}});
  const auto again = course.interval({{100, 0}, {100, 0}, {0, 100}});
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].out_for, 30s);
}

TEST(ErrorStreak, CountsErrorsInARow) {
  ErrorStreak streak;
  const auto add = [&](std::uint64_t answered, std::uint64_t refused, std::uint64_t unanswered) {
    return streak.add({.answered = answered, .unanswered = unanswered, .refused = refused}, 5);
  };
  EXPECT_FALSE(add(0, 2, 2));
  EXPECT_FALSE(add(1, 9, 0)) << "which came last is not known";
  EXPECT_FALSE(add(0, 4, 0));
  streak.clear();
  EXPECT_FALSE(add(0, 4, 0));
  EXPECT_TRUE(add(0, 3, 0));
  EXPECT_EQ(streak.last_count(), 7u);
  EXPECT_FALSE(add(0, 4, 0)) << "it began anew";
}

}  // namespace
}  // namespace carpool
