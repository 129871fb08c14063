#include "controlplane/config/parse_check_rules.h"

#include <algorithm>

#include <fmt/format.h>

#include "controlplane/config/parse_check_expect.h"

namespace carpool::config {
namespace {

constexpr std::size_t kMaxAlpnLength = 255;  // RFC 7301, 3.1: one byte holds it

bool set_connect_address(ConnectRule& rule, Statement& statement) {
  const Word* word = statement.take("an address");
  if (word == nullptr) return false;
  const auto address = parse_address(word->text);
  if (!address) {
    statement.error(word->at, address.error());
    return false;
  }
  if (!address->address || address->is_any()) {
    statement.error(word->at, fmt::format("'{}' is not the address of a host", word->text));
    return false;
  }
  rule.address = address->address;
  if (address->port_first != 0 && !rule.port) rule.port = address->port_first;
  return true;
}

bool set_connect_port(ConnectRule& rule, Statement& statement) {
  const auto port = statement.take_number("a port", 1, 65535);
  if (port) rule.port = static_cast<std::uint16_t>(*port);
  return port.has_value();
}

bool set_connect_sni(ConnectRule& rule, Statement& statement) {
  const Word* name = statement.take("a host name");
  if (name != nullptr) rule.sni = name->text;
  return name != nullptr;
}

bool set_connect_alpn(ConnectRule& rule, Statement& statement) {
  auto protocols = take_alpn(statement);
  if (protocols) rule.alpn = std::move(*protocols);
  return protocols.has_value();
}

bool refuse_connect_option(const Word& word, Statement& statement) {
  statement.error(word.at, fmt::format("'{}' of a check is not supported yet", word.text),
                  "check a port that can be connected to directly");
  return false;
}

bool set_connect_option(CheckRule& rule, const Word& word, Statement& statement) {
  auto& connect = std::get<ConnectRule>(rule.act);
  const std::string& name = word.text;
  statement.set_subject(name);
  if (name == "default") return connect.defaults = true;
  if (name == "ssl") return connect.tls = true;
  if (name == "linger") return connect.linger = true;
  if (name == "port") return set_connect_port(connect, statement);
  if (name == "addr") return set_connect_address(connect, statement);
  if (name == "sni") return set_connect_sni(connect, statement);
  if (name == "alpn") return set_connect_alpn(connect, statement);
  if (name == "comment") return take_comment(rule, statement);
  if (name == "send-proxy" || name == "via-socks4" || name == "proto") {
    return refuse_connect_option(word, statement);
  }
  statement.error(word.at, fmt::format("unknown option '{}' of 'connect'", name),
                  "options are default, port, addr, ssl, sni, alpn, linger and comment");
  return false;
}

}  // namespace

bool make_room(RuleChainDraft& chain, Statement& statement) {
  if (chain.inherited) chain = {};
  if (chain.rules.size() < kMaxCheckRules) return true;
  statement.skip_rest();
  statement.error(statement.at(), fmt::format("a check has at most {} rules", kMaxCheckRules));
  return false;
}

void append_rule(RuleChainDraft& chain, CheckRule rule) {
  // As in HAProxy a comment line holds for all rules of one kind that follow it; a connection uses
  // it up.
  const bool same_kind = !chain.rules.empty() && chain.rules.back().act.index() == rule.act.index();
  if (!chain.comment_is_new && !same_kind) chain.comment.clear();
  chain.comment_is_new = false;
  if (rule.comment.empty()) rule.comment = chain.comment;
  if (std::holds_alternative<ConnectRule>(rule.act)) chain.comment.clear();
  rule.step = ++chain.steps;
  chain.rules.push_back(std::move(rule));
}

void parse_comment_rule(RuleChainDraft& chain, Statement& statement) {
  if (!make_room(chain, statement)) return;
  const Word* text = statement.take("a text");
  if (text == nullptr || !statement.end()) return;
  chain.comment = text->text;
  chain.comment_is_new = true;
  ++chain.steps;
}

bool take_comment(CheckRule& rule, Statement& statement) {
  const Word* text = statement.take("a text");
  if (text != nullptr) rule.comment = text->text;
  return text != nullptr;
}

std::optional<std::string> take_plain_format(Statement& statement, std::string_view what) {
  const Word* word = statement.take(what);
  if (word == nullptr) return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < word->text.size(); ++i) {
    const char c = word->text[i];
    if (c == '%' && (i + 1 == word->text.size() || word->text[++i] != '%')) {
      statement.error(word->at, "variables of log formats are not supported in checks",
                      "write '%%' for a percent sign");
      return std::nullopt;
    }
    text += c;
  }
  return text;
}

std::optional<std::vector<std::string>> take_alpn(Statement& statement) {
  const Word* word = statement.take("a list of protocols, as in http/1.1");
  if (word == nullptr) return std::nullopt;
  std::vector<std::string> protocols;
  for (std::size_t start = 0; start <= word->text.size();) {
    const std::size_t end = std::min(word->text.find(',', start), word->text.size());
    protocols.push_back(word->text.substr(start, end - start));
    if (protocols.back().empty() || protocols.back().size() > kMaxAlpnLength) {
      statement.error(word->at, fmt::format("'{}' is not a list of protocols", word->text),
                      "write their names with commas, as in h2,http/1.1");
      return std::nullopt;
    }
    start = end + 1;
  }
  return protocols;
}

void parse_connect_rule(RuleChainDraft& chain, Statement& statement, RuleFamily family) {
  if (!make_room(chain, statement)) return;
  const bool first_is_connect =
      chain.rules.empty() || std::holds_alternative<ConnectRule>(chain.rules.front().act);
  if (!first_is_connect) {
    statement.skip_rest();
    return statement.error(statement.at(),
                           "a 'connect' after other rules needs one before them too",
                           "begin the rules with 'connect default'");
  }
  if (family == RuleFamily::Http && !chain.rules.empty() &&
      !std::holds_alternative<ExpectRule>(chain.rules.back().act)) {
    statement.skip_rest();
    return statement.error(statement.at(), "an 'expect' is missing before this 'connect'");
  }
  CheckRule rule{.act = ConnectRule{}};
  while (statement.more()) {
    const Word& word = *statement.take("an option");
    if (!set_connect_option(rule, word, statement)) return statement.skip_rest();
  }
  append_rule(chain, std::move(rule));
}

void parse_expect_rule(RuleChainDraft& chain, Statement& statement, RuleFamily family) {
  if (!make_room(chain, statement)) return;
  if (family == RuleFamily::Http && !chain.rules.empty() &&
      std::holds_alternative<ConnectRule>(chain.rules.back().act) && chain.rules.size() > 1) {
    statement.skip_rest();
    return statement.error(statement.at(), "a 'send' is missing before this 'expect'");
  }
  CheckRule rule{.act = ExpectRule{}};
  if (parse_expectation(rule, statement, family)) append_rule(chain, std::move(rule));
}

}  // namespace carpool::config
