#include "controlplane/health/tls_session.h"

#include <ctime>
#include <new>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace carpool {
namespace {

// RFC 7301, 3.1: each name behind its length.
std::string alpn_bytes(const std::vector<std::string>& protocols) {
  std::string bytes;
  for (const std::string& protocol : protocols)
    bytes += static_cast<char>(protocol.size()) + protocol;
  return bytes;
}

void name_server(SSL* ssl, const config::CheckTls& settings) {
  if (!settings.sni.empty()) SSL_set_tlsext_host_name(ssl, settings.sni.c_str());
  if (!settings.alpn.empty()) {
    const std::string bytes = alpn_bytes(settings.alpn);
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(bytes.data()),
                        static_cast<unsigned>(bytes.size()));
  }
  const std::string& expected = settings.verify_host.empty() ? settings.sni : settings.verify_host;
  if (settings.verify && !expected.empty()) SSL_set1_host(ssl, expected.c_str());
}

}  // namespace

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, const config::CheckTls& settings)
    : context_(std::move(context)), ssl_(SSL_new(context_->get())) {
  BIO* const input = BIO_new(BIO_s_mem());
  BIO* const sent = BIO_new(BIO_s_mem());
  if (ssl_ == nullptr || input == nullptr || sent == nullptr) throw std::bad_alloc();
  SSL_set_bio(ssl_, input, sent);
  SSL_set_connect_state(ssl_);
  name_server(ssl_, settings);
}

TlsSession::~TlsSession() {
  SSL_free(ssl_);
}

TlsProgress TlsSession::handshake() {
  ERR_clear_error();
  return progress_of(SSL_do_handshake(ssl_));
}

TlsProgress TlsSession::write(std::string_view bytes) {
  if (bytes.empty()) return TlsProgress::Done;
  ERR_clear_error();
  std::size_t written = 0;
  return progress_of(SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written));
}

TlsProgress TlsSession::read(std::span<char> buffer, std::size_t& size) {
  ERR_clear_error();
  return progress_of(SSL_read_ex(ssl_, buffer.data(), buffer.size(), &size));
}

void TlsSession::close_politely() {
  ERR_clear_error();
  if (SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
  ERR_clear_error();
}

void TlsSession::feed(std::string_view bytes) {
  // A BIO in memory takes all or throws us out of memory.
  if (!bytes.empty()) BIO_write(SSL_get_rbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
}

void TlsSession::feed_end() {
  BIO_set_mem_eof_return(SSL_get_rbio(ssl_), 0);
}

std::string TlsSession::output() {
  BIO* const sent = SSL_get_wbio(ssl_);
  std::string bytes(BIO_ctrl_pending(sent), '\0');
  if (!bytes.empty()) BIO_read(sent, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

std::optional<std::chrono::sys_seconds> TlsSession::certificate_end() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return std::nullopt;
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(timegm(&parts)));
}

TlsProgress TlsSession::progress_of(int result) {
  if (result > 0) return TlsProgress::Done;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return TlsProgress::WantsBytes;
    case SSL_ERROR_ZERO_RETURN:
      return TlsProgress::Ended;
    default:
      error_ = reason();
      return TlsProgress::Failed;
  }
}

std::string TlsSession::reason() const {
  const auto error = ERR_peek_last_error();
  const char* const text = error == 0 ? nullptr : ERR_reason_error_string(error);
  std::string result = text == nullptr ? "the connection broke" : text;
  if (const long verified = SSL_get_verify_result(ssl_); verified != X509_V_OK) {
    const bool judged = (SSL_get_verify_mode(ssl_) & SSL_VERIFY_PEER) != 0;
    if (judged) result += fmt::format(": {}", X509_verify_cert_error_string(verified));
  }
  return result;
}

std::string expiry_text(std::chrono::sys_seconds end, std::chrono::sys_seconds now,
                        std::chrono::seconds warning) {
  if (warning == warning.zero() || end - now >= warning) return "";
  const std::tm day = fmt::gmtime(std::chrono::system_clock::to_time_t(end));
  if (end <= now) return fmt::format("certificate expired on {:%Y-%m-%d}", day);
  const auto days = std::chrono::floor<std::chrono::days>(end - now).count();
  return fmt::format("certificate expires on {:%Y-%m-%d}, in {} day{}", day, days,
                     days == 1 ? "" : "s");
}

}  // namespace carpool
