// The columns of HAProxy's statistics, as of 2.6, and the forms in which they are written: CSV,
// "typed" and JSON. Tools find columns by name, some by number, so all of them are here. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace carpool::console {

enum class ValueType : std::uint8_t { text, u32, u64, s32 };

// Three letters each: where a value comes from (Key, Metric, Config, Status, Product), what it is
// (Name, Gauge, Max, Counter, ...) and what it is about (Service, Process).
struct FieldInfo {
  std::string_view name;
  std::string_view tags;
  ValueType type;
};

// In the order of the columns.
enum class Field : std::uint8_t {
  pxname,
  svname,
  qcur,
  qmax,
  scur,
  smax,
  slim,
  stot,
  bin,
  bout,
  dreq,
  dresp,
  ereq,
  econ,
  eresp,
  wretr,
  wredis,
  status,
  weight,
  act,
  bck,
  chkfail,
  chkdown,
  lastchg,
  downtime,
  qlimit,
  pid,
  iid,
  sid,
  throttle,
  lbtot,
  tracked,
  type,
  rate,
  rate_lim,
  rate_max,
  check_status,
  check_code,
  check_duration,
  hrsp_1xx,
  hrsp_2xx,
  hrsp_3xx,
  hrsp_4xx,
  hrsp_5xx,
  hrsp_other,
  hanafail,
  req_rate,
  req_rate_max,
  req_tot,
  cli_abrt,
  srv_abrt,
  comp_in,
  comp_out,
  comp_byp,
  comp_rsp,
  lastsess,
  last_chk,
  last_agt,
  qtime,
  ctime,
  rtime,
  ttime,
  agent_status,
  agent_code,
  agent_duration,
  check_desc,
  agent_desc,
  check_rise,
  check_fall,
  check_health,
  agent_rise,
  agent_fall,
  agent_health,
  addr,
  cookie,
  mode,
  algo,
  conn_rate,
  conn_rate_max,
  conn_tot,
  intercepted,
  dcon,
  dses,
  wrew,
  connect,
  reuse,
  cache_lookups,
  cache_hits,
  srv_icur,
  src_ilim,
  qtime_max,
  ctime_max,
  rtime_max,
  ttime_max,
  eint,
  idle_conn_cur,
  safe_conn_cur,
  used_conn_cur,
  need_conn_est,
  uweight,
  agg_server_status,
  agg_server_check_status,
  agg_check_status,
  ssl_sess,
  ssl_reused_sess,
  ssl_failed_handshake,
  h2_headers_rcvd,
  h2_data_rcvd,
  h2_settings_rcvd,
  h2_rst_stream_rcvd,
  h2_goaway_rcvd,
  h2_detected_conn_protocol_errors,
  h2_detected_strm_protocol_errors,
  h2_rst_stream_resp,
  h2_goaway_resp,
  h2_open_connections,
  h2_backend_open_streams,
  h2_total_connections,
  h2_backend_total_streams,
  h1_open_connections,
  h1_open_streams,
  h1_total_connections,
  h1_total_streams,
  h1_bytes_in,
  h1_bytes_out,
  h1_spliced_bytes_in,
  h1_spliced_bytes_out,
};
inline constexpr std::size_t kFields = 127;
[[nodiscard]] const FieldInfo& field_info(Field field);

enum class StatKind : std::uint8_t { Frontend, Backend, Server };  // column "type"

// One line of `show stat`. Fields that are not set do not concern it.
class StatLine {
 public:
  StatLine(StatKind kind, std::uint32_t proxy_id, std::uint32_t server_id)
      : kind_(kind), proxy_id_(proxy_id), server_id_(server_id) {}

  void set(Field field, std::string text) {
    values_[static_cast<std::size_t>(field)] = std::move(text);
  }
  void set(Field field, const char* text) { set(field, std::string(text)); }
  void set(Field field, std::string_view text) { set(field, std::string(text)); }
  template <class Number>
    requires std::is_arithmetic_v<Number>
  void set(Field field, Number number) {
    set(field, std::to_string(number));
  }

  [[nodiscard]] const std::optional<std::string>& get(Field field) const {
    return values_[static_cast<std::size_t>(field)];
  }
  // Empty where it is not set.
  [[nodiscard]] std::string_view text(Field field) const {
    const auto& value = get(field);
    return value ? std::string_view(*value) : std::string_view();
  }
  [[nodiscard]] StatKind kind() const { return kind_; }
  [[nodiscard]] std::uint32_t proxy_id() const { return proxy_id_; }
  [[nodiscard]] std::uint32_t server_id() const { return server_id_; }

 private:
  StatKind kind_;
  std::uint32_t proxy_id_;
  std::uint32_t server_id_;
  std::array<std::optional<std::string>, kFields> values_;
};

enum class StatFormat : std::uint8_t { Csv, Typed, Json };

// Lines one after the other into one text, which begins and ends as the format wants it.
class StatWriter {
 public:
  explicit StatWriter(StatFormat format);
  void add(const StatLine& line);
  [[nodiscard]] std::string finish() &&;

 private:
  void add_csv(const StatLine& line);
  void add_typed(const StatLine& line);
  void add_json(const StatLine& line);

  StatFormat format_;
  std::string text_;
  bool first_ = true;
};

// `"tags":{...},"value":{...}`, as both statistics and `show info` have it in JSON.
[[nodiscard]] std::string json_value(std::string_view tags, ValueType type, std::string_view value);
[[nodiscard]] std::string_view type_name(ValueType type);
// Quoted where CSV needs it.
[[nodiscard]] std::string csv_text(std::string_view text);

}  // namespace carpool::console
