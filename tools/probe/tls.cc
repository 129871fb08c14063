#include "tools/probe/tls.h"

#include <cerrno>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include "tools/probe/cat.h"
#include "tools/probe/wait.h"

namespace carpool::probe {
namespace {

std::string openssl_error() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  const char* reason = code != 0 ? ::ERR_reason_error_string(code) : nullptr;
  return reason != nullptr ? reason : "TLS failed";
}

bool is_address(const std::string& name) {
  in6_addr ignored;
  return ::inet_pton(AF_INET, name.c_str(), &ignored) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), &ignored) == 1;
}

// What the certificate has to be for; a name is also asked for by SNI.
bool expect_name(SSL* session, const std::string& name) {
  if (name.empty()) return true;
  X509_VERIFY_PARAM* checks = ::SSL_get0_param(session);
  if (is_address(name)) return ::X509_VERIFY_PARAM_set1_ip_asc(checks, name.c_str()) == 1;
  return ::SSL_set_tlsext_host_name(session, name.c_str()) == 1 &&
         ::X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size()) == 1;
}

}  // namespace

void TlsSession::Free::operator()(SSL_CTX* context) const {
  ::SSL_CTX_free(context);
}

void TlsSession::Free::operator()(SSL* session) const {
  ::SSL_free(session);
}

TlsSession::TlsSession(int fd, std::unique_ptr<SSL_CTX, Free> context,
                       std::unique_ptr<SSL, Free> session)
    : fd_(fd), context_(std::move(context)), session_(std::move(session)) {}

Result<std::unique_ptr<TlsSession>> TlsSession::handshake(int fd, const TlsSettings& settings,
                                                          Instant deadline) {
  std::unique_ptr<SSL_CTX, Free> context(::SSL_CTX_new(::TLS_client_method()));
  if (!context) return fail(openssl_error());
  if (!settings.ca_file.empty()) {
    if (::SSL_CTX_load_verify_file(context.get(), settings.ca_file.c_str()) != 1) {
      return fail(cat("cannot read certificates from ", settings.ca_file, ": ", openssl_error()));
    }
    ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  std::unique_ptr<SSL, Free> session(::SSL_new(context.get()));
  if (!session || ::SSL_set_fd(session.get(), fd) != 1 ||
      !expect_name(session.get(), settings.server_name)) {
    return fail(openssl_error());
  }
  std::unique_ptr<TlsSession> tls(new TlsSession(fd, std::move(context), std::move(session)));
  int done = 0;
  while ((done = ::SSL_connect(tls->session_.get())) != 1) {
    const auto again = tls->wait_for_more(done, deadline);
    if (!again) {
      const long verified = ::SSL_get_verify_result(tls->session_.get());
      if (verified == X509_V_OK || settings.ca_file.empty()) return std::unexpected(again.error());
      return fail(
          cat("the server's certificate is not good: ", ::X509_verify_cert_error_string(verified)));
    }
    if (!*again) return fail("the server closed during the TLS handshake");
  }
  return tls;
}

Result<bool> TlsSession::wait_for_more(int returned, Instant deadline) {
  const int system_error = errno;
  short events = 0;
  switch (::SSL_get_error(session_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      events = POLLIN;
      break;
    case SSL_ERROR_WANT_WRITE:
      events = POLLOUT;
      break;
    case SSL_ERROR_ZERO_RETURN:
      return false;
    case SSL_ERROR_SYSCALL:
      return fail(system_error != 0 ? system_error_text(system_error) : "the server closed");
    default:
      return fail(openssl_error());
  }
  if (auto ready = wait_for(fd_, events, deadline); !ready) return std::unexpected(ready.error());
  return true;
}

Result<std::size_t> TlsSession::read_some(std::span<char> buffer, Instant deadline) {
  for (;;) {
    std::size_t size = 0;
    const int done = ::SSL_read_ex(session_.get(), buffer.data(), buffer.size(), &size);
    if (done == 1) return size;
    const auto again = wait_for_more(done, deadline);
    if (!again) return std::unexpected(again.error());
    if (!*again) return 0;
  }
}

Result<void> TlsSession::write_all(std::string_view bytes, Instant deadline) {
  while (!bytes.empty()) {
    std::size_t size = 0;
    const int done = ::SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &size);
    if (done == 1) {
      bytes.remove_prefix(size);
      continue;
    }
    const auto again = wait_for_more(done, deadline);
    if (!again) return std::unexpected(again.error());
    if (!*again) return fail("the server closed");
  }
  return {};
}

}  // namespace carpool::probe
