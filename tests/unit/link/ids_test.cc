#include "controlplane/link/ids.h"

#include <gtest/gtest.h>

namespace carpool::link {
namespace {

using Pool = IndexPool<std::string>;

void round_of(Pool& pool, std::initializer_list<const char*> keys) {
  pool.begin();
  for (const char* key : keys)
    EXPECT_TRUE(pool.acquire(key)) << key;
  pool.end();
}

TEST(IndexPool, KeysKeepTheirIndexWhileTheyLive) {
  Pool pool(8);
  round_of(pool, {"a", "b", "c"});
  round_of(pool, {"c", "b", "d"});
  EXPECT_EQ(pool.find("b"), 1u);
  EXPECT_EQ(pool.find("c"), 2u);
  EXPECT_EQ(pool.find("d"), 3u);
  EXPECT_EQ(pool.find("a"), std::nullopt);
}

TEST(IndexPool, FreshIndicesGoFirstThenTheOneRetiredLongestAgo) {
  Pool pool(4);
  round_of(pool, {"a", "b", "c"});
  round_of(pool, {"a", "c"});
  round_of(pool, {"c"});
  round_of(pool, {"c", "d"});
  EXPECT_EQ(pool.find("d"), 3u);
  round_of(pool, {"c", "d", "e"});
  EXPECT_EQ(pool.find("e"), 1u) << "of b, which went before a";
  round_of(pool, {"c", "d", "e", "f"});
  EXPECT_EQ(pool.find("f"), 0u);
}

TEST(IndexPool, AKeyThatComesBackGetsItsOldIndex) {
  Pool pool(3);
  round_of(pool, {"a", "b"});
  round_of(pool, {"b"});
  round_of(pool, {"a", "b"});
  EXPECT_EQ(pool.find("a"), 0u);
  round_of(pool, {"a", "b", "c"});
  EXPECT_EQ(pool.find("c"), 2u) << "the index of a is not free any more";
  pool.begin();
  EXPECT_EQ(pool.acquire("d"), std::nullopt);
}

TEST(IndexPool, ARoundThatIsNotEndedTakesNothingAway) {
  Pool pool(4);
  round_of(pool, {"a", "b"});
  pool.begin();
  EXPECT_TRUE(pool.acquire("c"));
  EXPECT_EQ(pool.find("a"), 0u);
  round_of(pool, {"a", "b"});
  EXPECT_EQ(pool.find("b"), 1u);
  EXPECT_EQ(pool.find("c"), std::nullopt);
}

TEST(IndexPool, RestoredKeysHaveTheirIndexAndGapsAreReusedLast) {
  Pool pool(4);
  EXPECT_TRUE(pool.restore(2, "c"));
  EXPECT_FALSE(pool.restore(1, "c")) << "known already";
  EXPECT_FALSE(pool.restore(2, "x")) << "taken";
  EXPECT_FALSE(pool.restore(4, "y")) << "beyond the table";
  EXPECT_TRUE(pool.restore(0, "a"));
  round_of(pool, {"a", "c", "d"});
  EXPECT_EQ(pool.find("a"), 0u);
  EXPECT_EQ(pool.find("c"), 2u);
  EXPECT_EQ(pool.find("d"), 3u);
  round_of(pool, {"a", "c", "d", "e"});
  EXPECT_EQ(pool.find("e"), 1u);
}

TEST(IndexPool, NeverGivesReservedIndices) {
  Pool pool(3, 1);
  EXPECT_FALSE(pool.restore(0, "x"));
  round_of(pool, {"a", "b"});
  EXPECT_EQ(pool.find("a"), 1u);
  EXPECT_EQ(pool.find("b"), 2u);
  EXPECT_EQ(pool.size(), 3u);
}

}  // namespace
}  // namespace carpool::link
