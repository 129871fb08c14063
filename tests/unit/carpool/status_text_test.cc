// Golden pages: a status as carpoold answers it, and the text that is shown for it.
#include "tools/carpool/status_text.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

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
