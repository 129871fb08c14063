#include "controlplane/config/parse_server_tls.h"

#include <algorithm>

#include <fmt/format.h>

#include "controlplane/config/parse_check_rules.h"

namespace carpool::config {
namespace {

// RFC 1035, 2.3.4, and nothing that could not be in one.
bool is_host_name(std::string_view name) {
  constexpr std::size_t kMaxHostName = 253;
  return !name.empty() && name.size() <= kMaxHostName &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f'; });
}

void take_host_name(std::string& into, Statement& statement) {
  const Word* word = statement.take("a host name");
  if (word == nullptr) return;
  if (!is_host_name(word->text)) {
    return statement.error(word->at, fmt::format("'{}' is not a host name", word->text));
  }
  into = word->text;
}

}  // namespace

void set_check_ssl(ServerDraft& draft, Statement&) {
  draft.server.check_tls.enabled = true;
}

void set_no_check_ssl(ServerDraft& draft, Statement&) {
  draft.server.check_tls.enabled = false;
}

void set_check_sni(ServerDraft& draft, Statement& statement) {
  take_host_name(draft.server.check_tls.sni, statement);
}

void set_check_alpn(ServerDraft& draft, Statement& statement) {
  if (auto protocols = take_alpn(statement)) draft.server.check_tls.alpn = std::move(*protocols);
}

// "30d" or "30": times elsewhere end at 24 days, as in HAProxy, which is too soon for certificates.
void set_check_cert_expiry(ServerDraft& draft, Statement& statement) {
  constexpr std::uint32_t kMaxDays = 3650;
  const Word* word = statement.take("a number of days, as in 14d; 0 for no warning");
  if (word == nullptr) return;
  std::string_view digits = word->text;
  if (digits.ends_with('d')) digits.remove_suffix(1);
  const auto days = parse_number(digits, 0, kMaxDays);
  if (!days) return statement.error(word->at, days.error());
  draft.server.check_tls.expiry_warning = std::chrono::hours(24) * *days;
}

void set_verify(ServerDraft& draft, Statement& statement) {
  const auto choice = statement.take_choice({"none", "required"});
  if (choice) draft.verify = *choice == 1;
}

void set_verify_host(ServerDraft& draft, Statement& statement) {
  take_host_name(draft.server.check_tls.verify_host, statement);
}

void set_no_verify_host(ServerDraft& draft, Statement&) {
  draft.server.check_tls.verify_host.clear();
}

void set_ca_file(ServerDraft& draft, Statement& statement) {
  const Word* word = statement.take("a file with certificates, or @system-ca");
  if (word == nullptr) return;
  draft.server.check_tls.ca_file = word->text;
  draft.ca_file_at = word->at;
}

}  // namespace carpool::config
