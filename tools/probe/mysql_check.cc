#include "tools/probe/mysql_check.h"

#include <array>
#include <system_error>
#include <utility>

#include "tools/probe/cat.h"
#include "tools/probe/stream.h"
#include "tools/probe/wait.h"

namespace carpool::probe {
namespace {

constexpr std::uint16_t kDefaultPort = 3306;
constexpr const char* kDefaultHost = "127.0.0.1";
// Debian, Red Hat, MySQL's own packages.
constexpr std::array kCustomarySockets = {"/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock",
                                          "/tmp/mysql.sock"};

// Server errors that deserve more than the server's words.
constexpr int kTooManyConnections = 1040;
constexpr int kAccessDenied = 1045;
constexpr int kHostIsBlocked = 1129;

// What became of the connection, where that decides instead of the server.
Verdict broken(const Error& error) {
  if (error.message == kTimedOut) {
    return down("MySQL accepts connections but does not answer: frozen or overloaded");
  }
  return down("the connection to MySQL broke: " + error.message);
}

// Carries bytes between the server and the check until that has its result.
Verdict run_check(mysql::Check check, Stream stream, const TlsSettings& tls, Instant deadline) {
  std::array<char, 4096> buffer;
  mysql::CheckStep step;
  for (;;) {
    const auto size = stream.read_some(buffer, deadline);
    if (!size) return broken(size.error());
    if (*size == 0) return describe(check.closed());
    step = check.receive({buffer.data(), *size});
    auto written = stream.write_all(step.send, deadline);
    if (step.start_tls && written) {
      if (auto secured = stream.start_tls(tls, deadline); !secured) {
        return down("TLS with MySQL: " + secured.error().message);
      }
      step = check.tls_started();
      written = stream.write_all(step.send, deadline);
    }
    // A goodbye that does not arrive changes nothing.
    if (step.result) return describe(*step.result);
    if (!written) return broken(written.error());
  }
}

Result<Stream> connect(const MysqlPlace& place, Instant deadline) {
  return place.socket.empty() ? Stream::connect_tcp(place.address, deadline)
                              : Stream::connect_unix(place.socket, deadline);
}

}  // namespace

std::string to_string(const MysqlPlace& place) {
  return place.socket.empty() ? to_string(place.address) : place.socket.string();
}

MysqlPlace choose_place(const MysqlAccess& access) {
  if (!access.socket.empty()) return {.socket = access.socket, .address = {}};
  if ((access.host.empty() || access.host == "localhost") && access.port == 0) {
    std::error_code ignored;
    for (const char* path : kCustomarySockets) {
      if (std::filesystem::is_socket(path, ignored)) return {.socket = path, .address = {}};
    }
  }
  return {.socket = {},
          .address = {access.host.empty() ? kDefaultHost : access.host,
                      access.port == 0 ? kDefaultPort : access.port}};
}

Verdict describe(const CheckResult& result) {
  if (verdict(result.status) == CheckVerdict::Passed) {
    return up(result.text.empty() ? "MySQL is alive" : result.text);
  }
  switch (result.code) {
    case 0:
      return down(result.text);
    case kTooManyConnections:
      return down(cat("MySQL has no connection left (max_connections): ", result.text));
    case kAccessDenied:
      return down(cat("MySQL refuses the probe: ", result.text));
    case kHostIsBlocked:
      return down(cat("MySQL shuts this host out (max_connect_errors): ", result.text));
    default:
      return down(cat("MySQL says: ", result.text));
  }
}

Verdict check_mysql(const MysqlAccess& access, const mysql::Expectation& expectation,
                    Instant deadline) {
  const auto place = choose_place(access);
  auto stream = connect(place, deadline);
  if (!stream) return down(cat("cannot connect to MySQL at ", stream.error().message));
  const TlsSettings tls{.ca_file = access.ssl_ca,
                        .server_name = access.verify_name ? place.address.host : ""};
  mysql::CheckRequest request{
      .login = {.user = access.user, .password = access.password, .tls = access.ssl},
      .expect = expectation,
      .query = {},
      .channel = place.socket.empty() ? mysql::Channel::Open : mysql::Channel::Private};
  return run_check(mysql::Check(std::move(request)), std::move(*stream), tls, deadline);
}

}  // namespace carpool::probe
