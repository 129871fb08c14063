// The configuration as values: what one node of a pair has to do, after parsing, inheritance and
// all checks. Immutable by convention: made once by load(), compared, handed out in slices.
// Nothing here points into text, files or other objects; indexes point into the vectors of the same
// Config and are valid by construction.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "controlplane/config/check_rules.h"
#include "controlplane/config/diagnostic.h"
#include "controlplane/config/limits.h"
#include "controlplane/config/protocol_checks.h"
#include "controlplane/config/server_checks.h"
#include "dataplane/base/time.h"
#include "dataplane/net/address.h"

namespace carpool::config {

struct Endpoint {
  Ipv4Address address;
  std::uint16_t port = 0;

  friend constexpr bool operator==(const Endpoint&, const Endpoint&) = default;
  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

// ---------------------------------------------------------------------------------------- global

// `log TARGET [format ...] FACILITY [LEVEL]`: target is "stdout", "stderr", a socket's path, or
// "host:port" of a syslog server.
struct LogTarget {
  std::string target;
  std::string facility;  // empty for stdout and stderr
  std::string level;     // the most verbose one that is sent; empty: all

  friend bool operator==(const LogTarget&, const LogTarget&) = default;
};

enum class StatsLevel : std::uint8_t { User, Operator, Admin };

// `stats socket`: the HAProxy-compatible runtime socket, at a path or at an address and port.
struct StatsSocket {
  std::variant<std::string, Endpoint> where;
  std::optional<unsigned> mode;  // permissions of a path
  StatsLevel level = StatsLevel::Operator;
  Origin origin;

  friend bool operator==(const StatsSocket&, const StatsSocket&) = default;
};

// `peer-key ID ...`: what the nodes of a pair prove to each other and seal their talk with.
struct PeerKey {
  std::uint16_t id = 0;  // 1..65535
  std::array<std::uint8_t, kPeerKeyBytes> secret{};
  Origin origin;

  friend bool operator==(const PeerKey&, const PeerKey&) = default;
};

struct Global {
  std::optional<std::uint32_t> maxconn;  // flow limit; see Node::flows for what it comes to
  std::string description;
  std::vector<StatsSocket> stats_sockets;
  Duration stats_timeout = std::chrono::seconds(10);
  std::vector<LogTarget> logs;
  std::vector<PeerKey> peer_keys;                      // all are accepted, the last one is used
  std::optional<ExternalCheckPermit> external_checks;  // unset: none may be run
  bool setuid_wanted = false;                          // insecure-setuid-wanted
  std::string ca_base;                                 // where relative names of `ca-file` begin
  bool verify_server_tls = true;  // ssl-server-verify, unless the server says otherwise

  friend bool operator==(const Global&, const Global&) = default;
};

// A `listen` or `frontend` that serves the statistics page instead of forwarding. It is answered by
// the control plane, through the kernel, so its addresses are the node's own (or any).
struct StatsPage {
  std::string name;
  std::vector<Endpoint> binds;  // 0.0.0.0 is any address
  std::string uri = "/haproxy?stats";
  std::vector<std::pair<std::string, std::string>> users;  // name and password of `stats auth`
  bool admin = false;
  Duration refresh{};  // 0: the page does not reload itself
  Origin origin;

  friend bool operator==(const StatsPage&, const StatsPage&) = default;
};

// ---------------------------------------------------------------------------------- node, ports

enum class PortKind : std::uint8_t { Xdp, Packet, Memif };
[[nodiscard]] std::string_view to_string(PortKind kind);

// `port NAME KIND DEVICE [KEY=VALUE ...]`
struct PortSpec {
  std::string name;  // what groups say: "wan"
  PortKind kind = PortKind::Xdp;
  std::string device;  // interface name ("eth1"), or the socket's path of a memif
  std::map<std::string, std::string> options;  // for the driver, which checks them
  Origin origin;

  friend bool operator==(const PortSpec&, const PortSpec&) = default;
};

enum class IdleMode : std::uint8_t { Poll, Sleep };

// `redundancy GROUP [advskew N] [advbase N] [priority N]` inside a node.
struct NodeRedundancy {
  std::string group;
  std::optional<std::uint8_t> advskew;   // of CARP
  std::optional<std::uint8_t> advbase;   // of CARP
  std::optional<std::uint8_t> priority;  // of VRRP
  Origin origin;

