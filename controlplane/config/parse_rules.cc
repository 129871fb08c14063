// What new connections have to pass: `acl`, `tcp-request connection`, `use_backend`, `rate-limit`.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "controlplane/config/acl_values.h"
#include "controlplane/config/limits.h"
#include "controlplane/config/sections.h"
#include "controlplane/config/suggest.h"

namespace carpool::config {
namespace {

constexpr std::uint32_t kHighest = ~std::uint32_t{0};

// What HAProxy knows without being told.
struct Predefined {
  std::string_view name;
  ValueRange values;
  bool is_empty;
};
constexpr std::array<Predefined, 3> kPredefined = {{
    {"TRUE", {0, kHighest}, false},
    {"FALSE", {}, true},
    {"LOCALHOST", {0x7f000000, 0x7fffffff}, false},
}};

// An acl while it is read. `foreign` is the criterion of one that looks at what carpool does not
// read: it may be defined, as long as no rule uses it.
struct AclText {
  AclField field = AclField::Source;
  ValueRanges values;
  std::string foreign;
};

std::optional<AclField> field_of(std::string_view criterion) {
  for (const AclField field :
       {AclField::Source, AclField::Destination, AclField::DestinationPort}) {
    if (criterion == to_string(field)) return field;
  }
  return std::nullopt;
}

// As HAProxy writes comparisons of numbers: "ge 1024".
std::optional<ValueRange> compared(std::string_view how, std::uint32_t port) {
  if (how == "eq") return ValueRange{port, port};
  if (how == "ge") return ValueRange{port, 65535};
  if (how == "le") return ValueRange{0, port};
  if (how == "gt" && port < 65535) return ValueRange{port + 1, 65535};
  if (how == "lt" && port > 0) return ValueRange{0, port - 1};
  return std::nullopt;
}

class AclReader {
 public:
  explicit AclReader(Statement& statement) : statement_(statement) {}

  // Up to the end of the line, or up to a '}' if it stands inside a rule. Nothing if it is wrong.
  std::optional<AclText> read(bool braces) {
    const Word* criterion = statement_.take("what to look at, as in src");
    if (criterion == nullptr) return std::nullopt;
    const auto field = field_of(criterion->text);
    if (!field) {
      acl_.foreign = criterion->text;
      skip_to_end(braces);
      return std::move(acl_);
    }
    acl_.field = *field;
    bool good = true;
    while (statement_.more() && !(braces && statement_.peek().text == "}"))
      good &= read_word();
    if (braces && !statement_.accept("}")) {
      statement_.error(criterion->at, "'{' without '}'", "put blanks around both");
      return std::nullopt;
    }
    if (!good) return std::nullopt;
    if (!has_values_) {
      statement_.error(criterion->at,
                       fmt::format("'{}' is compared with nothing", criterion->text));
      return std::nullopt;
    }
    acl_.values = normalized(std::move(acl_.values));
    if (acl_.values.size() > kMaxAclValues) {
      statement_.error(criterion->at, fmt::format("{} ranges, and an acl has room for {}",
                                                  acl_.values.size(), kMaxAclValues));
      return std::nullopt;
    }
    return std::move(acl_);
  }

 private:
  void skip_to_end(bool braces) {
    if (!braces) return statement_.skip_rest();
    while (statement_.more() && !statement_.accept("}"))
      statement_.skip(1);
  }

  bool read_word() {
    const Word& word = *statement_.take("a value");
    if (!options_ended_ && word.text.starts_with('-')) return read_option(word);
    has_values_ = true;
    if (acl_.field == AclField::DestinationPort) return read_port(word);
    bool ignored = false;
    return add(word, parse_address_value(word.text, ignored), ignored);
  }

  bool read_option(const Word& option) {
    if (option.text == "--") {
      options_ended_ = true;
      return true;
    }
    if (option.text == "-i" || option.text == "-n") return true;  // of no meaning to numbers
    if (option.text == "-f") return read_file(option);
    statement_.error(option.at, fmt::format("'{}' of 'acl' is not supported", option.text),
                     "there are '-f FILE', '-i', '-n' and '--'");
    return false;
  }

