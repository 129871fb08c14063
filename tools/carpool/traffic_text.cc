#include "tools/carpool/traffic_text.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/carpool/status_fields.h"

namespace carpool::tool {
namespace {

using nlohmann::json;

constexpr std::size_t kLabelWidth = 12;
// "1024-4095" is wider than any usual number of connections.
std::size_t width_of(const std::string& name) {
  return std::max<std::size_t>(name.size(), 6);
}

struct Row {
  const char* key;
  const char* label;
};

// The classes as the first line, then a line of counts for each row.
std::string table(const json& histograms, const char* classes, const char* title,
                  std::span<const Row> rows) {
  const json& names = member(histograms, classes);
  if (!names.is_array()) return "";
  std::string head;
  std::vector<std::size_t> widths;
  for (const json& name : names) {
    const std::string text = name.is_string() ? name.get<std::string>() : "?";
    widths.push_back(width_of(text));
    head += fmt::format(" {:>{}}", text, widths.back());
  }
  std::string result = fmt::format("    {:<{}}{}\n", title, kLabelWidth, head);
  for (const Row& row : rows) {
    result += fmt::format("    {:<{}}", row.label, kLabelWidth);
    std::size_t column = 0;
    for (const json& count : member(histograms, row.key)) {
      if (column == widths.size()) break;
      const auto number = count.is_number_unsigned() ? count.get<std::uint64_t>() : 0;
      result += fmt::format(" {:>{}}", count_text(number), widths[column++]);
    }
    result += '\n';
  }
  return result;
}

std::string server_text(const json& server, const std::string& service, const Paint& paint) {
  constexpr Row kAnswers[] = {{"connections", "connections"}};
  constexpr Row kSeconds[] = {{"unanswered", "unanswered"},
                              {"refused", "refused"},
                              {"resets", "resets"},
                              {"retransmits", "repeated SYN"}};
  const json& traffic = member(server, "traffic");
  const auto name = fmt::format("{}/{}", service, string_of(server, "name"));
  return fmt::format("  {} {}\n", paint(Tone::heading, name), string_of(server, "address")) +
         table(member(traffic, "answers"), "ms", "answer in ms", kAnswers) +
         table(member(traffic, "seconds"), "per_s", "in a second", kSeconds);
}

}  // namespace

std::string traffic_text(const json& status, const Paint& paint) {
  std::string page =
      "Connections by how long the server took to agree. Seconds by how many SYNs\n"
      "without answer, refusals, resets and repeated SYNs there were in each, since the\n"
      "configuration was loaded.\n";
  for (const json& service : member(status, "services")) {
    for (const json& server : member(service, "servers"))
      page += server_text(server, string_of(service, "name"), paint);
  }
  return page;
}

}  // namespace carpool::tool
