// The health checks that speak a protocol of their own, as values. HAProxy's are as it defines
// them; `option mysql-check` with a password, and those over datagrams, are ours.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace carpool::config {

// option mysql-check [user U [post-41|pre-41]]: the server greets, and with a user also answers
// his login without a password.
struct MysqlCheck {
  std::string user{};      // empty: the greeting is enough
  bool before_41 = false;  // pre-41

  friend bool operator==(const MysqlCheck&, const MysqlCheck&) = default;
};

enum class MysqlExpect : std::uint8_t {
  Login,     // being let in
  Writable,  // read_only is off
  Replica,   // replication runs
  Galera,    // a synced member of the primary component
};

// option mysql-check user U password P [tls] [query Q] [expect …]: a login in earnest.
struct MysqlLoginCheck {
  std::string user{};
  std::string password{};
  bool tls = false;
  std::string query{};  // empty: none
  MysqlExpect expect = MysqlExpect::Login;
  std::optional<std::uint32_t> max_lag_s{};  // of a replica
  bool allow_donor = false;                  // of Galera

  friend bool operator==(const MysqlLoginCheck&, const MysqlLoginCheck&) = default;
};

// option pgsql-check user U: the server asks for his password.
struct PgsqlCheck {
  std::string user{};

  friend bool operator==(const PgsqlCheck&, const PgsqlCheck&) = default;
};

// option redis-check: PING is answered by PONG.
struct RedisCheck {
  friend bool operator==(const RedisCheck&, const RedisCheck&) = default;
};

// option smtpchk [HELO|EHLO DOMAIN]
struct SmtpCheck {
  std::string hello = "HELO localhost";

  friend bool operator==(const SmtpCheck&, const SmtpCheck&) = default;
};

// option ldap-check: an anonymous bind succeeds.
struct LdapCheck {
  friend bool operator==(const LdapCheck&, const LdapCheck&) = default;
};

// option ssl-hello-chk: a hello of SSLv3 is answered by anything of TLS, an alert included.
struct SslHelloCheck {
  friend bool operator==(const SslHelloCheck&, const SslHelloCheck&) = default;
};

// option udp-check [send TEXT|send-binary HEX] [expect [!] string TEXT|binary HEX]: one datagram,
// and one in reply where one is expected. An ICMP message that the port is closed is a failure.
struct UdpCheck {
  struct Expect {
    std::string bytes{};    // occur in the reply; empty: any reply is good
    std::string written{};  // as it stands in the configuration, for messages
    bool negate = false;

    friend bool operator==(const Expect&, const Expect&) = default;
  };
  std::string payload{};
  std::optional<Expect> expect{};  // unset: silence is good

  friend bool operator==(const UdpCheck&, const UdpCheck&) = default;
};

// option dns-check name NAME [type TYPE]: the server answers with records of that type.
struct DnsCheck {
  std::string name{};      // without the final dot; empty: the root
  std::uint16_t type = 1;  // as in IANA's registry; 1 is A
  std::string type_name = "A";

  friend bool operator==(const DnsCheck&, const DnsCheck&) = default;
};

// option icmp-check: the host answers an echo request. Uses no port.
struct IcmpCheck {
  friend bool operator==(const IcmpCheck&, const IcmpCheck&) = default;
};

}  // namespace carpool::config
