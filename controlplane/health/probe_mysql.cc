#include "controlplane/health/probe_mysql.h"

#include <array>

#include <boost/asio/this_coro.hpp>

#include "controlplane/health/mysql_check.h"
#include "controlplane/health/probe_socket.h"

namespace carpool {
namespace {

using boost::asio::awaitable;

mysql::Expectation expectation_of(const config::MysqlLoginCheck& check) {
  switch (check.expect) {
    case config::MysqlExpect::Login:
      return mysql::Alive{};
    case config::MysqlExpect::Writable:
      return mysql::Writable{};
    case config::MysqlExpect::Replica:
      return mysql::Replica{check.max_lag_s};
    case config::MysqlExpect::Galera:
      return mysql::Galera{check.allow_donor};
  }
  return mysql::Alive{};
}

mysql::Check check_of(config::MysqlLoginCheck check) {
  const auto expect = expectation_of(check);
  return mysql::Check({.login = {.user = std::move(check.user),
                                 .password = std::move(check.password),
                                 .tls = check.tls},
                       .expect = expect,
                       .query = std::move(check.query)});
}

// A server that refuses a client closes at once, which may break our writing; why it did is still
// there to be read. Only a deadline that has passed is the end.
bool is_over(const Step<void>& written) {
  return !written && written.error().status == CheckStatus::L7Timeout;
}

}  // namespace

awaitable<CheckResult> probe_mysql(config::MysqlLoginCheck config, ProbeTarget target) {
  ProbeSocket socket(co_await boost::asio::this_coro::executor, target, CloseStyle::Polite);
  const auto connected = co_await socket.connect();
  if (!connected) co_return connected.error();
  auto check = check_of(std::move(config));
  std::array<char, 4096> buffer;
  for (;;) {
    const auto size = co_await socket.read(buffer);
    if (!size) co_return size.error();
    if (*size == 0) co_return socket.result(check.closed());
    auto step = check.receive({buffer.data(), *size});
    if (step.start_tls) {
      const auto written = co_await socket.write(step.send);
      if (!written) co_return written.error();
      const auto secured = co_await socket.start_tls();
      if (!secured) co_return secured.error();
      step = check.tls_started();
    }
    if (!step.send.empty()) {
      const auto written = co_await socket.write(step.send);
      if (!step.result && is_over(written)) co_return written.error();
    }
    if (step.result) co_return socket.result(*step.result);
  }
}

}  // namespace carpool
