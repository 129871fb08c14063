// What HAProxy 2.6 says and expects in its checks of MySQL, PostgreSQL, Redis, SMTP, LDAP and TLS,
// with its results and its words. Pure.
#pragma once

#include "controlplane/config/protocol_checks.h"
#include "controlplane/health/dialogue.h"

namespace carpool {

[[nodiscard]] Dialogue dialogue_of(const config::MysqlCheck& check);
[[nodiscard]] Dialogue dialogue_of(const config::PgsqlCheck& check);
[[nodiscard]] Dialogue dialogue_of(const config::RedisCheck& check);
[[nodiscard]] Dialogue dialogue_of(const config::SmtpCheck& check);
[[nodiscard]] Dialogue dialogue_of(const config::LdapCheck& check);
[[nodiscard]] Dialogue dialogue_of(const config::SslHelloCheck& check);

}  // namespace carpool
