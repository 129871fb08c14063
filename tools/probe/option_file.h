// The file that holds the probe's credentials, in the form of MySQL's option files:
//
//   [client]
//   user     = probe
//   password = "secret"
//   socket   = /run/mysqld/mysqld.sock
//
// A group [carpool-probe] adds to [client] and overrides it; other groups are not looked at. Pure,
// but for load_option_file().
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace carpool::probe {

inline constexpr std::size_t kMaxOptionFile = 64 << 10;

struct MysqlAccess {
  std::string user{};
  std::string password{};
  std::string host{};              // empty: the socket, or 127.0.0.1 where a port is given
  std::uint16_t port = 0;          // 0: not given
  std::filesystem::path socket{};  // empty: not given
  bool ssl = false;
  std::string ssl_ca{};  // verifies the server's certificate; implies ssl
  bool verify_name = false;

  friend bool operator==(const MysqlAccess&, const MysqlAccess&) = default;
};

// Errors name the line: "line 3: ...".
[[nodiscard]] Result<MysqlAccess> parse_option_file(std::string_view text);

// Refuses a file that anybody but its owner may read or change, and one that belongs to neither
// root nor us. Errors name the file and say what to do.
[[nodiscard]] Result<MysqlAccess> load_option_file(const std::filesystem::path& path);

}  // namespace carpool::probe
