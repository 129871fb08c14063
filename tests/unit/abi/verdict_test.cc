#include "dataplane/abi/verdict.h"

#include <set>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace carpool::abi {
namespace {

// The enumerator's own name, as the compiler spells it: "to_server".
template <Verdict verdict>
constexpr std::string_view enumerator_name() {
  std::string_view text =
      __PRETTY_FUNCTION__;  // "... [with Verdict verdict = ..::Verdict::NAME; ..."
  text.remove_prefix(text.find("verdict = "));
  text = text.substr(0, text.find_first_of("];"));
  return text.substr(text.rfind(':') + 1);
}

template <std::size_t... Index>
constexpr auto enumerator_names(std::index_sequence<Index...>) {
  return std::array{enumerator_name<static_cast<Verdict>(Index)>()...};
}

// The table stands beside the enum: one line too few or two exchanged would count under wrong
// names.
TEST(Verdict, EveryEntryHasTheNameOfItsEnumerator) {
  constexpr auto names = enumerator_names(std::make_index_sequence<kVerdicts>());
  for (std::size_t i = 0; i < kVerdicts; ++i)
    EXPECT_EQ(kVerdictInfo[i].name, names[i]);
}

TEST(Verdict, NamesAndMeaningsAreFilledAndUnique) {
  std::set<std::string_view> names, meanings;
  for (const VerdictInfo& entry : kVerdictInfo) {
    EXPECT_FALSE(entry.name.empty());
    EXPECT_FALSE(entry.meaning.empty()) << entry.name;
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_TRUE(meanings.insert(entry.meaning).second) << entry.name;
  }
}

TEST(Verdict, DropsAreTheOnesAtTheEnd) {
  for (std::size_t i = 0; i < kVerdicts; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    EXPECT_EQ(info(verdict).is_drop, verdict > Verdict::fragment_held) << info(verdict).name;
  }
}

}  // namespace
}  // namespace carpool::abi
