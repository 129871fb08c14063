// A connection to a service, with a deadline on everything. Blocks its caller; the daemon lets a
// thread of its own use it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "tools/probe/fd.h"
#include "tools/probe/host_port.h"

namespace carpool::probe {

class TlsSession;

struct TlsSettings {
  std::string ca_file;      // empty: what the server shows is not verified
  std::string server_name;  // what its certificate has to be for, where it is verified
};

class Stream {
 public:
  // Errors say which address and why; kTimedOut where nothing answered.
  [[nodiscard]] static Result<Stream> connect_tcp(const HostPort& target, Instant deadline);
  [[nodiscard]] static Result<Stream> connect_unix(const std::filesystem::path& path,
                                                   Instant deadline);

  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  // From here on everything is encrypted.
  [[nodiscard]] Result<void> start_tls(const TlsSettings& settings, Instant deadline);
  [[nodiscard]] bool encrypted() const { return tls_ != nullptr; }

  // At least one byte; 0 where the peer has closed.
  [[nodiscard]] Result<std::size_t> read_some(std::span<char> buffer, Instant deadline);
  [[nodiscard]] Result<void> write_all(std::string_view bytes, Instant deadline);

 private:
  explicit Stream(Fd fd);

  Fd fd_;
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace carpool::probe
