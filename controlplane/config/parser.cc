#include "controlplane/config/parser.h"

#include <algorithm>
#include <array>
#include <cassert>

#include <fmt/format.h>

#include "controlplane/config/conditions.h"
#include "controlplane/config/sections.h"
#include "controlplane/config/suggest.h"

namespace carpool::config {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

// `no option X`, `no log`: what can be taken back.
bool is_negatable(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"log", "outlier-ejection", "preempt",
                                                      "stats enable"};
  return name.starts_with("option ") || std::ranges::find(kNames, name) != kNames.end();
}

Scopes proxy_scopes(ProxyKind kind) {
  switch (kind) {
    case ProxyKind::Defaults:
      return Scope::Defaults;
    case ProxyKind::Frontend:
      return Scope::Frontend;
    case ProxyKind::Backend:
      return Scope::Backend;
    case ProxyKind::Listen:
      break;
  }
  return Scope::Frontend | Scope::Backend;
}

std::string_view proxy_kind_name(ProxyKind kind) {
  switch (kind) {
    case ProxyKind::Defaults:
      return "defaults";
    case ProxyKind::Frontend:
      return "frontend";
    case ProxyKind::Backend:
      return "backend";
    case ProxyKind::Listen:
      break;
  }
  return "listen";
}

ProxyKind proxy_kind(std::string_view keyword) {
  for (const ProxyKind kind : {ProxyKind::Defaults, ProxyKind::Frontend, ProxyKind::Backend}) {
    if (keyword == proxy_kind_name(kind)) return kind;
  }
  return ProxyKind::Listen;
}

}  // namespace

void Parser::parse_file(const SourceFile& file, std::uint32_t number) {
  section_ = Outside{};
  report_.enter_section({});
  if (file.text.size() > kMaxFileSize) {
    return report_.error({number, 1, 1},
                         fmt::format("the file has more than {} MiB", kMaxFileSize >> 20));
  }
  Lexer lexer(file.text, number, options_.environment, report_);
  Conditions conditions(options_.environment, report_);
  while (true) {
    const auto line = lexer.next(conditions.mode());
    if (!line) break;
    if (conditions.handle(*line) || !conditions.active()) continue;
    if (!say(*line)) parse_line(*line);
  }
  conditions.finish();
}

// `.notice TEXT`, `.warning TEXT`, `.alert TEXT`
bool Parser::say(const Line& line) {
  const Word& first = line.words.front();
  if (!first.text.starts_with('.')) return false;
  std::string text;
  for (std::size_t i = 1; i < line.words.size(); ++i) {
    text += (i > 1 ? " " : "") + line.words[i].text;
  }
  if (first.text == ".notice" || first.text == ".diag") {
    report_.notice(first.at, std::move(text));
  } else if (first.text == ".warning") {
    report_.warn(first.at, std::move(text));
  } else if (first.text == ".alert") {
    report_.error(first.at, std::move(text));
  } else {
    report_.error(first.at, fmt::format("unknown directive '{}'", first.text));
  }
  return true;
}

Scopes Parser::scopes() const {
  return std::visit(Overloaded{[](const ProxyDraft* proxy) { return proxy_scopes(proxy->kind); },
                               [](const Global*) { return Scopes(Scope::Global); },
                               [](const NodeDraft*) { return Scopes(Scope::Node); },
                               [](const RedundancyDraft*) { return Scopes(Scope::Redundancy); },
                               [](Outside) { return Scopes(Scope::Section); },
                               [](Skipped) { return Scopes(Scope::Section); }},
                    section_);
}

std::string_view Parser::section_kind() const {
  return std::visit(
      Overloaded{[](const ProxyDraft* proxy) { return proxy_kind_name(proxy->kind); },
                 [](const Global*) { return std::string_view("global"); },
                 [](const NodeDraft*) { return std::string_view("node"); },
                 [](const RedundancyDraft*) { return std::string_view("redundancy"); },
                 [](Outside) { return std::string_view(); },
                 [](Skipped) { return std::string_view(); }},
      section_);
}

