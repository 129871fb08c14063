// OpenSSL's settings for TLS towards servers: one object for each distinct combination, however
// many servers share it. No session is ever resumed: a check is to prove that the server can do a
// whole handshake, certificate included.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "controlplane/config/check_rules.h"
#include "dataplane/base/result.h"

struct ssl_ctx_st;

namespace carpool {

class TlsContext {
 public:
  [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> make(bool verify,
                                                                      const std::string& ca_file);
  [[nodiscard]] ssl_ctx_st* get() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}

  std::unique_ptr<ssl_ctx_st, Free> context_;
};

using TlsContextResult = Result<std::shared_ptr<const TlsContext>>;

class TlsContexts {
 public:
  // Made when first asked for. A CA file is read once, and again by a new TlsContexts.
  [[nodiscard]] const TlsContextResult& get(const config::CheckTls& settings);

 private:
  std::map<std::pair<bool, std::string>, TlsContextResult> contexts_;
};

// Whether the file has certificates to trust; "@system-ca" always is usable.
[[nodiscard]] Result<void> check_ca_file(const std::string& path);

}  // namespace carpool
