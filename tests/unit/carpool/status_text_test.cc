// Golden pages: a status as carpoold answers it, and the text that is shown for it.
#include "tools/carpool/status_text.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tools/carpool/traffic_text.h"

namespace carpool::tool {
namespace {

std::string read(const std::string& name) {
  std::ifstream file(std::filesystem::path(std::getenv("SAMPLES")) / name);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

nlohmann::json sample(const std::string& name) {
  return nlohmann::json::parse(read(name));
}

TEST(StatusText, MasterInGoodHealth) {
  EXPECT_EQ(status_text(sample("master.json"), Paint(false)), read("master.txt"));
}

TEST(StatusText, NodeInTrouble) {
  EXPECT_EQ(status_text(sample("trouble.json"), Paint(false)), read("trouble.txt"));
}

TEST(TrafficText, ShowsHistograms) {
  const auto status = nlohmann::json::parse(R"({"services": [{"name": "web", "servers": [
    {"name": "web1", "address": "10.0.0.1:80", "traffic": {
      "answers": {"ms": ["<1", "1-3", "1024-4095"], "connections": [12345, 6, 1]},
      "seconds": {"per_s": ["0", "1"], "unanswered": [500, 2], "refused": [502, 0],
                  "resets": [502, 0], "retransmits": [501, 1]}}},
    {"name": "web2", "address": "10.0.0.2:80"}]}]})");
  const std::string page = traffic_text(status, Paint(false));
  EXPECT_EQ(page.substr(page.find("  web/web1")),
            "  web/web1 10.0.0.1:80\n"
            "    answer in ms     <1    1-3 1024-4095\n"
            "    connections  12,345      6         1\n"
            "    in a second       0      1\n"
            "    unanswered      500      2\n"
            "    refused         502      0\n"
            "    resets          502      0\n"
            "    repeated SYN    501      1\n"
            "  web/web2 10.0.0.2:80\n");
}

TEST(TrafficText, SurvivesWhatItDoesNotKnow) {
  for (const char* text :
       {"{}", "null", R"({"services": [null, {"servers": {}}, 7, {"servers": [{"traffic": {
        "answers": {"ms": [1, null], "connections": [-1, {}, 7]}, "seconds": []}}]}]})"})
    EXPECT_FALSE(traffic_text(nlohmann::json::parse(text), Paint(true)).empty()) << text;
}

TEST(StatusText, FitsATerminalOf80Columns) {
  for (const char* name : {"master.json", "trouble.json"}) {
    std::istringstream page(status_text(sample(name), Paint(false)));
    std::string line;
    std::getline(page, line);  // the verdict names every group, however many there are
    while (std::getline(page, line))
      EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST(StatusText, SurvivesWhatItDoesNotKnow) {
  for (const char* text : {"{}", "[]", "null", R"({"groups": 7, "services": [null, {"servers": {}}],
                           "dataplane": {"workers": "x"}, "problems": [1], "node": []})"}) {
    EXPECT_FALSE(status_text(nlohmann::json::parse(text), Paint(true)).empty()) << text;
  }
}

}  // namespace
}  // namespace carpool::tool
