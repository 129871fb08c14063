#include "controlplane/appliance/traffic_watch.h"

#include <gtest/gtest.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1000s};

// Two backends of two servers each; outliers of the second one are ejected.
struct TrafficWatchTest : testing::Test {
  TrafficWatchTest() {
    config.backends.resize(2);
    for (std::size_t b = 0; b < 2; ++b) {
      config.backends[b].name = b == 0 ? "a" : "b";
      config.backends[b].servers.resize(2);
      config.backends[b].servers[0].name = "one";
      config.backends[b].servers[1].name = "two";
    }
    config.backends[1].outliers = config::OutlierEjection{
        .max_percent = 50, .min_attempts = 10, .interval = 1s, .ejection = 5s};
    states = {{{}, {}}, {{}, {}}};
    totals.resize(4);
    watch.configure(config);
    static_cast<void>(watch.step(totals, states, now));
  }

  TrafficWatch::Step pass(Duration time) {
    now += time;
    return watch.step(totals, states, now);
  }

  config::Config config;
  link::ServerStates states;
  std::vector<link::ServerTotals> totals;
  TrafficWatch watch;
  Instant now = kStart;
};

TEST_F(TrafficWatchTest, TellsWhatHappenedBetweenReadings) {
  totals[2] = {.connections = 9,
               .answered = 5,
               .connect_timeouts = 1,
               .refused = 2,
               .resets = 3,
               .syn_retransmits = 4,
               .answer_retransmits = 6};
  EXPECT_EQ(pass(1s).events[2], (TrafficEvents{.connections = 9,
                                               .answered = 5,
                                               .unanswered = 1,
                                               .refused = 2,
                                               .resets = 3,
                                               .syn_retransmits = 4,
                                               .answer_retransmits = 6}));
  EXPECT_EQ(pass(1s).events[2], TrafficEvents{});
  totals[2].answered += 1;
  EXPECT_EQ(pass(1s).events[2].answered, 1u);
}

TEST_F(TrafficWatchTest, CountsSecondsByWhatTheyShowed) {
  using Seconds = decltype(RateHistogram::seconds);
  for (int i = 0; i < 10; ++i) {  // two seconds of five readings
    totals[1].resets += 1;
    static_cast<void>(pass(200ms));
  }
  totals[1].connect_timeouts += 100;
  totals[1].syn_retransmits += 2;
  totals[1].answer_retransmits += 1;
  static_cast<void>(pass(980ms));  // a reading that came a little early
  totals[1].refused += 9;
  static_cast<void>(pass(3s));  // and one after three seconds: three in each
  const TrafficHistograms& seen = watch.servers()[1].histograms;
  EXPECT_EQ(seen.resets.seconds, (Seconds{4, 0, 0, 2, 0, 0, 0, 0}));
  EXPECT_EQ(seen.unanswered.seconds, (Seconds{5, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(seen.retransmits.seconds, (Seconds{5, 0, 1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(seen.refused.seconds, (Seconds{3, 0, 3, 0, 0, 0, 0, 0}));
  EXPECT_EQ(watch.servers()[0].histograms.resets.seconds, (Seconds{6, 0, 0, 0, 0, 0, 0, 0}));
  watch.configure(config);
  EXPECT_EQ(watch.servers()[1].histograms, TrafficHistograms{});
}

TEST_F(TrafficWatchTest, AFirstReadingIsOfNothing) {
  watch.forget_totals();
  totals[0].refused = 1000;
  EXPECT_EQ(pass(1s).events[0], TrafficEvents{});
  totals[0].refused = 5;  // another data plane, which began at zero
  EXPECT_EQ(pass(1s).events[0], TrafficEvents{});
}

TEST_F(TrafficWatchTest, RatesSettleAtWhatIsSeen) {
  for (int i = 0; i < 300; ++i) {
    totals[1].connections += 20;
    totals[1].syn_retransmits += 2;
    static_cast<void>(pass(200ms));
  }
  const TrafficRates& rates = watch.servers()[1].rates;
  EXPECT_NEAR(rates.connections, 100, 1);
  EXPECT_NEAR(rates.retransmits, 10, 0.1);
  EXPECT_EQ(rates.failures, 0);
  for (int i = 0; i < 300; ++i)
    static_cast<void>(pass(200ms));
  EXPECT_NEAR(watch.servers()[1].rates.connections, 0, 1);
}

TEST_F(TrafficWatchTest, OutliersAreEjectedWhereThatIsAsked) {
  for (const std::size_t good : {0u, 2u})
    totals[good].answered = 100;
  for (const std::size_t bad : {1u, 3u})
    totals[bad].refused = 100;
  const auto step = pass(1s);
  EXPECT_TRUE(step.ejections_changed);
  EXPECT_EQ(step.log, (std::vector<std::string>{
                          "server b/two gets no new connections for 5 s: 100 of 100 failed"}));
  EXPECT_FALSE(watch.servers()[1].ejected);
  EXPECT_TRUE(watch.servers()[3].ejected);
  states[1][1].draining = true;  // for that reason
  EXPECT_FALSE(pass(4s).ejections_changed);
  EXPECT_TRUE(pass(1s).ejections_changed);
  EXPECT_FALSE(watch.servers()[3].ejected);
}

TEST_F(TrafficWatchTest, ActsOnlyWhereSomethingIsAsked) {
  EXPECT_TRUE(watch.acts());
  config.backends[1].outliers.reset();
  watch.configure(config);
  EXPECT_FALSE(watch.acts());
  config.backends[0].servers[0].observe.layer4 = true;
  watch.configure(config);
  EXPECT_TRUE(watch.acts());
}

}  // namespace
}  // namespace carpool
