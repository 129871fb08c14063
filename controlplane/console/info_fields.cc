#include "controlplane/console/info_fields.h"

#include <chrono>
#include <map>

#include <fmt/format.h>

#include "controlplane/console/version.h"

namespace carpool::console {
namespace {

struct InfoField {
  int position;
  std::string_view name;
  std::string_view tags;
  ValueType type;
};

constexpr InfoField kInfoFields[] = {
    {0, "Name", "POS", ValueType::text},
    {1, "Version", "POS", ValueType::text},
    {2, "Release_date", "POS", ValueType::text},
    {3, "Nbthread", "CGS", ValueType::u32},
    {4, "Nbproc", "CGS", ValueType::u32},
    {5, "Process_num", "KGP", ValueType::u32},
    {6, "Pid", "SGP", ValueType::u32},
    {7, "Uptime", "MDP", ValueType::text},
    {8, "Uptime_sec", "MDP", ValueType::u32},
    {9, "Memmax_MB", "CLP", ValueType::u32},
    {10, "PoolAlloc_MB", "MGP", ValueType::u32},
    {11, "PoolUsed_MB", "MGP", ValueType::u32},
    {12, "PoolFailed", "MCP", ValueType::u32},
    {13, "Ulimit-n", "CLP", ValueType::u32},
    {14, "Maxsock", "CLP", ValueType::u32},
    {15, "Maxconn", "CLP", ValueType::u32},
    {16, "Hard_maxconn", "CLP", ValueType::u32},
    {17, "CurrConns", "MGP", ValueType::u32},
    {18, "CumConns", "MCP", ValueType::u32},
    {19, "CumReq", "MCP", ValueType::u32},
    {20, "MaxSslConns", "MMP", ValueType::u32},
    {21, "CurrSslConns", "MGP", ValueType::u32},
    {22, "CumSslConns", "MCP", ValueType::u32},
    {23, "Maxpipes", "CLP", ValueType::u32},
    {24, "PipesUsed", "MGP", ValueType::u32},
    {25, "PipesFree", "MGP", ValueType::u32},
    {26, "ConnRate", "MRP", ValueType::u32},
    {27, "ConnRateLimit", "CLP", ValueType::u32},
    {28, "MaxConnRate", "MMP", ValueType::u32},
    {29, "SessRate", "MRP", ValueType::u32},
    {30, "SessRateLimit", "CLP", ValueType::u32},
    {31, "MaxSessRate", "MRP", ValueType::u32},
    {32, "SslRate", "MRP", ValueType::u32},
    {33, "SslRateLimit", "CLP", ValueType::u32},
    {34, "MaxSslRate", "MMP", ValueType::u32},
    {35, "SslFrontendKeyRate", "MGP", ValueType::u32},
    {36, "SslFrontendMaxKeyRate", "MMP", ValueType::u32},
    {37, "SslFrontendSessionReuse_pct", "MGP", ValueType::u32},
    {38, "SslBackendKeyRate", "MRP", ValueType::u32},
    {39, "SslBackendMaxKeyRate", "MMP", ValueType::u32},
    {40, "SslCacheLookups", "MCP", ValueType::u32},
    {41, "SslCacheMisses", "MCP", ValueType::u32},
    {42, "CompressBpsIn", "MRP", ValueType::u32},
    {43, "CompressBpsOut", "MRP", ValueType::u32},
    {44, "CompressBpsRateLim", "CLP", ValueType::u32},
    {47, "Tasks", "MGP", ValueType::u32},
    {48, "Run_queue", "MGP", ValueType::u32},
    {49, "Idle_pct", "MaP", ValueType::u32},
    {50, "node", "COS", ValueType::text},
    {52, "Stopping", "MGP", ValueType::u32},
    {53, "Jobs", "MGP", ValueType::u32},
    {54, "Unstoppable Jobs", "MGP", ValueType::u32},
    {55, "Listeners", "MGP", ValueType::u32},
    {56, "ActivePeers", "MGP", ValueType::u32},
    {57, "ConnectedPeers", "MGP", ValueType::u32},
    {58, "DroppedLogs", "MGP", ValueType::u32},
    {59, "BusyPolling", "MGP", ValueType::u32},
    {60, "FailedResolutions", "MGP", ValueType::u32},
    {61, "TotalBytesOut", "MGP", ValueType::u64},
    {62, "TotalSplicdedBytesOut", "MGP", ValueType::u64},
    {63, "BytesOutRate", "MRP", ValueType::u64},
    {64, "DebugCommandsIssued", "MGP", ValueType::u32},
    {65, "CumRecvLogs", "MCP", ValueType::u32},
    {66, "Build info", "POS", ValueType::text},
    {67, "Memmax_bytes", "CLP", ValueType::u32},
    {68, "PoolAlloc_bytes", "MGP", ValueType::u64},
    {69, "PoolUsed_bytes", "MGP", ValueType::u64},
    {70, "Start_time_sec", "MDP", ValueType::u32},
    {71, "Tainted", "SGP", ValueType::text},
};

std::string uptime_text(std::chrono::seconds uptime) {
  const auto seconds = uptime.count();
  return fmt::format("{}d {}h{:02}m{:02}s", seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60,
                     seconds % 60);
}

// What is not in here is zero: pools, pipes, TLS and compression, which this program has not.
std::map<std::string_view, std::string> values_of(const InfoSources& from) {
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(from.uptime);
  const auto number = [](auto value) { return std::to_string(value); };
  return {{"Name", "carpool"},
          {"Version", std::string(kVersion)},
          {"Release_date", std::string(kReleaseDate)},
          {"Build info", std::string(kVersion)},
          {"Nbthread", number(from.workers)},
          {"Nbproc", "1"},
          {"Process_num", "1"},
          {"Pid", number(from.pid)},
          {"Uptime", uptime_text(uptime)},
          {"Uptime_sec", number(uptime.count())},
          {"Start_time_sec", number(from.wall_start)},
          {"Ulimit-n", number(from.descriptors)},
          {"Maxsock", number(from.descriptors)},
          {"Maxconn", number(from.max_connections)},
          {"Hard_maxconn", number(from.max_connections)},
          {"CurrConns", number(from.connections)},
          {"CumConns", number(from.connections_total)},
          {"CumReq", number(from.connections_total)},
          {"ConnRate", number(from.rate)},
          {"MaxConnRate", number(from.rate_max)},
          {"SessRate", number(from.rate)},
          {"MaxSessRate", number(from.rate_max)},
          {"Tasks", number(from.checked_servers)},
          {"Idle_pct", number(from.idle_percent)},
          {"node", from.node},
          {"Jobs", number(from.connections + from.listeners)},
          {"Listeners", number(from.listeners)},
          {"TotalBytesOut", number(from.bytes_out)}};
}

}  // namespace

std::string info_text(const InfoSources& from, StatFormat format) {
  const auto values = values_of(from);
  std::string text = format == StatFormat::Json ? "[" : "";
  for (const InfoField& field : kInfoFields) {
    const auto found = values.find(field.name);
    const std::string value = found == values.end() ? "0" : found->second;
    switch (format) {
      case StatFormat::Csv:
        text += fmt::format("{}: {}\n", field.name, value);
        break;
      case StatFormat::Typed:
        text += fmt::format("{}.{}.1:{}:{}:{}\n", field.position, field.name, field.tags,
                            type_name(field.type), value);
        break;
      case StatFormat::Json:
        text += fmt::format(R"({}{{"field":{{"pos":{},"name":"{}"}},"processNum":1,{}}})",
                            text.size() > 1 ? "," : "", field.position, field.name,
                            json_value(field.tags, field.type, value));
        break;
    }
  }
  if (format == StatFormat::Json) text += "]\n";
  return text;
}

}  // namespace carpool::console
