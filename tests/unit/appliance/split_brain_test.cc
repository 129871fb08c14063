// When two nodes that hold the same group say so, and when they do not.
#include "controlplane/appliance/split_brain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Groups = std::vector<std::string>;

struct SplitBrainTest : testing::Test {
  std::vector<std::string> after(Duration time, const Groups& own, const Groups& peer) {
    now += time;
    return watch.step(own, PeerClaims{"lb2", peer}, now);
  }
  SplitBrain watch;
  Instant now{100s};
};

TEST_F(SplitBrainTest, IsToldOnceAndShownAsLongAsItLasts) {
  EXPECT_THAT(after(0s, {"public"}, {"public"}), IsEmpty());
  EXPECT_THAT(watch.problems(), IsEmpty());
  EXPECT_THAT(after(1s, {"public"}, {"public"}), ElementsAre(HasSubstr("lb2 holds it, too")));
  EXPECT_THAT(after(1s, {"public"}, {"public"}), IsEmpty());
  EXPECT_THAT(watch.problems(), ElementsAre(HasSubstr("group public: split brain")));
}

TEST_F(SplitBrainTest, ItsEndNamesWhoStays) {
  after(0s, {"public", "office"}, {"public", "office"});
  after(1s, {"public", "office"}, {"public", "office"});
  EXPECT_THAT(
      after(1s, {"public"}, {"office"}),
      testing::UnorderedElementsAre(HasSubstr("group public: the split brain is over: this "
                                              "node"),
                                    HasSubstr("group office: the split brain is over: lb2")));
  EXPECT_THAT(watch.problems(), IsEmpty());
}

TEST_F(SplitBrainTest, AHandoverIsNone) {
  after(0s, {"public"}, {});
  EXPECT_THAT(after(1s, {"public"}, {"public"}), IsEmpty());
  EXPECT_THAT(after(300ms, {"public"}, {}), IsEmpty());
  EXPECT_THAT(after(1s, {}, {"public"}), IsEmpty());
  EXPECT_THAT(after(1s, {"public"}, {"public"}), IsEmpty()) << "time counts afresh";
}

TEST_F(SplitBrainTest, OfAPeerThatIsNotHeardNothingIsSaid) {
  after(0s, {"public"}, {"public"});
  after(1s, {"public"}, {"public"});
  EXPECT_THAT(watch.step({"public"}, std::nullopt, now), IsEmpty());
  EXPECT_THAT(watch.problems(), IsEmpty());
}

}  // namespace
}  // namespace carpool
