#include "controlplane/config/regex.h"

#include <gtest/gtest.h>

namespace carpool::config {
namespace {

TEST(Regex, SearchesAsHaproxyDoes) {
  struct Case {
    const char* pattern;
    std::string text;
    bool found;
  };
  const Case cases[] = {
      {"^2", "200", true},
      {"^2", "404 2", false},
      {"b.d$", "abcd", true},
      {"ready", "is READY", false},
      {"a.b", "a\nb", false},
      {"(?<=x)y", std::string(100, ' ').append("xy"), true},
      {"", "", true},
      {"x", "", false},
      {"z", std::string(1000, 'y').append("z"), true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Regex::compile(c.pattern)->search(c.text) == RegexVerdict::Match, c.found)
        << c.pattern;
  }
  EXPECT_EQ(Regex::compile("ready", LetterCase::Ignored)->search("READY"), RegexVerdict::Match);
}

TEST(Regex, SaysWhatIsWrong) {
  const auto broken = Regex::compile("a(b");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message,
            "'a(b' is not a regular expression: missing closing parenthesis at offset 3");
}

TEST(Regex, FindsAMatchWhereverItBegins) {
  for (std::size_t at = 0; at < 3 * kRegexStartsAtOnce; ++at) {
    const std::string text = std::string(at, 'x') + "needle" + std::string(50, 'x');
    EXPECT_EQ(Regex::compile("ne+dle")->search(text), RegexVerdict::Match) << at;
  }
}

// Patterns that backtrack without end, on the text that makes them: no server can hang us.
TEST(Regex, GivesUpInTime) {
  for (const char* pattern : {"(a+)+$", "(a*)*b", "a*a*a*a*b", "(x?a)*[^a]c", "[^b]*[^c]*d"}) {
    const std::string text = std::string(16384, 'a') + "!";
    const auto start = std::chrono::steady_clock::now();
    EXPECT_NE(Regex::compile(pattern)->search(text), RegexVerdict::Match) << pattern;
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1)) << pattern;
  }
  EXPECT_EQ(Regex::compile("(a+)+$")->search(std::string(1000, 'a').append("!")),
            RegexVerdict::GaveUp);
}

TEST(Regex, IsAValue) {
  EXPECT_EQ(*Regex::compile("a"), *Regex::compile("a"));
  EXPECT_NE(*Regex::compile("a"), *Regex::compile("b"));
  EXPECT_NE(*Regex::compile("a"), *Regex::compile("a", LetterCase::Ignored));
}

}  // namespace
}  // namespace carpool::config
