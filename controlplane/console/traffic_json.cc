#include "controlplane/console/traffic_json.h"

#include <array>
#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

namespace carpool::console {
namespace {

using json = nlohmann::ordered_json;

constexpr std::array<std::string_view, RateHistogram::kClasses> kRates = {
    "0", "1", "2-3", "4-7", "8-15", "16-31", "32-63", ">=64"};
constexpr std::array<std::string_view, abi::kAnswerTimes> kTimes = {
    "<1", "1-3", "4-15", "16-63", "64-255", "256-1023", "1024-4095", ">=4096"};

}  // namespace

json traffic_json(const ServerTraffic& traffic, const link::ServerTotals& totals) {
  json result = {{"connections_per_s", traffic.rates.connections},
                 {"failures_per_s", traffic.rates.failures},
                 {"unanswered_per_s", traffic.rates.unanswered},
                 {"refused_per_s", traffic.rates.refused},
                 {"resets_per_s", traffic.rates.resets},
                 {"retransmits_per_s", traffic.rates.retransmits},
                 {"ejected", traffic.ejected}};
  // Of thousands of servers without any there is enough to be written as it is.
  if (totals.connections == 0) return result;
  const auto& [unanswered, refused, resets, retransmits] = traffic.histograms;
  result["answers"] = {{"ms", kTimes}, {"connections", totals.answer_times}};
  result["seconds"] = {{"per_s", kRates},
                       {"unanswered", unanswered.seconds},
                       {"refused", refused.seconds},
                       {"resets", resets.seconds},
                       {"retransmits", retransmits.seconds}};
  return result;
}

}  // namespace carpool::console
