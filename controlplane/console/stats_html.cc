#include "controlplane/console/stats_html.h"

#include <array>
#include <chrono>

#include <fmt/format.h>

#include "controlplane/console/stats_page.h"
#include "controlplane/console/version.h"

namespace carpool::console {
namespace {

constexpr std::string_view kStyle = R"(
body { font: 13px/1.4 system-ui, sans-serif; margin: 1em; color: #111; background: #fff; }
h1 { font-size: 1.3em; margin: 0 0 .2em; }
h2 { font-size: 1.05em; margin: 1.2em 0 .2em; }
table { border-collapse: collapse; width: 100%; font-size: 12px; }
th, td { border: 1px solid #999; padding: 2px 5px; text-align: right; white-space: nowrap; }
th { background: #20d0d0; text-align: center; }
td.name, td.state { text-align: left; }
.frontend, .backend { background: #e8e8d0; }
.active_up { background: #c0ffc0; } .backup_up { background: #b0d0ff; }
.active_going_down { background: #ffffa0; } .backup_going_down { background: #e0b0ff; }
.active_going_up { background: #ffd020; } .backup_going_up { background: #ff80ff; }
.active_down, .backup_down { background: #ff9090; }
.active_draining, .active_nolb { background: #60b8ff; }
.backup_draining, .backup_nolb { background: #cc9900; }
.active_no_check, .backup_no_check { background: #e0e0e0; }
.maintain { background: #d09040; }
.message { padding: .4em; margin: .6em 0; border: 1px solid #999; }
.scroll { overflow-x: auto; }
@media (prefers-color-scheme: dark) {
  body { color: #e8e6e3; background: #16181a; } a { color: #6ab0ff; }
  th { background: #136; color: #fff; }
  tr.frontend, tr.backend { background: #2f3437; }
  tbody tr:not(.frontend):not(.backend), .message { color: #111; }
}
)";

struct Column {
  std::string_view title;
  Field field;
};
constexpr Column kColumns[] = {
    {"Queue", Field::qcur},     {"Rate", Field::rate},         {"Max", Field::rate_max},
    {"Sessions", Field::scur},  {"Max", Field::smax},          {"Limit", Field::slim},
    {"Total", Field::stot},     {"Last", Field::lastsess},     {"Bytes in", Field::bin},
    {"Bytes out", Field::bout}, {"Conn. errors", Field::econ}, {"Resets", Field::srv_abrt},
    {"Retries", Field::wretr},
};
constexpr Column kServerColumns[] = {
    {"Weight", Field::weight}, {"Act", Field::act},     {"Bck", Field::bck},
    {"Chk", Field::chkfail},   {"Dwn", Field::chkdown}, {"Downtime", Field::downtime},
};

// "1h3m": the two largest units.
std::string span_text(std::string_view seconds_text) {
  long seconds = 0;
  for (const char digit : seconds_text) {
    if (digit < '0' || digit > '9') return "";
    seconds = seconds * 10 + (digit - '0');
  }
  if (seconds_text.empty()) return "";
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m{}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h{}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d{}h", seconds / 86400, seconds / 3600 % 24);
}

bool is_span(Field field) {
  return field == Field::lastsess || field == Field::downtime || field == Field::lastchg;
}

std::string cell(const StatLine& line, Field field) {
  const std::string_view value = line.text(field);
  return fmt::format("<td>{}</td>", is_span(field) ? span_text(value) : html_text(value));
}

std::string class_of(const StatLine& line) {
  if (line.kind() == StatKind::Frontend) return "frontend";
  if (line.kind() == StatKind::Backend) return "backend";
  const std::string_view status = line.text(Field::status);
  const std::string kind = line.text(Field::bck) == "1" ? "backup" : "active";
  const bool counting = status.find('/') != status.npos;
  if (status.starts_with("MAINT")) return "maintain";
  if (status.starts_with("DRAIN")) return kind + "_draining";
  if (status.starts_with("NOLB")) return kind + "_nolb";
  if (status.starts_with("no check")) return kind + "_no_check";
  if (status.starts_with("DOWN")) return kind + (counting ? "_going_up" : "_down");
  return kind + (counting ? "_going_down" : "_up");
}

std::string check_text(const StatLine& line) {
  const std::string_view status = line.text(Field::check_status);
  if (status.empty()) return "";
  std::string text = std::string(status);
  if (!line.text(Field::check_code).empty())
    text += fmt::format("/{}", line.text(Field::check_code));
  if (!line.text(Field::check_duration).empty()) {
    text += fmt::format(" in {}ms", line.text(Field::check_duration));
  }
  return text;
}

std::string row(const HtmlPage& page, const StatLine& line) {
  const std::string name = html_text(line.text(Field::svname));
  std::string text = fmt::format("<tr class=\"{}\">", class_of(line));
  if (page.admin) {
    text += line.kind() == StatKind::Server
                ? fmt::format(
                      "<td><input type=\"checkbox\" name=\"s\" value=\"{}\" "
                      "aria-label=\"{}\"></td>",
                      name, name)
                : "<td></td>";
  }
  text += fmt::format("<td class=\"name\">{}</td>", name);
  for (const Column& column : kColumns)
    text += cell(line, column.field);
  const std::string since = span_text(line.text(Field::lastchg));
  text += fmt::format("<td class=\"state\">{} {}</td>", since, html_text(line.text(Field::status)));
  text += fmt::format(
      "<td class=\"state\" title=\"{}\">{}</td>",
      html_text(fmt::format("{}: {}", line.text(Field::check_desc), line.text(Field::last_chk))),
      html_text(check_text(line)));
  for (const Column& column : kServerColumns)
    text += cell(line, column.field);
  return text + "</tr>\n";
}

std::string table_head(const HtmlPage& page) {
  std::string text = "<div class=\"scroll\"><table><thead><tr>";
  if (page.admin) text += "<th></th>";
  text += "<th>Name</th>";
  for (const Column& column : kColumns)
    text += fmt::format("<th>{}</th>", column.title);
  text += "<th>Status</th><th>Last check</th>";
  for (const Column& column : kServerColumns)
    text += fmt::format("<th>{}</th>", column.title);
  return text + "</tr></thead><tbody>\n";
}

std::string actions(std::uint32_t proxy) {
  std::string text =
      "<label>Action on the checked servers: <select name=\"action\">"
      "<option value=\"\"></option>";
  for (const PageAction& action : page_actions())
    text += fmt::format("<option value=\"{}\">{}</option>", action.value, action.text);
  return text + fmt::format(
                    "</select></label> <input type=\"hidden\" name=\"b\" value=\"#{}\">"
                    "<input type=\"submit\" value=\"Apply\">",
                    proxy);
}

std::string outcome_text(const HtmlPage& page) {
  struct Outcome {
    std::string_view code, style, text;
  };
  constexpr Outcome kOutcomes[] = {
      {"DONE", "active_up", "Action processed successfully."},
      {"NONE", "active_going_down", "Nothing has changed."},
      {"PART", "active_going_down", "Action partially processed: some servers were not found."},
      {"ERRP", "active_down", "Action not processed: it names nothing that is known."},
      {"DENY", "active_down", "Action denied."},
  };
  for (const Outcome& outcome : kOutcomes) {
    if (outcome.code != page.outcome) continue;
    return fmt::format("<p class=\"message {}\"><a href=\"{}\">[X]</a> {}</p>\n", outcome.style,
                       html_text(page.uri), outcome.text);
  }
  return "";
}

std::string head(const HtmlPage& page) {
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(page.info.uptime).count();
  const std::string uri = html_text(page.uri);
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\">"
      "<title>Statistics Report for {0}</title><style>{1}</style></head>\n<body>\n"
      "<h1>carpool {2}: statistics of {0}</h1>\n"
      "<p>pid = {3}, workers = {4}, uptime = {5}, current connections = {6}, "
      "connection rate = {7}/s, idle = {8} %<br>\n"
      "<a href=\"{9}\">Refresh now</a> · <a href=\"{9};norefresh\">Disable refresh</a> · "
      "<a href=\"{9};up\">Hide 'DOWN' servers</a> · <a href=\"{9};csv;norefresh\">CSV export</a> · "
      "<a href=\"{9};json;norefresh\">JSON export</a></p>\n",
      html_text(page.info.node), kStyle, kVersion, page.info.pid, page.info.workers,
      span_text(std::to_string(uptime)), page.info.connections, page.info.rate,
      page.info.idle_percent, uri);
}

}  // namespace

const std::vector<PageAction>& page_actions() {
  static const std::vector<PageAction> kActions = {
      {"ready", "Set state to READY"},     {"drain", "Set state to DRAIN"},
      {"maint", "Set state to MAINT"},     {"dhlth", "Health: disable checks"},
      {"ehlth", "Health: enable checks"},  {"hrunn", "Health: force UP"},
      {"hnolb", "Health: force NOLB"},     {"hdown", "Health: force DOWN"},
      {"dagent", "Agent: disable checks"}, {"eagent", "Agent: enable checks"},
      {"arunn", "Agent: force UP"},        {"adown", "Agent: force DOWN"}};
  return kActions;
}

std::string stats_html(const HtmlPage& page, const std::vector<StatLine>& lines) {
  std::string text = head(page) + outcome_text(page);
  for (std::size_t at = 0; at < lines.size();) {
    const std::uint32_t proxy = lines[at].proxy_id();
    bool has_servers = false;
    const std::string name = html_text(lines[at].text(Field::pxname));
    text += fmt::format("<h2 id=\"{0}\">{0}</h2>\n", name);
    if (page.admin)
      text += fmt::format("<form method=\"post\" action=\"{}\">", html_text(page.uri));
    text += table_head(page);
    for (; at < lines.size() && lines[at].proxy_id() == proxy; ++at) {
      text += row(page, lines[at]);
      has_servers = has_servers || lines[at].kind() == StatKind::Server;
    }
    text += "</tbody></table></div>\n";
    if (page.admin && has_servers) text += actions(proxy);
    if (page.admin) text += "</form>\n";
  }
  return text + "</body></html>\n";
}

}  // namespace carpool::console