// As in HAProxy, indentation means nothing, but for words that both begin a section and are
// keywords of the section that they stand in (`redundancy` in `node`, `node` in `global`): those
// begin a section where they are not indented.
bool Parser::opens_section(const Line& line) const {
  const std::string& word = line.words.front().text;
  if (find_keyword(word, Scope::Section) == nullptr) return false;
  const bool outside = section_.index() < 2;
  return outside || !line.indented || find_keyword(word, scopes()) == nullptr;
}

void Parser::parse_line(const Line& line) {
  if (opens_section(line)) return open_section(line);
  if (std::holds_alternative<Skipped>(section_) || line.broken) return;
  if (std::holds_alternative<Outside>(section_)) {
    const Word& first = line.words.front();
    const auto best = nearest_keyword(first.text, Scope::Section);
    return report_.error(
        first.at, fmt::format("'{}' stands before the first section of the file", first.text),
        best.empty() ? "sections begin with global, defaults, listen, frontend, "
                       "backend, node or redundancy"
                     : fmt::format("did you mean the section '{}'?", best));
  }
  parse_keyword(line);
}

void Parser::open_section(const Line& line) {
  section_ = Skipped{};
  report_.enter_section(line.words.front().at);
  Statement statement(line, 0, 1, false, options_, report_);
  const std::string& keyword = statement.keyword();
  const Keyword* known = find_keyword(keyword, Scope::Section);
  if (known->fate != Fate::Acted) {
    return explain_fate(*known, keyword, statement.at(), options_, report_);
  }
  if (keyword == "global") {
    section_ = &draft_.global;
    statement.end();
  } else if (keyword == "node") {
    auto name = statement.take_name("a name");
    NodeDraft& node = draft_.nodes.emplace_back();
    node.node.name = std::move(name).value_or("");
    node.node.origin = statement.at();
    section_ = &node;
    statement.end();
  } else if (keyword == "redundancy") {
    auto name = statement.take_name("a name");
    RedundancyDraft& draft = draft_.groups.emplace_back();
    draft.group.name = std::move(name).value_or("");
    draft.group.origin = statement.at();
    section_ = &draft;
    const bool ranks = statement.more() && (statement.peek().text.starts_with("adv") ||
                                            statement.peek().text == "priority");
    if (ranks && !line.indented) {
      return report_.error(statement.at(), "this begins a section, because it is not indented",
                           "indent it, if it belongs to the node above");
    }
    statement.end();
  } else {
    open_proxy(statement);
  }
}

void Parser::open_proxy(Statement& statement) {
  const ProxyKind kind = proxy_kind(statement.keyword());
  const bool is_defaults = kind == ProxyKind::Defaults;
  ProxyDraft& proxy = is_defaults ? draft_.defaults.emplace_back() : draft_.proxies.emplace_back();
  section_ = &proxy;
  proxy.kind = kind;
  proxy.origin = statement.at();
  const bool unnamed = is_defaults && (!statement.more() || statement.peek().text == "from");
  if (!unnamed) {
    const ProxyDraft* earlier =
        is_defaults && statement.more() ? find_defaults(statement.peek().text) : nullptr;
    if (earlier != nullptr) {
      report_.error(statement.at(), fmt::format("there is a 'defaults {}' already", earlier->name),
                    "first at " + report_.describe(earlier->origin));
    }
    proxy.name = statement.take_name("a name").value_or("");
  }
  inherit(proxy, statement);
  statement.end();
  if (is_defaults) current_defaults_ = &proxy;
}

