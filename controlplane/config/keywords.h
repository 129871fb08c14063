// Every keyword that carpool knows, what becomes of it and why: the parser decides by this table,
// and `carpool config keywords` prints it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace carpool::config {

// Where a keyword may stand. A `listen` section is both a frontend and a backend.
enum class Scope : std::uint16_t {
  Section = 1 << 0,  // begins a section
  Global = 1 << 1,
  Defaults = 1 << 2,
  Frontend = 1 << 3,
  Backend = 1 << 4,
  Node = 1 << 5,
  Redundancy = 1 << 6,
  BindParameter = 1 << 7,    // after `bind ADDRESS`
  ServerParameter = 1 << 8,  // after `server NAME ADDRESS` and `default-server`
  Algorithm = 1 << 9,        // after `balance`
};

class Scopes {
 public:
  constexpr Scopes(Scope scope)
      : bits_(static_cast<std::uint16_t>(scope)) {}  // NOLINT: one is a set
  friend constexpr Scopes operator|(Scopes a, Scopes b) { return Scopes(a.bits_ | b.bits_); }
  [[nodiscard]] constexpr bool meets(Scopes other) const { return (bits_ & other.bits_) != 0; }

 private:
  constexpr explicit Scopes(int bits) : bits_(static_cast<std::uint16_t>(bits)) {}
  std::uint16_t bits_;
};
constexpr Scopes operator|(Scope a, Scope b) {
  return Scopes(a) | Scopes(b);
}

enum class Fate : std::uint8_t {
  Acted,    // does what it says
  Warned,   // taken and ignored with a warning: has no meaning at layer 4, or traffic is unaffected
  NotYet,   // refused: belongs at layer 4, but this version does not do it
  Refused,  // refused: needs layer 7, TLS or another program
};

struct Keyword {
  std::string_view name;  // "timeout client": both words; "tune.*": all that begin so
  Scopes scopes;
  Fate fate = Fate::Acted;
  std::string_view usage = "";   // what follows it
  std::string_view reason = "";  // why it is not acted on, as a clause
  std::string_view advice = "";  // what to do instead
  // Whether traffic would still flow, to the right servers and past the same guards, if it were
  // ignored: then --allow-degraded ignores it.
  bool ignorable = false;
  std::uint8_t values = 0;  // for a parameter that is not acted on: how many words follow it
};

[[nodiscard]] std::span<const Keyword> keywords();

// The entry for this name in one of these scopes, or nothing.
[[nodiscard]] const Keyword* find_keyword(std::string_view name, Scopes scopes);

// Whether the first word of a line does not say enough: "timeout", "option", "stats", ...
[[nodiscard]] bool is_keyword_family(std::string_view first_word);

// What the name most probably was meant to be, among the keywords of these scopes; empty if nothing
// comes near.
[[nodiscard]] std::string_view nearest_keyword(std::string_view name, Scopes scopes);

// Sections in which the name is known: "'frontend' and 'listen'"; empty if in none.
[[nodiscard]] std::string where_allowed(std::string_view name);

// The whole table as text (Markdown), by section and fate.
[[nodiscard]] std::string print_keywords();

}  // namespace carpool::config
