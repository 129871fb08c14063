#include "controlplane/health/tls_context.h"

#include <cstring>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace carpool {
namespace {

constexpr std::string_view kSystemCa = "@system-ca";

std::string last_reason() {
  const auto error = ERR_get_error();
  const char* const reason = ERR_SYSTEM_ERROR(error) ? std::strerror(ERR_GET_REASON(error))
                                                     : ERR_reason_error_string(error);
  ERR_clear_error();
  return reason == nullptr ? "there are none in it" : reason;
}

Result<void> trust(SSL_CTX* context, const std::string& ca_file) {
  ERR_clear_error();
  const bool loaded = ca_file == kSystemCa
                          ? SSL_CTX_set_default_verify_paths(context) == 1
                          : SSL_CTX_load_verify_file(context, ca_file.c_str()) == 1;
  if (!loaded) {
    return fail("cannot take certificates from ca-file '" + ca_file + "': " + last_reason());
  }
  return {};
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

TlsContextResult TlsContext::make(bool verify, const std::string& ca_file) {
  std::shared_ptr<const TlsContext> made(new TlsContext(SSL_CTX_new(TLS_client_method())));
  SSL_CTX* context = made->get();
  if (context == nullptr) return fail("cannot set up TLS: " + last_reason());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // Many servers end the connection without saying so first.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (verify && !ca_file.empty()) {
    if (const auto trusted = trust(context, ca_file); !trusted)
      return fail(trusted.error().message);
  }
  return made;
}

const TlsContextResult& TlsContexts::get(const config::CheckTls& settings) {
  const std::pair key(settings.verify, settings.verify ? settings.ca_file : "");
  const auto known = contexts_.find(key);
  if (known != contexts_.end()) return known->second;
  return contexts_.emplace(key, TlsContext::make(key.first, key.second)).first->second;
}

Result<void> check_ca_file(const std::string& path) {
  const auto made = TlsContext::make(true, path);
  if (!made) return fail(made.error().message);
  return {};
}

}  // namespace carpool