  friend bool operator==(const NodeRedundancy&, const NodeRedundancy&) = default;
};

struct Node {
  std::string name;
  std::vector<PortSpec> ports;
  unsigned workers = 1;
  IdleMode idle = IdleMode::Sleep;
  // How long the data plane goes on claiming virtual addresses without its control plane. Shorter
  // than the time after which a peer takes over, so that never both claim them.
  Duration fence = kDefaultFence;
  std::optional<Endpoint> peer;  // this node's own end of the peer channel
  std::vector<NodeRedundancy> redundancy;
  // Size of the flow table: `flows`, else global maxconn, else kDefaultFlows.
  std::uint32_t flows = kDefaultFlows;
  std::uint32_t memory_mb = 0;  // memory of the data plane in MiB; 0: as much as the tables need
  Origin origin;

  friend bool operator==(const Node&, const Node&) = default;
  [[nodiscard]] const PortSpec* find_port(std::string_view port) const;
};

// ---------------------------------------------------------------------------------- redundancy

enum class RedundancyProtocol : std::uint8_t { Carp, Vrrp2, Vrrp3 };
[[nodiscard]] std::string_view to_string(RedundancyProtocol protocol);  // "carp", "vrrp 3"

// An address that moves with its group. Host bits are kept: 192.0.2.10/24.
struct VirtualAddress {
  Ipv4Prefix prefix;
  std::string port;  // where it is answered for; the group's own port unless written otherwise
  Origin origin;

  friend bool operator==(const VirtualAddress&, const VirtualAddress&) = default;
};

enum class AddressOrder : std::uint8_t { Sorted, Configured };  // in the digest of a CARP advert
enum class GroupMac : std::uint8_t { Virtual, Own };

// What happens when something tracked is not well, and (VRRP, positive weights) while it is.
struct TrackCommon {
  // Unset: demotes by kMaxDemotion. 0: the node gives the group up. CARP: what is added to the
  // advskew. VRRP: negative, what is taken off the priority; positive, what is added to it as long
  // as all is well.
  std::optional<int> weight;
  Origin origin;

  friend bool operator==(const TrackCommon&, const TrackCommon&) = default;
};

// `track backend NAME at-least N`: not well with fewer usable servers.
struct TrackBackend : TrackCommon {
  std::string backend;
  std::size_t backend_index = 0;
  std::uint32_t at_least = 1;

  friend bool operator==(const TrackBackend&, const TrackBackend&) = default;
};

// `track port NAME`: not well without link.
struct TrackPort : TrackCommon {
  std::string port;

  friend bool operator==(const TrackPort&, const TrackPort&) = default;
};

// A program that is not ours, and as whom it runs.
struct Script {
  std::vector<std::string> command;  // its full path, then its arguments
  std::string user = "nobody";

  friend bool operator==(const Script&, const Script&) = default;
  friend auto operator<=>(const Script&, const Script&) = default;
};

// `track script PATH`: well when it exits with status 0.
struct TrackScript : TrackCommon {
  Script script;
  Duration interval = std::chrono::seconds(1);
  Duration timeout = std::chrono::seconds(1);
  std::uint32_t rise = 1;  // runs in a row that make it well
  std::uint32_t fall = 1;  // and that make it ill

  friend bool operator==(const TrackScript&, const TrackScript&) = default;
};

// `garp`: how often a new active router of VRRP announces its addresses.
struct GarpPlan {
  std::uint8_t count = 5;                    // in a burst
  Duration delay = std::chrono::seconds(5);  // to the second burst; 0: there is none
  Duration refresh{};                        // from burst to burst afterwards; 0: none
  std::uint8_t refresh_count = 1;

  friend bool operator==(const GarpPlan&, const GarpPlan&) = default;
};

enum class VrrpChecksumForm : std::uint8_t { Rfc5798, Rfc9568 };  // of version 3, as sent

// What only VRRP has.
struct VrrpOptions {
  // As it holds on this node: a `redundancy` line of the node has gone in already.
  std::uint8_t priority = 100;                  // 1..255
  Duration interval = std::chrono::seconds(1);  // whole seconds in version 2, else 10 ms steps
  Duration startup_delay{};
  std::vector<Ipv4Address> unicast_peers;  // empty: multicast
  std::uint8_t min_ttl = 0;                // of unicast adverts that are accepted
  GarpPlan garp;
  VrrpChecksumForm checksum = VrrpChecksumForm::Rfc5798;

