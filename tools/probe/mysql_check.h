// Whether the MySQL or MariaDB server of this host is what it should be: logs in as the option file
// says and asks.
#pragma once

#include <filesystem>
#include <string>

#include "controlplane/health/mysql_check.h"
#include "tools/probe/host_port.h"
#include "tools/probe/option_file.h"
#include "tools/probe/verdict.h"

namespace carpool::probe {

// Where the server listens: a unix socket, or an address where `socket` is empty.
struct MysqlPlace {
  std::filesystem::path socket;
  HostPort address;

  friend bool operator==(const MysqlPlace&, const MysqlPlace&) = default;
};
[[nodiscard]] std::string to_string(const MysqlPlace& place);

// As MySQL's own clients choose: the socket where one is named, and for no host or "localhost" the
// socket at the first of the customary places that exists; else TCP, by default 127.0.0.1:3306.
[[nodiscard]] MysqlPlace choose_place(const MysqlAccess& access);

// What a check found, in the words of an operator. Pure.
[[nodiscard]] Verdict describe(const CheckResult& result);

[[nodiscard]] Verdict check_mysql(const MysqlAccess& access, const mysql::Expectation& expectation,
                                  Instant deadline);

}  // namespace carpool::probe
