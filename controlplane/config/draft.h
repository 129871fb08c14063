// What parsing yields: sections as written, with inheritance done, but names not looked up and
// nothing compared across sections. Only the parser and link() see it.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/config/values.h"

namespace carpool::config {

// A name of something that stands elsewhere.
struct Reference {
  std::string name;
  Origin at;
};

struct BindDraft {
  AddressText address;
  bool says_udp = false;  // "udp@192.0.2.10:53"
  Origin at;
};

struct AgentDraft {
  bool wanted = false;
  AgentCheck check;  // port and interval 0 where they are not written
  Origin at;
};

struct ServerDraft {
  Server server;
  AgentDraft agent;
  std::optional<Duration> fastinter;  // unset: as inter
  std::optional<Duration> downinter;
  std::optional<bool> verify;  // unset: as `ssl-server-verify` says
  Origin ca_file_at;
  Origin address_at;
};

struct StatsSettings {
  bool enabled = false;
  StatsPage page;  // without name and binds
};

// The rules of `http-check` or `tcp-check` as written.
struct RuleChainDraft {
  std::vector<CheckRule> rules;
  unsigned steps = 0;   // lines, comments included
  std::string comment;  // of the last comment line, as long as it holds
  bool comment_is_new = false;
  bool inherited = false;  // all of it, from `defaults`
};

// The lines of `external-check` beside the option that chooses it.
struct ExternalDraft {
  ExternalCheck check;
  bool inherited = false;  // all of it, from `defaults`
};

enum class Mode : std::uint8_t { Tcp, Http, Udp };

// What a `defaults` section can set and others inherit.
struct ProxySettings {
  Mode mode = Mode::Tcp;
  Origin mode_at;
  bool disabled = false;
  std::uint32_t maxconn = 0;
  std::optional<bool> mirror;  // unset: as is usual for the protocol
  std::uint8_t replies = 0;    // of UDP
  Origin replies_at;
  Timeouts timeouts;
  Reference default_backend;
  Balance balance = Balance::RoundRobin;
  unsigned random_draws = 2;
  Forwarding forwarding = Forwarding::FullNat;
  std::optional<Ipv4Address> source;
  Origin source_at;
  HealthCheck check;              // what the last option chose; its rules are below
  bool tcp_check_wanted = false;  // `option tcp-check`: a TcpCheck has the rules
  HttpSendRule http_request;      // of `option httpchk`
  RuleChainDraft http_rules;
  RuleChainDraft tcp_rules;
  ExternalDraft external;
  Origin external_at;  // of `option external-check`
  bool disable_on_404 = false;
  bool send_state = false;
  bool all_backups = false;
  bool log_health_checks = false;
  std::optional<OutlierEjection> outliers;
  ServerDraft default_server;
  StatsSettings stats;
};

enum class ProxyKind : std::uint8_t { Defaults, Frontend, Backend, Listen };

struct ProxyDraft {
  ProxyKind kind = ProxyKind::Listen;
  std::string name;  // may be empty for defaults
  std::optional<std::uint32_t> id;
  std::string description;
  ProxySettings settings;
  std::vector<BindDraft> binds;
  std::vector<ServerDraft> servers;
  Origin origin;

  [[nodiscard]] bool is_frontend() const {
    return kind == ProxyKind::Frontend || kind == ProxyKind::Listen;
  }
  [[nodiscard]] bool is_backend() const {
    return kind == ProxyKind::Backend || kind == ProxyKind::Listen;
  }
};

struct NodeDraft {
  Node node;
  std::optional<std::uint32_t> flows;
};

struct RedundancyDraft {
  RedundancyGroup group;
  std::optional<bool> preempt;            // unset: as is usual for the protocol
  std::map<std::string, Origin> written;  // keywords: some are for one protocol only
};

// Sections stay where they are while others are added, so that the parser can point at one.
struct Draft {
  Global global;
  std::deque<NodeDraft> nodes;
  std::deque<RedundancyDraft> groups;
  std::deque<ProxyDraft> defaults;
  std::deque<ProxyDraft> proxies;
};

}  // namespace carpool::config