  bool read_file(const Word& option) {
    const Word* path = statement_.take("the path of a file");
    if (path == nullptr) return false;
    const auto& read = statement_.options().read_list;
    const auto text = read ? read(path->text) : fail("files are not read here");
    has_values_ = true;
    if (!text) {
      statement_.error(path->at, fmt::format("list '{}': {}", path->text, text.error().message));
      return false;
    }
    const AclList list = parse_acl_list(*text, acl_.field);
    for (const std::string& wrong : list.wrong)
      statement_.error(path->at, fmt::format("list '{}', {}", path->text, wrong));
    if (list.ignored > 0) {
      statement_.report().warn(
          option.at, fmt::format("list '{}': {} entries of IPv6 match nothing, as only IPv4 is "
                                 "forwarded yet",
                                 path->text, list.ignored));
    }
    acl_.values.insert(acl_.values.end(), list.ranges.begin(), list.ranges.end());
    return list.wrong.empty();
  }

  bool read_port(const Word& word) {
    if (word.text.size() == 2 && compared(word.text, 1)) {
      statement_.set_subject(word.text);
      const auto port = statement_.take_number("a port", 0, 65535);
      if (!port) return false;
      // "gt 65535" and "lt 0" hold for no port.
      if (const auto range = compared(word.text, *port)) acl_.values.push_back(*range);
      return true;
    }
    return add(word, parse_port_value(word.text), false);
  }

  bool add(const Word& word, const Parsed<ValueRange>& value, bool ignored) {
    if (!value) {
      statement_.error(word.at, value.error());
      return false;
    }
    if (ignored) {
      statement_.report().warn(
          word.at, fmt::format("'{}' matches nothing, as only IPv4 is forwarded yet", word.text));
    } else {
      acl_.values.push_back(*value);
    }
    return true;
  }

