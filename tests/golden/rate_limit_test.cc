// `rate-limit`: what a service takes in a second, from everybody and from one address.

#include <gtest/gtest.h>

#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

ImageContent limited(std::uint32_t rate, std::uint32_t source_rate) {
  ImageContent content = usual_content();
  content.services[0].fields.max_rate = rate;
  content.services[0].fields.max_source_rate = source_rate;
  return content;
}

// So many SYNs to kWeb, each from another port or also from another address: how many got through.
class Flood {
 public:
  explicit Flood(Bed& bed) : bed_(bed) {}

  std::uint32_t from_one(Ipv4Address source, std::uint32_t count) {
    std::uint32_t through = 0;
    for (std::uint32_t i = 0; i < count; ++i)
      through += opens({source, static_cast<std::uint16_t>(10'000 + sent_++)});
    return through;
  }
  std::uint32_t from_many(std::uint32_t count) {
    std::uint32_t through = 0;
    for (std::uint32_t i = 0; i < count; ++i)
      through += opens(client(256 * sent_++));
    return through;
  }

 private:
  bool opens(const Endpoint& from) {
    return Connection(bed_, from, kWeb).opened().verdict == Verdict::to_server;
  }
  Bed& bed_;
  std::uint32_t sent_ = 0;
};

constexpr Ipv4Address kOne = Ipv4Address::of(203, 0, 113, 7);
constexpr Ipv4Address kOther = Ipv4Address::of(203, 0, 113, 8);

TEST(RateLimit, AServiceTakesASecondsWorthAtOnceAndThenItsRate) {
  Bed bed({}, limited(20, 0));
  Flood flood(bed);
  EXPECT_EQ(flood.from_many(50), 20u);
  EXPECT_EQ(bed.count(Verdict::over_service_rate), 30u);
  bed.advance_ms(100);
  EXPECT_EQ(flood.from_many(50), 2u);
  bed.advance_ms(49);
  EXPECT_EQ(flood.from_many(50), 0u);
  bed.advance_ms(1);
  EXPECT_EQ(flood.from_many(50), 1u);
  bed.advance_ms(10'000);
  EXPECT_EQ(flood.from_many(50), 20u) << "it holds no more than a second's worth";
}

TEST(RateLimit, ASourceDoesNotUseUpWhatOthersHave) {
  Bed bed({}, limited(0, 5));
  Flood flood(bed);
  EXPECT_EQ(flood.from_one(kOne, 50), 5u);
  EXPECT_EQ(bed.count(Verdict::over_source_rate), 45u);
  EXPECT_EQ(flood.from_one(kOther, 50), 5u);
  EXPECT_EQ(flood.from_many(50), 50u);
  bed.advance_ms(200);
  EXPECT_EQ(flood.from_one(kOne, 50), 1u);
}

// What a source is refused is not taken off what the service has for others.
TEST(RateLimit, TheSourcesLimitComesFirst) {
  Bed bed({}, limited(20, 5));
  Flood flood(bed);
  EXPECT_EQ(flood.from_one(kOne, 50), 5u);
  EXPECT_EQ(flood.from_many(50), 15u);
}

TEST(RateLimit, KnownConnectionsAndOtherServicesAreNotLimited) {
  Bed bed({}, limited(1, 1));
  Connection connection = Connection::established(bed, client(1), kWeb);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(connection.from_client(kTcpAck).verdict, Verdict::to_server);
  for (std::uint32_t number = 0; number < 20; ++number)
    EXPECT_EQ(Connection(bed, client(number), kMysql).opened().verdict, Verdict::to_server);
}

// Each of two workers sees half of a client's connections.
TEST(RateLimit, WorkersShareTheRate) {
  std::uint32_t through = 0;
  for (std::uint32_t worker = 0; worker < 2; ++worker) {
    Bed bed({.worker = worker, .workers = 2}, limited(100, 0));
    Flood flood(bed);
    (void)flood.from_many(1000);
    for (int i = 0; i < 20; ++i) {
      bed.advance_ms(50);
      through += flood.from_many(100);
    }
  }
  EXPECT_NEAR(through, 100, 2);
}

}  // namespace
}  // namespace carpool::test
