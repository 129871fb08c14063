#include "controlplane/health/check_result.h"

#include <algorithm>
#include <array>

namespace carpool {
namespace {

struct Row {
  CheckStatus status;
  CheckVerdict verdict;
  std::string_view name;
  std::string_view description;
};

using enum CheckVerdict;
constexpr std::array<Row, kCheckStatusCount> kRows{{
    {CheckStatus::Unknown, Neutral, "UNK", "Unknown"},
    {CheckStatus::Initial, Neutral, "INI", "Initializing"},
    {CheckStatus::Checked, Neutral, "CHECKED", "No status change"},
    {CheckStatus::Observed, Failed, "HANA", "Health analyze"},
    {CheckStatus::SocketError, Failed, "SOCKERR", "Socket error"},
    {CheckStatus::L4Ok, Passed, "L4OK", "Layer4 check passed"},
    {CheckStatus::L4Timeout, Failed, "L4TOUT", "Layer4 timeout"},
    {CheckStatus::L4Connect, Failed, "L4CON", "Layer4 connection problem"},
    {CheckStatus::L6Ok, Passed, "L6OK", "Layer6 check passed"},
    {CheckStatus::L6Timeout, Failed, "L6TOUT", "Layer6 timeout"},
    {CheckStatus::L6Response, Failed, "L6RSP", "Layer6 invalid response"},
    {CheckStatus::L7Ok, Passed, "L7OK", "Layer7 check passed"},
    {CheckStatus::L7OkConditional, Passed, "L7OKC", "Layer7 check conditionally passed"},
    {CheckStatus::L7Timeout, Failed, "L7TOUT", "Layer7 timeout"},
    {CheckStatus::L7Response, Failed, "L7RSP", "Layer7 invalid response"},
    {CheckStatus::L7Status, Failed, "L7STS", "Layer7 wrong status"},
    {CheckStatus::ProcessOk, Passed, "PROCOK", "External check passed"},
    {CheckStatus::ProcessError, Failed, "PROCERR", "External check error"},
    {CheckStatus::ProcessTimeout, Failed, "PROCTOUT", "External check timeout"},
}};

constexpr bool rows_follow_the_enum() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].status) != i) return false;
  }
  return true;
}
static_assert(rows_follow_the_enum());

const Row& row(CheckStatus status) {
  return kRows[static_cast<std::size_t>(status)];
}

}  // namespace

std::string_view name(CheckStatus status) {
  return row(status).name;
}

std::string_view description(CheckStatus status) {
  return row(status).description;
}

CheckVerdict verdict(CheckStatus status) {
  return row(status).verdict;
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, kMaxCheckText));
  std::ranges::replace_if(out, [](char c) { return c < 0x20 || c >= 0x7f; }, '.');
  return out;
}

}  // namespace carpool
