// A connection of a probe, plain or over TLS, with its deadline: what all kinds of checks have in
// common. Each step gives either success or the result that the check ends with, so a probe reads
// like the protocol that it speaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "controlplane/config/model.h"
#include "controlplane/health/check_result.h"
#include "controlplane/health/probe_target.h"

namespace carpool {

// A step's value, or the result of the whole check.
template <class Value>
using Step = std::expected<Value, CheckResult>;

enum class CloseStyle : std::uint8_t {
  Polite,  // FIN
  Reset,   // RST: no TIME_WAIT on our side, no connection left on a server that does not read
};

class ProbeSocket {
 public:
  ProbeSocket(boost::asio::any_io_executor executor, const ProbeTarget& target,
              CloseStyle close_style);
  ~ProbeSocket();
  ProbeSocket(const ProbeSocket&) = delete;
  ProbeSocket& operator=(const ProbeSocket&) = delete;

  // L4TOUT where nobody answers, L4CON where the answer is no, SOCKERR where the fault is ours.
  // With `check-ssl` TLS begins at once, within the same time: see start_tls().
  [[nodiscard]] boost::asio::awaitable<Step<void>> connect();

  // From here on TLS: L6RSP with OpenSSL's reason where the handshake fails or the certificate does
  // not do, L6TOUT at the deadline, SOCKERR where our CA file does not do.
  [[nodiscard]] boost::asio::awaitable<Step<void>> start_tls();

  // L7TOUT at the deadline, SOCKERR where the connection broke.
  [[nodiscard]] boost::asio::awaitable<Step<void>> write(std::string_view bytes);

  // Some bytes; none where the peer closed or reset the connection, which for many a protocol is
  // not an error at all. L7TOUT at the deadline.
  [[nodiscard]] boost::asio::awaitable<Step<std::size_t>> read(std::span<char> buffer);

  // After a read of nothing: empty where the peer closed, "Connection reset by peer" where it did
  // not even do that.
  [[nodiscard]] const std::string& end_reason() const;

  [[nodiscard]] bool is_tls() const;

  // The result of a check that ends now; sets the time that it took, and the warning of a
  // certificate that is about to expire.
  [[nodiscard]] CheckResult result(CheckResult outcome) const;
  [[nodiscard]] CheckResult result(CheckStatus status, std::string_view text = {}) const;

 private:
  struct Connection;
  std::shared_ptr<Connection> connection_;
};

}  // namespace carpool
