#include "controlplane/health/mysql_expect.h"

#include <charconv>
#include <map>

#include <fmt/format.h>

namespace carpool::mysql {
namespace {

// Everybody who is let in may ask for these.
constexpr std::string_view kReadOnly =
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only','super_read_only')";
constexpr std::string_view kGaleraState =
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_local_state','wsrep_local_state_comment',"
    "'wsrep_cluster_status','wsrep_ready')";
constexpr std::string_view kMaintenance =
    "SHOW GLOBAL VARIABLES WHERE Variable_name = 'pxc_maint_mode'";  // Percona's
// These want a privilege: REPLICATION CLIENT, in MariaDB REPLICA MONITOR.
constexpr std::string_view kReplicaStatus = "SHOW REPLICA STATUS";
constexpr std::string_view kSlaveStatus = "SHOW SLAVE STATUS";  // before MySQL 8.0.22, MariaDB 10.5

// ------------------------------------------------------------------------------ names and values

using Variables = std::map<std::string, std::string, std::less<>>;

// SHOW VARIABLES and SHOW STATUS: a name and a value per row.
Variables variables_of(const Answer& answer) {
  Variables variables;
  for (const auto& row : answer.rows) {
    if (row.size() == 2 && row[0] && row[1]) variables.emplace(*row[0], *row[1]);
  }
  return variables;
}

std::string_view find(const Variables& variables, std::string_view name) {
  const auto at = variables.find(name);
  return at == variables.end() ? std::string_view{} : at->second;
}

bool is_on(std::string_view value) {
  return !value.empty() && value != "OFF" && value != "0";
}

// --------------------------------------------------------------------------------------- writable

// MariaDB has no super_read_only. Newer ones have values of read_only that are neither ON nor OFF.
Judgement judge_writable(const Answer& answer) {
  const auto variables = variables_of(answer);
  if (!variables.contains("read_only")) return {false, "the server does not say read_only"};
  for (const auto* name : {"super_read_only", "read_only"}) {
    const auto value = find(variables, name);
    if (is_on(value)) return {false, fmt::format("{} is {}", name, value)};
  }
  return {true, "writable"};
}

// ---------------------------------------------------------------------------------------- replica

// One replication channel: a row of SHOW REPLICA STATUS. MySQL's names are new as of 8.0.22;
// MariaDB keeps the old ones.
class ReplicationChannel {
 public:
  ReplicationChannel(const Answer& answer, const std::vector<Value>& row)
      : answer_(answer), row_(row) {}

  [[nodiscard]] Judgement judge(std::optional<std::uint32_t> max_lag_s) const {
    const auto name = text({"Channel_Name", "Connection_name"});
    const auto prefix = name.empty() ? std::string{} : fmt::format("{}: ", name);
    const auto io = text({"Replica_IO_Running", "Slave_IO_Running"});
    const auto sql = text({"Replica_SQL_Running", "Slave_SQL_Running"});
    if (io != "Yes") return stopped(prefix, "IO", io, text({"Last_IO_Error"}));
    if (sql != "Yes") return stopped(prefix, "SQL", sql, text({"Last_SQL_Error"}));
    const auto lag = number({"Seconds_Behind_Source", "Seconds_Behind_Master"});
    if (!lag) return {false, prefix + "the lag of the replica is not known"};
    if (max_lag_s && *lag > *max_lag_s) {
      return {false, fmt::format("{}{} s behind, {} allowed", prefix, *lag, *max_lag_s)};
    }
    return {true, fmt::format("{}replica {} s behind", prefix, *lag)};
  }

 private:
  static Judgement stopped(std::string_view prefix, std::string_view thread, std::string_view state,
                           std::string_view why) {
    return {false, fmt::format("{}replica's {} thread: {}{}{}", prefix, thread,
                               state.empty() ? "not known" : state, why.empty() ? "" : ", ", why)};
  }

  [[nodiscard]] std::string_view text(std::initializer_list<std::string_view> names) const {
    const auto column = answer_.find_column(names);
    return column && row_[*column] ? std::string_view(*row_[*column]) : std::string_view{};
  }

  [[nodiscard]] std::optional<std::uint64_t> number(
      std::initializer_list<std::string_view> names) const {
    const auto digits = text(names);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) {
      return std::nullopt;
    }
    return value;
  }

  const Answer& answer_;
  const std::vector<Value>& row_;
};

Judgement judge_replica(const Answer& answer, std::optional<std::uint32_t> max_lag_s) {
  if (answer.rows.empty()) return {false, "not a replica"};
  Judgement judgement;
  for (const auto& row : answer.rows) {
    judgement = ReplicationChannel(answer, row).judge(max_lag_s);
    if (!judgement.good) break;
  }
  return judgement;
}

// ----------------------------------------------------------------------------------------- galera

constexpr std::string_view kDonor = "2";
constexpr std::string_view kSynced = "4";

Judgement judge_galera(const Answer& status, const Answer& settings, bool allow_donor) {
  const auto variables = variables_of(status);
  const auto state = find(variables, "wsrep_local_state");
  const auto component = find(variables, "wsrep_cluster_status");
  const auto comment = find(variables, "wsrep_local_state_comment");
  if (state.empty()) return {false, "not a Galera node"};
  if (component != "Primary") {
    return {false,
            fmt::format("cluster status is {}", component.empty() ? "not known" : component)};
  }
  if (state != kSynced && !(allow_donor && state == kDonor)) {
    return {false, fmt::format("Galera state is {}", comment.empty() ? state : comment)};
  }
  if (!is_on(find(variables, "wsrep_ready"))) return {false, "wsrep_ready is OFF"};
  const auto variables_set = variables_of(settings);
  const auto maintenance = find(variables_set, "pxc_maint_mode");
  if (!maintenance.empty() && maintenance != "DISABLED") {
    return {false, fmt::format("pxc_maint_mode is {}", maintenance)};
  }
  return {true, fmt::format("Galera {}", comment.empty() ? state : comment)};
}

struct Ask {
  std::vector<Question> operator()(const Alive&) const { return {}; }
  std::vector<Question> operator()(const Writable&) const { return {{std::string(kReadOnly)}}; }
  std::vector<Question> operator()(const Replica&) const {
    return {{std::string(kReplicaStatus), std::string(kSlaveStatus)}};
  }
  std::vector<Question> operator()(const Galera&) const {
    return {{std::string(kGaleraState)}, {std::string(kMaintenance)}};
  }
};

struct Judge {
  const std::vector<Answer>& answers;

  Judgement operator()(const Alive&) const { return {true, {}}; }
  Judgement operator()(const Writable&) const { return judge_writable(answers.at(0)); }
  Judgement operator()(const Replica& replica) const {
    return judge_replica(answers.at(0), replica.max_lag_s);
  }
  Judgement operator()(const Galera& galera) const {
    return judge_galera(answers.at(0), answers.at(1), galera.allow_donor);
  }
};

}  // namespace

std::vector<Question> questions_for(const Expectation& expectation) {
  return std::visit(Ask{}, expectation);
}

Judgement judge(const Expectation& expectation, const std::vector<Answer>& answers) {
  return std::visit(Judge{answers}, expectation);
}

Judgement judge_query(const Answer& answer) {
  if (answer.columns.empty()) return {true, "query succeeded"};
  if (answer.rows.empty() || answer.rows.front().empty()) return {false, "query found no row"};
  const auto& value = answer.rows.front().front();
  const bool good = value && !value->empty() && *value != "0";
  return {good, fmt::format("query found {}", value ? *value : "NULL")};
}

}  // namespace carpool::mysql
