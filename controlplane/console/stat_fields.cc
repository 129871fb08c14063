#include "controlplane/console/stat_fields.h"

#include <fmt/format.h>

namespace carpool::console {
namespace {

constexpr std::array<FieldInfo, kFields> kInfo = {{
    {"pxname", "KNS", ValueType::text},
    {"svname", "KNS", ValueType::text},
    {"qcur", "MGP", ValueType::u32},
    {"qmax", "MMP", ValueType::u32},
    {"scur", "MGP", ValueType::u32},
    {"smax", "MMP", ValueType::u32},
    {"slim", "CLP", ValueType::u32},
    {"stot", "MCP", ValueType::u64},
    {"bin", "MCP", ValueType::u64},
    {"bout", "MCP", ValueType::u64},
    {"dreq", "MCP", ValueType::u64},
    {"dresp", "MCP", ValueType::u64},
    {"ereq", "MCP", ValueType::u64},
    {"econ", "MCP", ValueType::u64},
    {"eresp", "MCP", ValueType::u64},
    {"wretr", "MCP", ValueType::u64},
    {"wredis", "MCP", ValueType::u64},
    {"status", "SGP", ValueType::text},
    {"weight", "MaP", ValueType::u32},
    {"act", "SGP", ValueType::u32},
    {"bck", "SGP", ValueType::u32},
    {"chkfail", "MCP", ValueType::u64},
    {"chkdown", "MCP", ValueType::u64},
    {"lastchg", "MAP", ValueType::u32},
    {"downtime", "MCP", ValueType::u32},
    {"qlimit", "CLS", ValueType::u32},
    {"pid", "KGP", ValueType::u32},
    {"iid", "KGS", ValueType::u32},
    {"sid", "KGS", ValueType::u32},
    {"throttle", "MaP", ValueType::u32},
    {"lbtot", "MCP", ValueType::u64},
    {"tracked", "CNF", ValueType::text},
    {"type", "CGS", ValueType::u32},
    {"rate", "MRP", ValueType::u32},
    {"rate_lim", "CLP", ValueType::u32},
    {"rate_max", "MMP", ValueType::u32},
    {"check_status", "MOP", ValueType::text},
    {"check_code", "MOP", ValueType::u32},
    {"check_duration", "MDP", ValueType::u64},
    {"hrsp_1xx", "MCP", ValueType::u64},
    {"hrsp_2xx", "MCP", ValueType::u64},
    {"hrsp_3xx", "MCP", ValueType::u64},
    {"hrsp_4xx", "MCP", ValueType::u64},
    {"hrsp_5xx", "MCP", ValueType::u64},
    {"hrsp_other", "MCP", ValueType::u64},
    {"hanafail", "MCP", ValueType::u64},
    {"req_rate", "MRP", ValueType::u32},
    {"req_rate_max", "MMP", ValueType::u32},
    {"req_tot", "MCP", ValueType::u64},
    {"cli_abrt", "MCP", ValueType::u64},
    {"srv_abrt", "MCP", ValueType::u64},
    {"comp_in", "MCP", ValueType::u64},
    {"comp_out", "MCP", ValueType::u64},
    {"comp_byp", "MCP", ValueType::u64},
    {"comp_rsp", "MCP", ValueType::u64},
    {"lastsess", "MAP", ValueType::s32},
    {"last_chk", "MOP", ValueType::text},
    {"last_agt", "MOP", ValueType::text},
    {"qtime", "MaP", ValueType::u32},
    {"ctime", "MaP", ValueType::u32},
    {"rtime", "MaP", ValueType::u32},
    {"ttime", "MaP", ValueType::u32},
    {"agent_status", "MOP", ValueType::text},
    {"agent_code", "MOP", ValueType::u32},
    {"agent_duration", "MDP", ValueType::u64},
    {"check_desc", "MOP", ValueType::text},
    {"agent_desc", "MOP", ValueType::text},
    {"check_rise", "CGS", ValueType::u32},
    {"check_fall", "CGS", ValueType::u32},
    {"check_health", "CGS", ValueType::u32},
    {"agent_rise", "CGS", ValueType::u32},
    {"agent_fall", "CGS", ValueType::u32},
    {"agent_health", "CGS", ValueType::u32},
    {"addr", "CGS", ValueType::text},
    {"cookie", "CNS", ValueType::text},
    {"mode", "CGS", ValueType::text},
    {"algo", "CGS", ValueType::text},
    {"conn_rate", "MRP", ValueType::u32},
    {"conn_rate_max", "MMP", ValueType::u32},
    {"conn_tot", "MCP", ValueType::u64},
    {"intercepted", "MCP", ValueType::u64},
    {"dcon", "MCP", ValueType::u64},
    {"dses", "MCP", ValueType::u64},
    {"wrew", "MCP", ValueType::u64},
    {"connect", "MCP", ValueType::u64},
    {"reuse", "MCP", ValueType::u64},
    {"cache_lookups", "MCP", ValueType::u64},
    {"cache_hits", "MCP", ValueType::u64},
    {"srv_icur", "MGP", ValueType::u32},
    {"src_ilim", "CLP", ValueType::u32},
    {"qtime_max", "MMP", ValueType::u32},
    {"ctime_max", "MMP", ValueType::u32},
    {"rtime_max", "MMP", ValueType::u32},
    {"ttime_max", "MMP", ValueType::u32},
    {"eint", "MCP", ValueType::u64},
    {"idle_conn_cur", "MGP", ValueType::u32},
    {"safe_conn_cur", "MGP", ValueType::u32},
    {"used_conn_cur", "MGP", ValueType::u32},
    {"need_conn_est", "MGP", ValueType::u32},
    {"uweight", "MaP", ValueType::u32},
    {"agg_server_status", "MGP", ValueType::u32},
    {"agg_server_check_status", "MGP", ValueType::u32},
    {"agg_check_status", "MGP", ValueType::u32},
    {"ssl_sess", "MCP", ValueType::u64},
    {"ssl_reused_sess", "MCP", ValueType::u64},
    {"ssl_failed_handshake", "MCP", ValueType::u64},
    {"h2_headers_rcvd", "MCP", ValueType::u64},
    {"h2_data_rcvd", "MCP", ValueType::u64},
    {"h2_settings_rcvd", "MCP", ValueType::u64},
    {"h2_rst_stream_rcvd", "MCP", ValueType::u64},
    {"h2_goaway_rcvd", "MCP", ValueType::u64},
    {"h2_detected_conn_protocol_errors", "MCP", ValueType::u64},
    {"h2_detected_strm_protocol_errors", "MCP", ValueType::u64},
    {"h2_rst_stream_resp", "MCP", ValueType::u64},
    {"h2_goaway_resp", "MCP", ValueType::u64},
    {"h2_open_connections", "MGP", ValueType::u64},
    {"h2_backend_open_streams", "MGP", ValueType::u64},
    {"h2_total_connections", "MCP", ValueType::u64},
    {"h2_backend_total_streams", "MCP", ValueType::u64},
    {"h1_open_connections", "MGP", ValueType::u64},
    {"h1_open_streams", "MGP", ValueType::u64},
    {"h1_total_connections", "MCP", ValueType::u64},
    {"h1_total_streams", "MCP", ValueType::u64},
    {"h1_bytes_in", "MCP", ValueType::u64},
    {"h1_bytes_out", "MCP", ValueType::u64},
    {"h1_spliced_bytes_in", "MCP", ValueType::u64},
    {"h1_spliced_bytes_out", "MCP", ValueType::u64},
}};
static_assert(kInfo[static_cast<std::size_t>(Field::h1_spliced_bytes_out)].name ==
              "h1_spliced_bytes_out");

// What HAProxy's modules (TLS, HTTP/2, HTTP/1) count comes after its own columns, and a column
// without content between them.
constexpr Field kFirstOfModules = Field::ssl_sess;

struct Letter {
  char letter;
  std::string_view word;
};
constexpr Letter kOrigins[] = {
    {'M', "Metric"}, {'S', "Status"}, {'K', "Key"}, {'C', "Config"}, {'P', "Product"}};
constexpr Letter kNatures[] = {{'G', "Gauge"},   {'L', "Limit"},    {'M', "Max"}, {'R', "Rate"},
                               {'C', "Counter"}, {'D', "Duration"}, {'A', "Age"}, {'T', "Time"},
                               {'N', "Name"},    {'O', "Output"},   {'a', "Avg"}};
constexpr Letter kScopes[] = {{'C', "Cluster"}, {'P', "Process"}, {'S', "Service"}};

template <std::size_t kCount>
std::string_view word_of(const Letter (&letters)[kCount], char letter) {
  for (const Letter& known : letters) {
    if (known.letter == letter) return known.word;
  }
  return "Unknown";
}

// Of a backend some columns sum up those of its servers, and HAProxy tags them so.
std::string_view tags_of(Field field, StatKind kind) {
  if (kind == StatKind::Backend && (field == Field::act || field == Field::bck ||
                                    field == Field::rate || field == Field::rate_max)) {
    return "MGP";
  }
  return field_info(field).tags;
}

char letter_of(StatKind kind) {
  constexpr char kLetters[] = {'F', 'B', 'S'};
  return kLetters[static_cast<std::size_t>(kind)];
}

std::string_view word_of(StatKind kind) {
  constexpr std::string_view kWords[] = {"Frontend", "Backend", "Server"};
  return kWords[static_cast<std::size_t>(kind)];
}

std::string json_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      quoted += fmt::format("\\u{:04x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace

const FieldInfo& field_info(Field field) {
  return kInfo[static_cast<std::size_t>(field)];
}

std::string_view type_name(ValueType type) {
  constexpr std::string_view kNames[] = {"str", "u32", "u64", "s32"};
  return kNames[static_cast<std::size_t>(type)];
}

std::string csv_text(std::string_view text) {
  if (text.find_first_of("\",\r\n") == text.npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string json_value(std::string_view tags, ValueType type, std::string_view value) {
  return fmt::format(
      R"("tags":{{"origin":"{}","nature":"{}","scope":"{}"}},"value":{{"type":"{}","value":{}}})",
      word_of(kOrigins, tags[0]), word_of(kNatures, tags[1]), word_of(kScopes, tags[2]),
      type_name(type), type == ValueType::text ? json_text(value) : std::string(value));
}

StatWriter::StatWriter(StatFormat format) : format_(format) {
  if (format_ == StatFormat::Json) text_ = "[";
  if (format_ != StatFormat::Csv) return;
  text_ = "# ";
  for (std::size_t at = 0; at < kFields; ++at) {
    if (static_cast<Field>(at) == kFirstOfModules) text_ += "-,";
    text_ += kInfo[at].name;
    text_ += ',';
  }
  text_ += '\n';
}

void StatWriter::add(const StatLine& line) {
  switch (format_) {
    case StatFormat::Csv:
      add_csv(line);
      break;
    case StatFormat::Typed:
      add_typed(line);
      break;
    case StatFormat::Json:
      add_json(line);
      break;
  }
  first_ = false;
}

void StatWriter::add_csv(const StatLine& line) {
  for (std::size_t at = 0; at < kFields; ++at) {
    const auto field = static_cast<Field>(at);
    if (field == kFirstOfModules) text_ += "-,";
    if (line.get(field)) text_ += csv_text(*line.get(field));
    text_ += ',';
  }
  text_ += '\n';
}

void StatWriter::add_typed(const StatLine& line) {
  for (std::size_t at = 0; at < kFields; ++at) {
    const auto field = static_cast<Field>(at);
    if (!line.get(field)) continue;
    text_ += fmt::format("{}.{}.{}.{}.{}.1:{}:{}:{}\n", letter_of(line.kind()), line.proxy_id(),
                         line.server_id(), at, kInfo[at].name, tags_of(field, line.kind()),
                         type_name(kInfo[at].type), *line.get(field));
  }
}

void StatWriter::add_json(const StatLine& line) {
  text_ += first_ ? "[" : ",[";
  bool first_field = true;
  for (std::size_t at = 0; at < kFields; ++at) {
    const auto field = static_cast<Field>(at);
    if (!line.get(field)) continue;
    text_ += fmt::format(
        R"({}{{"objType":"{}","proxyId":{},"id":{},"field":{{"pos":{},"name":"{}"}},"processNum":1,{}}})",
        first_field ? "" : ",", word_of(line.kind()), line.proxy_id(), line.server_id(), at,
        kInfo[at].name, json_value(tags_of(field, line.kind()), kInfo[at].type, *line.get(field)));
    first_field = false;
  }
  text_ += ']';
}

std::string StatWriter::finish() && {
  if (format_ == StatFormat::Json) text_ += "]\n";
  return std::move(text_);
}

}  // namespace carpool::console