  friend bool operator==(const VrrpOptions&, const VrrpOptions&) = default;
};

struct RedundancyGroup {
  std::string name;
  RedundancyProtocol protocol = RedundancyProtocol::Carp;
  std::uint8_t vhid = 0;                  // 1..255; VRRP calls it vrid
  std::string port;                       // adverts leave and arrive here
  std::string password;                   // as long as the protocol allows; empty: none
  std::vector<VirtualAddress> addresses;  // advertised, at least one
  std::vector<VirtualAddress> floating;   // move along, not advertised
  bool preempt = false;
  Duration preempt_delay{};
  // As they hold on this node: a `redundancy` line of the node has gone in already.
  std::uint8_t advbase = 1;
  std::uint8_t advskew = 0;
  AddressOrder address_order = AddressOrder::Sorted;
  GroupMac mac = GroupMac::Virtual;
  Duration fast_hello{};              // between two hellos, in steps of 10 ms; 0: none are sent
  std::uint8_t fast_hello_count = 5;  // so many of them missing, and the peer is gone
  VrrpOptions vrrp;
  std::vector<TrackBackend> tracks;
  std::vector<TrackPort> track_ports;
  std::vector<TrackScript> track_scripts;
  std::string sync_group;        // groups of the same one have one fate; empty: on its own
  std::optional<Script> notify;  // told of every change of state
  Origin origin;

  [[nodiscard]] bool is_vrrp() const { return protocol != RedundancyProtocol::Carp; }
  friend bool operator==(const RedundancyGroup&, const RedundancyGroup&) = default;
};

// -------------------------------------------------------------------------------------- proxies

// Unset means that HAProxy would wait for ever; who uses one states its own default.
struct Timeouts {
  std::optional<Duration> connect;
  std::optional<Duration> client;
  std::optional<Duration> server;
  std::optional<Duration> tunnel;  // replaces client and server once data went both ways
  std::optional<Duration> client_fin;
  std::optional<Duration> server_fin;
  std::optional<Duration> check;

  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

enum class IpProtocol : std::uint8_t { Tcp = 6, Udp = 17 };
[[nodiscard]] std::string_view to_string(IpProtocol protocol);  // "tcp", "udp"

// One address and one port, or a range of them, both ends included.
struct Bind {
  Ipv4Address address;
  std::uint16_t port_first = 0;
  std::uint16_t port_last = 0;
  std::size_t group = 0;  // the index of the group that the address belongs to
  Origin origin;

  friend bool operator==(const Bind&, const Bind&) = default;
  [[nodiscard]] std::size_t port_count() const { return std::size_t{port_last} - port_first + 1; }
};

struct Frontend {
  std::string name;
  std::optional<std::uint32_t> id;
  std::string description;
  IpProtocol protocol = IpProtocol::Tcp;
  std::vector<Bind> binds;
  std::string default_backend;
  std::size_t backend_index = 0;
  Timeouts timeouts;          // client, client_fin and tunnel have a meaning here
  std::uint32_t maxconn = 0;  // 0: no limit. Parsed, not in effect yet.
  bool mirror = true;         // the peer is told of its connections; of UDP only if asked for
  bool disabled = false;
  Origin origin;

