// Parameters of a server that say how it is checked over TLS.
#pragma once

#include "controlplane/config/draft.h"
#include "controlplane/config/statement.h"

namespace carpool::config {

void set_check_ssl(ServerDraft& draft, Statement& statement);
void set_no_check_ssl(ServerDraft& draft, Statement& statement);
void set_check_sni(ServerDraft& draft, Statement& statement);
void set_check_alpn(ServerDraft& draft, Statement& statement);
void set_check_cert_expiry(ServerDraft& draft, Statement& statement);
void set_verify(ServerDraft& draft, Statement& statement);
void set_verify_host(ServerDraft& draft, Statement& statement);
void set_no_verify_host(ServerDraft& draft, Statement& statement);
void set_ca_file(ServerDraft& draft, Statement& statement);

}  // namespace carpool::config
