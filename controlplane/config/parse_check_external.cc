// `option external-check`, `external-check`: servers checked by a program of the user's, as HAProxy
// runs it.
#include <algorithm>

#include <fmt/format.h>

#include "controlplane/config/sections.h"

namespace carpool::config {
namespace {

void parse_option(ProxyDraft& proxy, Statement& statement) {
  if (!statement.end()) return;
  if (statement.negated()) {
    if (std::holds_alternative<ExternalCheck>(proxy.settings.check))
      proxy.settings.check = TcpCheck{};
    return;
  }
  proxy.settings.check = ExternalCheck{};
  proxy.settings.external_at = statement.at();
}

// external-check command PROGRAM | path FOLDERS
void parse_external_check(ProxyDraft& proxy, Statement& statement) {
  const auto what = statement.take_choice({"command", "path"});
  if (!what) return;
  const bool command = *what == 0;
  statement.set_subject(command ? "external-check command" : "external-check path");
  const Word* word = statement.take(command ? "a program" : "folders, as in /usr/bin:/bin");
  if (word == nullptr) return;
  if (statement.more()) {
    return statement.error(statement.peek().at,
                           fmt::format("unexpected '{}': HAProxy's four arguments are all that the "
                                       "command of an external check gets",
                                       statement.peek().text),
                           "write a script that runs it with others");
  }
  if (word->text.empty() || word->text.find('\0') != std::string::npos) {
    return statement.error(word->at, command ? "this cannot be the name of a program"
                                             : "these cannot be names of folders");
  }
  ExternalDraft& external = proxy.settings.external;
  external.inherited = false;
  (command ? external.check.command : external.check.path) = word->text;
}

constexpr Handler<ProxyDraft> kHandlers[] = {{"external-check", parse_external_check},
                                             {"option external-check", parse_option}};

}  // namespace

// external-check [preserve-env] [user NAME]
void parse_external_permit(Global& global, Statement& statement) {
  ExternalCheckPermit permit;
  permit.origin = statement.at();
  while (statement.more()) {
    const auto word = statement.take_choice({"preserve-env", "user"});
    if (!word) return;
    if (*word == 0) {
      permit.preserve_environment = true;
      continue;
    }
    statement.set_subject("user");
    const auto user = statement.take_name("the name of a user");
    if (!user) return;
    permit.user = *user;
  }
  global.external_checks = std::move(permit);
}

std::span<const Handler<ProxyDraft>> external_check_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