// A section without `from` takes the last `defaults` above it; `defaults` take nothing.
void Parser::inherit(ProxyDraft& proxy, Statement& statement) {
  const ProxyDraft* parent = proxy.kind == ProxyKind::Defaults ? nullptr : current_defaults_;
  if (statement.accept("from")) {
    statement.set_subject("from");
    const Word* name = statement.take("the name of a 'defaults' section");
    if (name == nullptr) return;
    parent = find_defaults(name->text);
    if (parent == nullptr || parent == &proxy) {
      std::vector<std::string> names;
      for (const ProxyDraft& defaults : draft_.defaults) {
        if (!defaults.name.empty() && &defaults != &proxy) names.push_back(defaults.name);
      }
      return report_.error(name->at,
                           fmt::format("there is no 'defaults {}' before this line", name->text),
                           did_you_mean(name->text, names, "known: " + list_names(names)));
    }
  }
  if (parent == nullptr) return;
  proxy.settings = parent->settings;
  proxy.settings.http_rules.inherited = proxy.settings.tcp_rules.inherited = true;
  proxy.settings.external.inherited = true;
  // A listen section has servers of its own; only what it says itself sends it elsewhere.
  if (proxy.kind == ProxyKind::Listen) proxy.settings.default_backend = {};
}

const ProxyDraft* Parser::find_defaults(std::string_view name) const {
  const auto found = std::ranges::find(draft_.defaults, name, &ProxyDraft::name);
  return found == draft_.defaults.end() ? nullptr : &*found;
}

void Parser::parse_keyword(const Line& line) {
  const auto& words = line.words;
  // `no X` and `default X` take back what was inherited; both mean the same to us, because
  // everything that can be taken back is off unless it is written.
  const bool negated = words.size() > 1 && (words[0].text == "no" || words[0].text == "default");
  const std::size_t at = negated ? 1 : 0;
  std::size_t count = 1;
  std::string name = words[at].text;
  if (is_keyword_family(name) && at + 1 < words.size()) {
    name += " " + words[at + 1].text;
    count = 2;
  }
  const Keyword* keyword = find_keyword(name, scopes());
  if (keyword == nullptr) return complain_about_unknown(line, words[at], name);
  if (keyword->fate != Fate::Acted) {
    // What is not done needs no taking back.
    if (!negated) explain_fate(*keyword, name, words[at].at, options_, report_);
    return;
  }
  if (negated && !is_negatable(name)) {
    return report_.error(words[0].at,
                         fmt::format("'{}' cannot be taken back by '{}'", name, words[0].text));
  }
  Statement statement(line, at, count, negated, options_, report_);
  run(statement);
}

void Parser::complain_about_unknown(const Line& line, const Word& first, std::string_view name) {
  std::string message = fmt::format("unknown keyword '{}' in section '{}'", name, section_kind());
  if (const std::string places = where_allowed(name); !places.empty()) {
    return report_.error(first.at,
                         fmt::format("'{}' is not for a '{}' section", name, section_kind()),
                         "it belongs in " + places);
  }
  if (const auto best = nearest_keyword(name, scopes()); !best.empty()) {
    return report_.error(first.at, std::move(message), fmt::format("did you mean '{}'?", best));
  }
  // The mistyped beginning of a section: its lines would all be wrong in the section above.
  const auto section = line.indented ? "" : nearest_keyword(name, Scope::Section);
  if (!section.empty()) {
    section_ = Skipped{};
    return report_.error(first.at, std::move(message),
                         fmt::format("did you mean the section '{}'?", section));
  }
  report_.error(first.at, std::move(message), "'carpool config keywords' lists all of them");
}

void Parser::run(Statement& statement) {
  const auto dispatch = [&](auto& section, auto handlers) {
    const auto* handler = find_handler(handlers, statement.keyword());
    if (handler != nullptr) handler->run(section, statement);
    return handler != nullptr;
  };
  const bool handled = std::visit(
      Overloaded{[&](Global* global) { return dispatch(*global, global_handlers()); },
                 [&](NodeDraft* node) { return dispatch(*node, node_handlers()); },
                 [&](RedundancyDraft* group) { return dispatch(*group, redundancy_handlers()); },
                 [&](ProxyDraft* proxy) {
                   return dispatch(*proxy, proxy_handlers()) ||
                          dispatch(*proxy, health_handlers()) ||
                          dispatch(*proxy, outlier_handlers());
                 },
                 [](Outside) { return true; }, [](Skipped) { return true; }},
      section_);
  assert(handled);  // a test holds the handlers against the table
  static_cast<void>(handled);
}

}  // namespace carpool::config
