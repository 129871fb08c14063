// carpool top without a terminal: a golden page, and what keys do to it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tools/carpool/top/model.h"
#include "tools/carpool/top/view.h"

namespace carpool::tool::top {
namespace {

using nlohmann::json;

constexpr Size kSmall{24, 80};

std::string read(const std::string& name) {
  std::ifstream file(std::filesystem::path(std::getenv("SAMPLES")) / name);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

json sample(const char* name) {
  return json::parse(read(name));
}

std::string page(View& view, const Model& model, Size size = kSmall) {
  std::string text;
  for (const Line& line : draw(view, model, size)) {
    std::string seen = line.text();
    seen.erase(seen.find_last_not_of(' ') + 1);
    text += seen + '\n';
  }
  return text;
}

bool shows(View& view, const Model& model, std::string_view words) {
  return page(view, model).find(words) != std::string::npos;
}

// master.json, two seconds and some traffic later.
json later(json status) {
  status["uptime_s"] = status["uptime_s"].get<double>() + 2;
  json& server = status["services"][0]["servers"][0];
  server["connections_total"] = server["connections_total"].get<std::uint64_t>() + 300;
  server["bytes_out"] = 4'000'000u;
  server["weight"] = 100u;
  status["flows"]["created"] = status["flows"]["created"].get<std::uint64_t>() + 300;
  status["counters"]["verdicts"]["no_service"] = 50u;
  json& port = status["dataplane"]["ports"][0];
  port["rx_packets"] = port["rx_packets"].get<std::uint64_t>() + 24'000;
  return status;
}

Model two_readings() {
  const json before = sample("master.json");
  return make_model(later(before), before);
}

TEST(TopPage, OfAMasterInGoodHealth) {
  View view;
  EXPECT_EQ(page(view, two_readings()), read("top.txt"));
}

TEST(TopPage, FillsEverySizeExactly) {
  const Model model = two_readings();
  for (const Size size : {Size{24, 80}, Size{60, 200}, Size{5, 40}, Size{1, 1}}) {
    for (const Page what : {Page::status, Page::traffic, Page::checks, Page::drops, Page::help}) {
      View view{.page = what};
      const auto lines = draw(view, model, size);
      ASSERT_EQ(lines.size(), size.rows);
      for (const Line& line : lines)
        EXPECT_LE(line.text().size(), size.columns) << line.text();
    }
  }
}

TEST(TopPage, SurvivesWhatItDoesNotKnow) {
  for (const char* text : {"{}", "[]", "null", R"({"groups": 7, "services": [null, {"servers": {}}],
                           "dataplane": {"workers": "x"}, "problems": [1], "node": []})"}) {
    View view;
    EXPECT_FALSE(page(view, make_model(json::parse(text), json::parse(text))).empty()) << text;
  }
}

TEST(TopPage, ShowsTroubleAndItsReason) {
  View view;
  const Model model = make_model(sample("trouble.json"), nullptr);
  EXPECT_FALSE(model.problems.empty());
  EXPECT_TRUE(shows(view, model, "! " + model.problems.front().substr(0, 40)));
}

TEST(TopRates, NeedTwoReadings) {
  const json status = sample("master.json");
  EXPECT_FALSE(make_model(status, nullptr).connections_per_s.has_value());
  EXPECT_EQ(two_readings().connections_per_s, 150);
  EXPECT_EQ(two_readings().packets_per_s, 12'000);
}

TEST(TopRates, AreUnknownAfterARestart) {
  const json before = sample("master.json");
  json restarted = before;
  restarted["uptime_s"] = 0.5;
  EXPECT_FALSE(make_model(restarted, before).connections_per_s.has_value());
  json counts_anew = later(before);
  counts_anew["flows"]["created"] = 1u;
  EXPECT_FALSE(make_model(counts_anew, before).connections_per_s.has_value());
}

TEST(TopKeys, ChangeThePage) {
  const Model model = two_readings();
  View view;
  EXPECT_EQ(press(view, '4', model, kSmall), Wish::none);
  EXPECT_TRUE(shows(view, model, "no service on this address and port"));
  EXPECT_EQ(press(view, 'h', model, kSmall), Wish::none);
  EXPECT_TRUE(shows(view, model, "pause, and go on"));
  EXPECT_EQ(press(view, 'h', model, kSmall), Wish::none);
  EXPECT_EQ(view.page, Page::status);
  EXPECT_EQ(press(view, 'q', model, kSmall), Wish::quit);
}

TEST(TopKeys, FilterServers) {
  const Model model = two_readings();
  View view;
  for (const char key : std::string("/web2q"))
    EXPECT_EQ(press(view, key, model, kSmall), Wish::none);
  EXPECT_TRUE(shows(view, model, "nothing matches"));
  EXPECT_EQ(press(view, kKeyBackspace, model, kSmall), Wish::none);
  EXPECT_TRUE(shows(view, model, "  web2 (backup)"));
  EXPECT_FALSE(shows(view, model, "  web1"));
  EXPECT_EQ(press(view, kKeyEnter, model, kSmall), Wish::none);
  EXPECT_EQ(press(view, 'q', model, kSmall), Wish::quit);
  EXPECT_EQ(press(view, kKeyEscape, model, kSmall), Wish::none);
  EXPECT_TRUE(shows(view, model, "  web1"));
}

TEST(TopKeys, SortAndKeepTheSelectionInSight) {
  json status = sample("master.json");
  const json server = status["services"][0]["servers"][0];
  for (unsigned i = 0; i < 100; ++i) {
    json more = server;
    more["name"] = "extra" + std::to_string(i);
    more["connections_active"] = i;
    status["services"][0]["servers"].push_back(more);
  }
  const Model model = make_model(status, nullptr);
  View view;
  const auto selected = [&] {
    const auto lines = draw(view, model, kSmall);
    const auto found = std::ranges::find(lines, true, &Line::is_selected);
    return found == lines.end() ? std::string() : found->text();
  };
  EXPECT_EQ(press(view, kKeyEnd, model, kSmall), Wish::none);
  EXPECT_NE(selected().find("extra99"), std::string::npos);
  EXPECT_EQ(press(view, kKeyPageUp, model, kSmall), Wish::none);
  EXPECT_NE(selected().find("extra8"), std::string::npos);
  EXPECT_EQ(press(view, 's', model, kSmall), Wish::none);
  EXPECT_NE(selected().find("extra99"), std::string::npos);
  EXPECT_EQ(press(view, kKeyUp, model, kSmall), Wish::none);
  EXPECT_NE(selected().find("extra99"), std::string::npos);
}

TEST(TopKeys, PauseHoldsThePicture) {
  const Model model = two_readings();
  View view;
  EXPECT_EQ(press(view, 'p', model, kSmall), Wish::none);
  EXPECT_TRUE(shows(view, model, "paused"));
  EXPECT_EQ(press(view, 'p', model, kSmall), Wish::refresh);
}

}  // namespace
}  // namespace carpool::tool::top
