#include "controlplane/config/keywords.h"

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "controlplane/config/sections.h"
#include "tests/unit/config/support.h"

namespace carpool::config {
namespace {

template <class Section>
void add_names(std::set<std::string_view>& names, std::span<const Handler<Section>> handlers) {
  for (const auto& handler : handlers) {
    EXPECT_TRUE(names.insert(handler.keyword).second) << handler.keyword << " has two handlers";
  }
}

// The table is the documentation: what it promises to act on is acted on, and nothing else.
void expect_same(const std::set<std::string_view>& handled, Scopes scopes) {
  for (const Keyword& keyword : keywords()) {
    if (!keyword.scopes.meets(scopes) || keyword.fate != Fate::Acted) continue;
    EXPECT_TRUE(handled.contains(keyword.name)) << keyword.name << " is acted on by nobody";
  }
  for (const std::string_view name : handled) {
    const Keyword* keyword = find_keyword(name, scopes);
    ASSERT_NE(keyword, nullptr) << name << " is not in the table";
    EXPECT_EQ(keyword->fate, Fate::Acted) << name;
  }
}

TEST(Keywords, TableAndHandlersAgree) {
  std::set<std::string_view> global, node, redundancy, proxy, server;
  add_names(global, global_handlers());
  add_names(node, node_handlers());
  add_names(redundancy, redundancy_handlers());
  add_names(proxy, proxy_handlers());
  add_names(proxy, health_handlers());
  add_names(proxy, outlier_handlers());
  add_names(server, server_parameter_handlers());
  add_names(server, agent_handlers());
  add_names(server, observe_handlers());
  expect_same(global, Scope::Global);
  expect_same(node, Scope::Node);
  expect_same(redundancy, Scope::Redundancy);
  expect_same(proxy, Scope::Defaults | Scope::Frontend | Scope::Backend);
  expect_same(server, Scope::ServerParameter);
}

TEST(Keywords, EachStandsOnceInAScopeAndSaysWhy) {
  std::set<std::pair<std::string_view, int>> seen;
  const Scope scopes[] = {Scope::Section,    Scope::Global,        Scope::Defaults,
                          Scope::Frontend,   Scope::Backend,       Scope::Node,
                          Scope::Redundancy, Scope::BindParameter, Scope::ServerParameter,
                          Scope::Algorithm};
  for (const Keyword& keyword : keywords()) {
    for (const Scope scope : scopes) {
      if (!keyword.scopes.meets(scope)) continue;
      EXPECT_TRUE(seen.emplace(keyword.name, static_cast<int>(scope)).second)
          << keyword.name << " stands twice";
    }
    EXPECT_TRUE(keyword.fate == Fate::Acted || !keyword.reason.empty()) << keyword.name;
    EXPECT_FALSE(keyword.reason.ends_with('.') || keyword.advice.ends_with('.')) << keyword.name;
  }
}

TEST(Keywords, ArePrinted) {
  const std::string text = print_keywords();
  EXPECT_NE(text.find("## global"), std::string::npos);
  EXPECT_NE(text.find("- `server NAME ADDRESS[:PORT] [PARAMETER ...]`"), std::string::npos);
  EXPECT_NE(text.find("- `cookie`: looks into HTTP"), std::string::npos);
  EXPECT_NE(text.find("(ignored with --allow-degraded)"), std::string::npos);
}

// "tcp-request content" stands for all that begins so, as the parser reads it.
bool is_classified(std::string name, Scopes scopes) {
  for (;;) {
    if (find_keyword(name, scopes) != nullptr) return true;
    const auto blank = name.rfind(' ');
    if (blank == std::string::npos) return false;
    name.resize(blank);
  }
}

TEST(Keywords, NoneOfHaproxysIsLeftUnclassified) {
  const std::map<std::string, Scope> scopes = {
      {"global", Scope::Global},      {"defaults", Scope::Defaults},
      {"frontend", Scope::Frontend},  {"backend", Scope::Backend},
      {"bind", Scope::BindParameter}, {"server", Scope::ServerParameter}};
  std::ifstream list(std::string(std::getenv("SAMPLES")) + "/haproxy-2.6-keywords.txt");
  ASSERT_TRUE(list) << "SAMPLES does not name the folder of this test";
  std::size_t count = 0;
  for (std::string line; std::getline(list, line);) {
    if (line.starts_with('#')) continue;
    const auto blank = line.find(' ');
    ASSERT_NE(blank, std::string::npos) << line;
    EXPECT_TRUE(is_classified(line.substr(blank + 1), scopes.at(line.substr(0, blank)))) << line;
    ++count;
  }
  EXPECT_GT(count, 700u);
}

// A large site reloads without being noticed. Processor time is measured, which busy neighbours
// cost little of; what is quadratic takes minutes. Sanitizers get their share.
#if defined(__SANITIZE_ADDRESS__)
constexpr double kScaleLimit_s = 10;
#else
constexpr double kScaleLimit_s = 1;
#endif

double processor_time_s() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

TEST(Scale, TenThousandServersLoadWithinASecond) {
  std::string text;
  for (int b = 0; b < 1000; ++b) {
    text += fmt::format("listen service{}\n bind 192.0.2.10:{}\n balance leastconn\n", b, 1000 + b);
    for (int s = 0; s < 10; ++s) {
      text += fmt::format(" server s{} 10.{}.{}.{}:80 check port 9200 inter 2s rise 3 fall 3\n", s,
                          1 + b / 250, b % 250, 1 + s);
    }
  }
  const double start = processor_time_s();
  const Config config = good(text);
  EXPECT_LT(processor_time_s() - start, kScaleLimit_s);
  EXPECT_EQ(config.backends.size(), 1000u);
}

TEST(Scale, OneBackendWithManyServersAndManyNames) {
  std::string text = "backend big\n";
  for (int s = 0; s < 4096; ++s) {
    text += fmt::format(" server s{} 10.1.{}.{}:80\n", s, s / 250, 1 + s % 250);
  }
  const double start = processor_time_s();
  EXPECT_EQ(good(text).backends.at(0).servers.size(), 4096u);
  EXPECT_LT(processor_time_s() - start, kScaleLimit_s);
  EXPECT_TRUE(says(said_about(text + " server one-more 10.9.0.1:80\n"), Severity::Error,
                   kPreludeLines + 1, "there is room for 4096"));
}

}  // namespace
}  // namespace carpool::config
