#include "tools/carpool/move_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace carpool::tool {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(MoveText, SaysWhatWentWhereAndHowLongItTook) {
  const json answer = json::parse(
      R"({"moved": [{"group": "public", "from": "lb1", "to": "lb2", "took_ms": 4.12}]})");
  EXPECT_EQ(switchover_text(answer),
            "public: lb1 -> lb2, 4.1 ms from the farewell until lb2 was heard; gap 0 ms, as lb1 "
            "went on until then\n");
  const json drill = {{"there", answer["moved"]}, {"back", json::array()}};
  EXPECT_EQ(drill_text(drill), "there:\n" + switchover_text(answer) + "and back:\n");
}

TEST(MoveText, SaysWhatMaintenanceDidAndDidNot) {
  EXPECT_EQ(demote_text(json::parse(R"({"on": true, "groups": ["a", "b"], "moved": [],
                                        "kept": "the peer is not heard"})")),
            "a, b: in maintenance on this node until 'carpool demote off'\n"
            "still here: the peer is not heard\n");
  EXPECT_EQ(demote_text(json::parse(R"({"on": false, "groups": ["a"]})")),
            "a: not demoted by an operator any more\n");
}

TEST(MoveText, UnderstandsWhatIsNotAsExpected) {
  EXPECT_EQ(switchover_text(json::array()), "");
  EXPECT_THAT(switchover_text(json::parse(R"({"moved": [{"took_ms": "x"}, 1]})")), HasSubstr("?"));
  EXPECT_EQ(refusal_text(json::parse(R"({"error": "no peer"})"), 409), "no peer");
  EXPECT_EQ(refusal_text(json(json::value_t::discarded), 500), "carpoold answers 500");
  EXPECT_THAT(demote_text(json::parse(R"({"on": 1})")), HasSubstr("not demoted"));
}

}  // namespace
}  // namespace carpool::tool
