// One TLS connection as bytes: what has arrived goes in, what is to be sent comes out. No I/O, no
// clock but for the certificate's dates.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/health/tls_context.h"

struct ssl_st;

namespace carpool {

enum class TlsProgress : std::uint8_t {
  Done,
  WantsBytes,  // feed() and ask again
  Ended,       // the peer has closed
  Failed,      // error() says why
};

class TlsSession {
 public:
  // As a client. `settings` name the server; the context is that of their verification.
  TlsSession(std::shared_ptr<const TlsContext> context, const config::CheckTls& settings);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  [[nodiscard]] TlsProgress handshake();
  // Takes all of it; it is sent with the next output().
  [[nodiscard]] TlsProgress write(std::string_view bytes);
  // At least one byte into the buffer where Done.
  [[nodiscard]] TlsProgress read(std::span<char> buffer, std::size_t& size);
  void close_politely();

  void feed(std::string_view bytes);
  void feed_end();  // nothing more will come
  // What has to be sent to the peer now, each byte once.
  [[nodiscard]] std::string output();

  // OpenSSL's reason, with that of the certificate: "certificate verify failed: hostname mismatch".
  [[nodiscard]] const std::string& error() const { return error_; }

  // After the handshake: until when the peer's certificate is valid.
  [[nodiscard]] std::optional<std::chrono::sys_seconds> certificate_end() const;

 private:
  [[nodiscard]] TlsProgress progress_of(int result);
  [[nodiscard]] std::string reason() const;

  std::shared_ptr<const TlsContext> context_;
  ssl_st* ssl_;
  std::string error_;
};

// "certificate expires on 2026-12-01, in 9 days", "certificate expired on 2026-11-20"; nothing
// where it is valid for `warning` or longer.
[[nodiscard]] std::string expiry_text(std::chrono::sys_seconds end, std::chrono::sys_seconds now,
                                      std::chrono::seconds warning);

}  // namespace carpool
