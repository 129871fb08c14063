#include "controlplane/config/lexer.h"

#include <gtest/gtest.h>

#include "controlplane/config/conditions.h"
#include "controlplane/config/limits.h"

namespace carpool::config {
namespace {

struct Lexed {
  std::vector<std::vector<std::string>> lines;
  std::vector<Diagnostic> diagnostics;
};

Lexed lex(std::string text) {
  const std::vector<SourceFile> files{{"test.cfg", std::move(text)}};
  const Environment environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "HOST") return "10.0.0.1";
    if (name == "LIST") return "a  b";
    return std::nullopt;
  };
  Report report(files);
  Lexer lexer(files[0].text, 0, environment, report);
  Lexed result;
  while (auto line = lexer.next(Lexer::Mode::Read)) {
    auto& words = result.lines.emplace_back();
    for (const Word& word : line->words)
      words.push_back(word.text);
  }
  result.diagnostics = report.take();
  return result;
}

using Words = std::vector<std::string>;

struct LineCase {
  std::string_view text;
  Words words;
};

TEST(Lexer, QuotesAndEscapesAsInHaproxy) {
  const LineCase cases[] = {
      {"mode tcp", {"mode", "tcp"}},
      {"  mode\ttcp  # a comment", {"mode", "tcp"}},
      {"mode tcp#glued", {"mode", "tcp"}},
      {"log-format \"%ci [%t]\"", {"log-format", "%ci [%t]"}},
      {"pass 'a $HOST \\ b # c'", {"pass", "a $HOST \\ b # c"}},
      {"pass a\\ b\\#c\\\\d", {"pass", "a b#c\\d"}},
      {"a \"say \\\"hi\\\"\"", {"a", "say \"hi\""}},
      {"a \"it's\"", {"a", "it's"}},
      {"a b\"c d\"'e f'g", {"a", "bc de fg"}},
      {"a \"\" ''", {"a", "", ""}},
      {"a HTTP/1.1\\r\\nHost:\\ x", {"a", "HTTP/1.1\r\nHost: x"}},
      {"a \\x41\\x42", {"a", "AB"}},
      {"a ^x\\.y\\d$", {"a", "^x\\.y\\d$"}},
      {"a \"$HOST:80\"", {"a", "10.0.0.1:80"}},
      {"a \"${HOST}:80\"", {"a", "10.0.0.1:80"}},
      {"a ${HOST}:80", {"a", "10.0.0.1:80"}},
      {"a $HOST", {"a", "$HOST"}},
      {"a '${HOST}'", {"a", "${HOST}"}},
      {"a \"\\$HOST\"", {"a", "$HOST"}},
      {"a \"${NONE-b c}\"", {"a", "b c"}},
      {"a \"${LIST[*]}\" c", {"a", "a", "b", "c"}},
      {"a \"${LIST}\"", {"a", "a  b"}},
      {"a b \\\n   c", {"a", "b", "c"}},
      {"a \"b \\\n   c\"", {"a", "b c"}},
      {"a b\r\n", {"a", "b"}},
  };
  for (const auto& [text, words] : cases) {
    const Lexed lexed = lex(std::string(text));
    ASSERT_EQ(lexed.lines.size(), 1u) << text;
    EXPECT_EQ(lexed.lines[0], words) << text;
    EXPECT_TRUE(lexed.diagnostics.empty()) << text << format_diagnostics(lexed.diagnostics);
  }
}

TEST(Lexer, KnowsWhereWordsBegin) {
  const std::vector<SourceFile> files{{"test.cfg", "\n# nothing\n\tmode \\\n  tcp\nnext"}};
  const Environment none;
  Report report(files);
  Lexer lexer(files[0].text, 0, none, report);
  const auto line = lexer.next(Lexer::Mode::Read);
  ASSERT_TRUE(line && line->words.size() == 2);
  EXPECT_TRUE(line->indented);
  EXPECT_EQ(line->words[0].at.line, 3u);
  EXPECT_EQ(line->words[0].at.column, 2u);
  EXPECT_EQ(line->words[1].at.line, 4u);
  EXPECT_EQ(line->words[1].at.column, 3u);
  const auto next = lexer.next(Lexer::Mode::Read);
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->indented);
  EXPECT_EQ(next->words[0].at.line, 5u);
  EXPECT_FALSE(lexer.next(Lexer::Mode::Read));
}

TEST(Lexer, ReportsWhatItCannotRead) {
  const std::pair<std::string, std::string_view> cases[] = {
      {"a \"b", "the quote \" is not closed"}, {"a 'b\nc", "the quote ' is not closed"},
      {"a \"$\"", "'$' without the name"},     {"a \"${HOST\"", "not closed by '}'"},
      {"a \\xZZ", "two hexadecimal digits"},   {"a \\x00", "two hexadecimal digits"},
      {"a \\x", "two hexadecimal digits"},     {std::string("a b\0c", 5), "NUL"},
      {"a \"$NONE\"", "'NONE' is not set"},    {std::string(kMaxLineLength + 1, 'x'), "bytes"},
  };
  for (const auto& [text, message] : cases) {
    const Lexed lexed = lex(text);
    ASSERT_FALSE(lexed.diagnostics.empty()) << text;
    EXPECT_NE(lexed.diagnostics[0].message.find(message), std::string::npos)
        << text << ": " << lexed.diagnostics[0].message;
  }
}

TEST(Conditions, Evaluate) {
  const Environment environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "SET") return "1";
    return std::nullopt;
  };
  for (const char* text :
       {"true", "1", "!0", "defined(SET)", "!defined(UNSET)", "streq(a,a)", "strneq(a,b)",
        "streq( a , a )", "true && !false", "false || true", "(false || true) && true",
        "version_atleast(2.4)", "version_before(9.0-dev1)", "strstr(abc,b)", "!feature(OPENSSL)"}) {
    const auto value = evaluate_condition(text, environment);
    EXPECT_TRUE(value && *value) << text;
  }
  for (const char* text : {"false", "0", "defined(UNSET)", "streq(a,b)", "true && false", "!(true)",
                           "version_atleast(9)", "enabled(POLL)"}) {
    const auto value = evaluate_condition(text, environment);
    EXPECT_TRUE(value && !*value) << text;
  }
  for (const char* text : {"", "maybe", "streq(a)", "defined(", "true false", "(true", "&& true",
                           "version_atleast(new)", "nonsense(1)"}) {
    EXPECT_FALSE(evaluate_condition(text, environment)) << text;
  }
  EXPECT_FALSE(evaluate_condition(std::string(100000, '('), environment));
  EXPECT_FALSE(evaluate_condition(std::string(100000, '!'), environment));
}

}  // namespace
}  // namespace carpool::config
