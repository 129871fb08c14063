// `option mysql-check`: HAProxy's, and with a password our own, which logs in and asks.
#include <algorithm>

#include <fmt/format.h>

#include "controlplane/config/sections.h"

namespace carpool::config {
namespace {

constexpr std::uint32_t kMaxLagSeconds = 1'000'000;
constexpr std::size_t kMaxMysqlUser = 255;

// What it takes of MySQL's packets: text without NUL.
bool is_text(std::string_view text) {
  return text.find('\0') == text.npos;
}

std::optional<std::string> take_user(Statement& statement) {
  const Word* word = statement.take("a user");
  if (word == nullptr) return std::nullopt;
  if (word->text.empty() || word->text.size() > kMaxMysqlUser || !is_text(word->text)) {
    statement.error(word->at, "this cannot be the name of a user of MySQL");
    return std::nullopt;
  }
  return word->text;
}

// The first line of the file.
bool take_password_file(MysqlLoginCheck& check, Statement& statement) {
  const Word* path = statement.take("a file");
  if (path == nullptr) return false;
  if (!statement.options().read_secret) {
    statement.error(path->at, "password files are not read here");
    return false;
  }
  auto secret = statement.options().read_secret(path->text);
  if (!secret) {
    statement.error(path->at, std::move(secret.error().message));
    return false;
  }
  secret->resize(std::min(secret->find_first_of("\r\n"), secret->size()));
  check.password = *std::move(secret);
  return true;
}

// replica [max-lag SECONDS]
bool take_replica(MysqlLoginCheck& check, Statement& statement) {
  check.expect = MysqlExpect::Replica;
  if (!statement.accept("max-lag")) return true;
  statement.set_subject("max-lag");
  check.max_lag_s = statement.take_number("a number of seconds", 0, kMaxLagSeconds);
  return check.max_lag_s.has_value();
}

bool take_expectation(MysqlLoginCheck& check, Statement& statement) {
  switch (statement.take_choice({"writable", "replica", "galera"}).value_or(3)) {
    case 0:
      check.expect = MysqlExpect::Writable;
      return true;
    case 1:
      return take_replica(check, statement);
    case 2:
      check.expect = MysqlExpect::Galera;
      check.allow_donor = statement.accept("allow-donor");
      return true;
    default:
      return false;
  }
}

bool take_query(MysqlLoginCheck& check, Statement& statement) {
  const Word* query = statement.take("a query");
  if (query == nullptr) return false;
  if (query->text.empty() || !is_text(query->text)) {
    statement.error(query->at, "this cannot be a query");
    return false;
  }
  check.query = query->text;
  return true;
}

// What follows the user: {password P|password-file F} [tls] [query Q] [expect …], in any order.
bool take_login_words(MysqlLoginCheck& check, Statement& statement) {
  bool has_password = false;
  while (statement.more()) {
    const Word& word = *statement.take("a word");
    statement.set_subject("option mysql-check ... " + word.text);
    bool good = true;
    if (word.text == "password") {
      const Word* password = statement.take("a password");
      good = has_password = password != nullptr;
      if (password != nullptr) check.password = password->text;
    } else if (word.text == "password-file") {
      good = has_password = take_password_file(check, statement);
    } else if (word.text == "tls") {
      check.tls = true;
    } else if (word.text == "query") {
      good = take_query(check, statement);
    } else if (word.text == "expect") {
      good = take_expectation(check, statement);
    } else {
      statement.error(word.at, fmt::format("unknown word '{}' of 'option mysql-check'", word.text),
                      "it is 'post-41' or 'pre-41', or password, password-file, tls, query and "
                      "expect");
      good = false;
    }
    if (!good) return false;
  }
  if (!has_password) {
    statement.error(statement.at(), "a check that logs in to MySQL has no password",
                    "write 'password-file FILE' or 'password PASSWORD' (\"\" for none)");
  }
  return has_password;
}

void parse_mysql_check(ProxyDraft& proxy, Statement& statement) {
  HealthCheck& chosen = proxy.settings.check;
  if (statement.negated()) {
    if (std::holds_alternative<MysqlCheck>(chosen) ||
        std::holds_alternative<MysqlLoginCheck>(chosen)) {
      chosen = TcpCheck{};
    }
    return statement.skip_rest();
  }
  if (!statement.more()) {
    chosen = MysqlCheck{};
    return;
  }
  if (!statement.accept("user")) {
    const Word& word = statement.peek();
    statement.skip_rest();
    return statement.error(word.at,
                           fmt::format("unknown word '{}' of 'option mysql-check'", word.text),
                           "it is 'user NAME', and more after that");
  }
  statement.set_subject("user");
  auto user = take_user(statement);
  if (!user) return;
  if (!statement.more() || statement.accept("post-41")) {
    if (statement.end()) chosen = MysqlCheck{.user = *std::move(user)};
    return;
  }
  if (statement.accept("pre-41")) {
    if (statement.end()) chosen = MysqlCheck{.user = *std::move(user), .before_41 = true};
    return;
  }
  MysqlLoginCheck check{.user = *std::move(user), .password = {}, .query = {}, .max_lag_s = {}};
  if (take_login_words(check, statement)) chosen = std::move(check);
}

constexpr Handler<ProxyDraft> kHandlers[] = {{"option mysql-check", parse_mysql_check}};

}  // namespace

std::span<const Handler<ProxyDraft>> mysql_check_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
