// TLS over a connected socket, with a deadline on everything.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "tools/probe/stream.h"

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;

namespace carpool::probe {

class TlsSession {
 public:
  // `fd` does not block and stays its owner's, who keeps it open for as long as this lives.
  [[nodiscard]] static Result<std::unique_ptr<TlsSession>> handshake(int fd,
                                                                     const TlsSettings& settings,
                                                                     Instant deadline);

  [[nodiscard]] Result<std::size_t> read_some(std::span<char> buffer, Instant deadline);
  [[nodiscard]] Result<void> write_all(std::string_view bytes, Instant deadline);

 private:
  struct Free {
    void operator()(SSL_CTX* context) const;
    void operator()(SSL* session) const;
  };

  TlsSession(int fd, std::unique_ptr<SSL_CTX, Free> context, std::unique_ptr<SSL, Free> session);
  // After OpenSSL's `returned` <= 0: waits for what it wants and says whether to try again; false
  // is the peer's orderly end.
  [[nodiscard]] Result<bool> wait_for_more(int returned, Instant deadline);

  int fd_;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> session_;
};

}  // namespace carpool::probe