  Statement& statement_;
  AclText acl_;
  bool options_ended_ = false;
  bool has_values_ = false;
};

Acl finished(std::string name, AclText text, Origin at) {
  return {.name = std::move(name),
          .field = text.field,
          .values = std::make_shared<const ValueRanges>(std::move(text.values)),
          .origin = at};
}

void parse_acl(ProxyDraft& proxy, Statement& statement) {
  auto name = statement.take_name("a name");
  if (!name) return;
  auto text = AclReader(statement).read(false);
  if (!text) return;
  RulesDraft& draft = proxy.settings.rules;
  if (!text->foreign.empty()) {
    draft.foreign_acls.insert_or_assign(*std::move(name), std::move(text->foreign));
    return;
  }
  const auto known = std::ranges::find(draft.rules.acls, *name, &Acl::name);
  if (known == draft.rules.acls.end()) {
    draft.rules.acls.push_back(finished(*std::move(name), *std::move(text), statement.at()));
    return;
  }
  if (known->field != text->field) {
    return statement.error(
        statement.at(), fmt::format("acl '{}' looks at {} already", *name, to_string(known->field)),
        "give this one another name, and write both into the rule with '||'");
  }
  ValueRanges all = *known->values;
  all.insert(all.end(), text->values.begin(), text->values.end());
  known->values = std::make_shared<const ValueRanges>(normalized(std::move(all)));
}

// Without a `use_backend` there is still the default backend. Without a rule that rejects,
// everybody would be let in.
void complain_of_foreign(Origin at, std::string what, Statement& statement) {
  constexpr std::string_view kHint = "rules may look at src, dst and dst_port";
  if (statement.options().allow_degraded && statement.keyword() == "use_backend") {
    return statement.report().warn(at, std::move(what) + ": the rule is ignored",
                                   std::string(kHint));
  }
  statement.error(at, std::move(what), std::string(kHint));
}

// The index of a named acl, which may be one of those that need no definition.
std::optional<std::size_t> find_acl(RulesDraft& draft, const Word& word, std::string_view name,
                                    Statement& statement) {
  auto& acls = draft.rules.acls;
  const auto known = std::ranges::find(acls, name, &Acl::name);
  if (known != acls.end()) return static_cast<std::size_t>(known - acls.begin());
  for (const Predefined& predefined : kPredefined) {
    if (predefined.name != name) continue;
    AclText text;
    if (!predefined.is_empty) text.values = {predefined.values};
    acls.push_back(finished(std::string(name), std::move(text), word.at));
    return acls.size() - 1;
  }
  if (const auto foreign = draft.foreign_acls.find(name); foreign != draft.foreign_acls.end()) {
    complain_of_foreign(
        word.at,
        fmt::format("acl '{}' looks at '{}', which carpool does not read", name, foreign->second),
        statement);
    return std::nullopt;
  }
  std::vector<std::string> names;
  for (const Acl& acl : acls) {
    if (!acl.name.empty()) names.push_back(acl.name);
  }
  statement.error(word.at, fmt::format("there is no acl '{}' above this line", name),
                  names.empty() ? "write it as 'acl NAME src ADDRESS'"
                                : did_you_mean(name, names, "known: " + list_names(names)));
  return std::nullopt;
}

std::optional<std::size_t> read_inline_acl(RulesDraft& draft, Origin at, Statement& statement) {
  auto text = AclReader(statement).read(true);
  if (!text) return std::nullopt;
  if (!text->foreign.empty()) {
    complain_of_foreign(
        at, fmt::format("'{}' is something that carpool does not read", text->foreign), statement);
    return std::nullopt;
  }
  draft.rules.acls.push_back(finished("", *std::move(text), at));
  return draft.rules.acls.size() - 1;
}

// Nothing, and the rule is not to be taken, if it is wrong. No condition at all is one that holds.
std::optional<AclCondition> read_condition(RulesDraft& draft, Statement& statement) {
  AclCondition condition;
  if (!statement.more()) return condition;
  if (statement.accept("unless")) {
    condition.unless = true;
  } else if (!statement.accept("if")) {
    statement.error(statement.peek().at, fmt::format("'{}' stands where 'if' or 'unless' should",
                                                     statement.peek().text));
    statement.skip_rest();
    return std::nullopt;
  }
  statement.set_subject(condition.unless ? "unless" : "if");
  AclTerm term;
  bool wants_term = true;
  while (statement.more()) {
    const Word& word = *statement.take("an acl");
    if ((word.text == "||" || word.text == "or") && !wants_term) {
      term.begins_alternative = wants_term = true;
      continue;
    }
    std::string_view name = word.text;
    while (name.starts_with('!')) {
      term.negated = !term.negated;
      name.remove_prefix(1);
    }
    if (name.empty()) continue;  // "! name"
    const auto acl = name == "{" ? read_inline_acl(draft, word.at, statement)
                                 : find_acl(draft, word, name, statement);
    if (!acl) {
      statement.skip_rest();
      return std::nullopt;
    }
    term.acl = *acl;
    condition.terms.push_back(std::exchange(term, {}));
    wants_term = false;
  }
  if (wants_term) {
    static_cast<void>(statement.take("an acl"));  // says that one is missing
    return std::nullopt;
  }
  return condition;
}

template <class Rule>
bool has_room(const std::vector<Rule>& rules, Statement& statement) {
  if (rules.size() < kMaxRulesPerFrontend) return true;
  statement.error(statement.at(),
                  fmt::format("more than {} rules of this kind", kMaxRulesPerFrontend),
                  "let one rule use an acl with many values, or a file of them");
  return false;
}

void parse_connection_rule(ProxyDraft& proxy, Statement& statement) {
  const auto action = statement.take_choice({"accept", "reject", "silent-drop"});
  if (!action) return;
  auto condition = read_condition(proxy.settings.rules, statement);
  if (!condition || !has_room(proxy.settings.rules.rules.connection, statement)) return;
  proxy.settings.rules.rules.connection.push_back(
      {static_cast<ConnectionAction>(*action), *std::move(condition), statement.at()});
}

void parse_use_backend(ProxyDraft& proxy, Statement& statement) {
  const Word* backend = statement.take("the name of a backend");
  if (backend == nullptr) return;
  const Origin at = backend->at;
  std::string name = backend->text;
  auto condition = read_condition(proxy.settings.rules, statement);
  if (!condition || !has_room(proxy.settings.rules.rules.backend, statement)) return;
  proxy.settings.rules.rules.backend.push_back({std::move(name), 0, *std::move(condition), at});
}

// `sessions` is HAProxy's; there the clients above it wait in the kernel's queue.
void parse_rate_limit(ProxyDraft& proxy, Statement& statement) {
  const auto what = statement.take_choice({"sessions", "source"});
  if (!what) return;
  const auto rate = statement.take_number("connections per second", 0, kMaxRate);
  if (!rate || !statement.end()) return;
  (*what == 0 ? proxy.settings.max_rate : proxy.settings.max_source_rate) = *rate;
}

constexpr Handler<ProxyDraft> kHandlers[] = {{"acl", parse_acl},
                                             {"rate-limit", parse_rate_limit},
                                             {"tcp-request connection", parse_connection_rule},
                                             {"use_backend", parse_use_backend}};

}  // namespace

std::span<const Handler<ProxyDraft>> rule_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
