// Protocol cases as transcripts: what happens at which second, and what the machine does about it.
//
//     node 1/100 at 10.0.0.2 preempt
//     0.000 link up
//       => INIT -> BACKUP (port usable); arm master-down 3.391s
//     3.391 expires master-down
//       => BACKUP -> MASTER (no master was heard); cancel master-down; become master;
//          send advert 1/100 #1000; arm advert 1.391s; announce; arm announce 0.200s
//
// The first line is the configuration. CARP: advbase/advskew, source address, and any of `preempt`,
// `delay SECONDS`, `demotion-first`; the machine's first counter is 1000. VRRP: priority, source
// address, and any of `v2`, `every SECONDS`, `preempt`, `delay SECONDS`, `startup SECONDS`, `bonus
// N`, `garp COUNT DELAY REFRESH REFRESH-COUNT` (without it, one announcement and no more). A later
// `config ...` event has the same form. An event without a `=>` line must lead to no action.
//
// Events: link up, link down, advert B/S from ADDRESS [demoted N] [#COUNTER] (CARP), advert
// PRIORITY from ADDRESS [every SECONDS] (VRRP), expires TIMER, demote N SOURCE, config ..., leave,
// adopt, sent ok, sent error, lost ADDRESS. A timer may only expire when it was to, nothing may
// happen while one is overdue; `stale TIMER` expires one that is not armed.
#pragma once

#include <string>
#include <string_view>

namespace carpool::test {

struct Replay {
  std::string expected;  // the script, one line per event: "0.000 link up => ...; ..."
  std::string actual;    // the same with what the machine did
};

[[nodiscard]] Replay replay_carp(std::string_view script);
[[nodiscard]] Replay replay_vrrp(std::string_view script);

}  // namespace carpool::test

#define EXPECT_REPLAY(replay)                  \
  do {                                         \
    const auto result = replay;                \
    EXPECT_EQ(result.expected, result.actual); \
  } while (false)
#define EXPECT_TRANSCRIPT(script) EXPECT_REPLAY(::carpool::test::replay_carp(script))
#define EXPECT_VRRP_TRANSCRIPT(script) EXPECT_REPLAY(::carpool::test::replay_vrrp(script))