  friend bool operator==(const Frontend&, const Frontend&) = default;
};

enum class Balance : std::uint8_t {
  RoundRobin,
  StaticRoundRobin,
  LeastConn,
  Source,
  Random,
  First
};
[[nodiscard]] std::string_view to_string(Balance balance);

enum class Forwarding : std::uint8_t { FullNat, Nat, Dsr, TunnelIpip, TunnelGue };
[[nodiscard]] std::string_view to_string(Forwarding forwarding);  // "fullnat", "tunnel gue"
// Whether servers get packets as clients sent them, ports included.
[[nodiscard]] constexpr bool keeps_ports(Forwarding forwarding) {
  return forwarding >= Forwarding::Dsr;
}

using HealthCheck =
    std::variant<TcpCheck, HttpCheck, MysqlCheck, MysqlLoginCheck, PgsqlCheck, RedisCheck,
                 SmtpCheck, LdapCheck, SslHelloCheck, UdpCheck, DnsCheck, IcmpCheck, ExternalCheck>;
// Whether it begins TLS on servers without `check-ssl` too.
[[nodiscard]] bool begins_tls(const HealthCheck& check);

struct Server {
  std::string name;
  std::optional<std::uint32_t> id;
  Ipv4Address address;
  std::uint16_t port = 0;  // 0: the port that the client connected to
  std::string host;        // the name as written, where it was not an address
  std::uint32_t weight = 1;
  std::uint32_t maxconn = 0;  // 0: no limit
  bool backup = false;
  bool disabled = false;  // starts in maintenance
  Duration slowstart{};
  bool shutdown_sessions_on_down = false;       // on-marked-down shutdown-sessions
  bool shutdown_backup_sessions_on_up = false;  // on-marked-up shutdown-backup-sessions

  bool check = false;
  std::optional<Ipv4Address> check_address;
  std::optional<std::uint16_t> check_port;
  Duration inter = std::chrono::seconds(2);
  Duration fastinter = std::chrono::seconds(2);  // while in transition; written or equal to inter
  Duration downinter = std::chrono::seconds(2);  // while down; written or equal to inter
  std::uint32_t rise = 2;
  std::uint32_t fall = 3;
  InitState init_state = InitState::Up;
  Observation observe;
  std::optional<AgentCheck> agent;
  std::optional<TrackServer> track;  // then it has neither check nor agent
  CheckTls check_tls;
  Origin origin;

  friend bool operator==(const Server&, const Server&) = default;
  // Where the health check goes. The port is never 0 on a server that has `check`.
  [[nodiscard]] Endpoint check_endpoint() const {
    return {check_address.value_or(address), check_port.value_or(port)};
  }
  // Of a server that has an agent.
  [[nodiscard]] Endpoint agent_endpoint() const {
    return {agent->address.value_or(address), agent->port};
  }
};

struct Backend {
  std::string name;
  std::optional<std::uint32_t> id;
  std::string description;
  Balance balance = Balance::RoundRobin;
  unsigned random_draws = 2;  // of `balance random(N)`
  IpProtocol protocol = IpProtocol::Tcp;
  // UDP: datagrams with which a server answers each of the client's; 0: not known, the flow lasts
  // until it has been idle for long enough.
  std::uint8_t replies = 0;
  Forwarding forwarding = Forwarding::FullNat;
  // What servers see as the client's address in fullnat: an address of a group, so that it moves
  // with it. Without one the data plane takes the group's own or a floating one.
  std::optional<Ipv4Address> source;
  Timeouts timeouts;         // connect, server, server_fin, tunnel and check have a meaning here
  HealthCheck check;         // how servers with `check` are checked
  bool all_backups = false;  // option allbackups: all backup servers, not only the first
  bool log_health_checks = false;  // option log-health-checks
  std::optional<OutlierEjection> outliers;
  bool disabled = false;
  std::vector<Server> servers;
  Origin origin;

  friend bool operator==(const Backend&, const Backend&) = default;
};

// --------------------------------------------------------------------------------------- config

// The view that one node has.
struct Config {
  std::string node_name;
  Global global;
  Node node;
  std::vector<Node> other_nodes;  // in the order of the files
  std::vector<RedundancyGroup> groups;
  std::vector<Frontend> frontends;
  std::vector<Backend> backends;
  std::vector<StatsPage> stats_pages;
  std::vector<std::string> files;    // what Origin::file counts
  std::vector<Diagnostic> warnings;  // takes no part in comparisons

  friend bool operator==(const Config& a, const Config& b) {
    return a.node_name == b.node_name && a.global == b.global && a.node == b.node &&
           a.other_nodes == b.other_nodes && a.groups == b.groups && a.frontends == b.frontends &&
           a.backends == b.backends && a.stats_pages == b.stats_pages;
  }

  // Linear; for consoles and tests.
  [[nodiscard]] const RedundancyGroup* find_group(std::string_view name) const;
  [[nodiscard]] const Frontend* find_frontend(std::string_view name) const;
  [[nodiscard]] const Backend* find_backend(std::string_view name) const;
};

}  // namespace carpool::config
