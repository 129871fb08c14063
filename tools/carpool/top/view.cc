#include "tools/carpool/top/view.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <string_view>

#include <fmt/format.h>

namespace carpool::tool::top {
namespace {

constexpr std::size_t kMaxGroups = 4;
constexpr std::size_t kMaxProblems = 3;
constexpr std::size_t kMaxFilter = 40;

// ---- Words -------------------------------------------------------------------------------------

// "980", "1.2k", "17M": what fits a narrow column.
std::string short_number(double value) {
  constexpr std::array<std::string_view, 5> kUnits = {"", "k", "M", "G", "T"};
  std::size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit)
    value /= 1000;
  return fmt::format("{:.{}f}{}", value, unit > 0 && value < 9.95 ? 1 : 0, kUnits[unit]);
}
std::string rate_text(std::optional<double> rate) {
  if (!rate) return "-";
  if (*rate > 0 && *rate < 9.95) return fmt::format("{:.1f}", *rate);
  return short_number(*rate);
}
std::string count(std::uint64_t number) {
  return short_number(static_cast<double>(number));
}

// UTF-8 stays whole: a server's own words may be anything.
std::string cut(std::string text, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (begins && seen++ == columns) {
      text.resize(at);
      break;
    }
  }
  for (char& letter : text) {
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f) letter = ' ';
  }
  return text;
}

std::string left(std::string_view text, std::size_t width) {
  return fmt::format("{:<{}}", cut(std::string(text), width), width);
}
std::string right(std::string_view text, std::size_t width) {
  return fmt::format("{:>{}}", cut(std::string(text), width), width);
}

// ---- Above the table ---------------------------------------------------------------------------

Line first_line(const View& view, const Model& model) {
  Line line;
  const auto say = [&](std::string text, Tone tone = Tone::plain) {
    line.spans.push_back({std::move(text), tone});
  };
  say(model.node, Tone::heading);
  say(fmt::format("  {}  ", model.time));
  say("data plane " + (model.data_plane.empty() ? "?" : model.data_plane),
      model.forwards ? Tone::good : Tone::bad);
  say("  ");
  const Tone servers = model.servers_up == model.servers ? Tone::good
                       : model.servers_up == 0           ? Tone::bad
                                                         : Tone::doubtful;
  say(fmt::format("{}/{} servers up", model.servers_up, model.servers), servers);
  if (!model.mirror.empty()) {
    say("  mirror ");
    say(model.mirror, model.mirror_tone);
  }
  if (view.is_paused) say("  paused", Tone::doubtful);
  return line;
}

Line traffic_line(const Model& model) {
  std::string text =
      fmt::format("{} pkt/s  {}bit/s  {} conn/s  {} drops/s  flows {}/{}  half-open {}",
                  rate_text(model.packets_per_s),
                  model.bytes_per_s ? short_number(*model.bytes_per_s * 8) : std::string("- "),
                  rate_text(model.connections_per_s), rate_text(model.drops_per_s),
                  count(model.flows_live), count(model.flows_capacity), count(model.half_open));
  if (!model.workers_busy.empty()) text += "  busy";
  for (const double busy : model.workers_busy)
    text += fmt::format(" {:.0f}%", busy);
  return {{{std::move(text)}}};
}

Line group_text(const GroupLine& group) {
  Line line{{{group.name + " ", Tone::heading},
             {group.state, group.tone},
             {fmt::format(" for {}: {}", duration_text(group.since_s), group.cause)}}};
  if (!group.demotion.empty()) {
    line.spans.push_back({"  demoted: " + group.demotion, Tone::doubtful});
  }
  return line;
}

std::vector<Line> head(const View& view, const Model& model) {
  std::vector<Line> lines{first_line(view, model)};
  for (std::size_t i = 0; i < std::min(model.groups.size(), kMaxGroups); ++i)
    lines.push_back(group_text(model.groups[i]));
  if (model.groups.size() > kMaxGroups) {
    lines.push_back({{{fmt::format("and {} more groups", model.groups.size() - kMaxGroups)}}});
  }
  lines.push_back(traffic_line(model));
  for (std::size_t i = 0; i < std::min(model.problems.size(), kMaxProblems); ++i)
    lines.push_back({{{"! " + model.problems[i], Tone::bad}}});
  if (model.problems.size() > kMaxProblems) {
    lines.push_back(
        {{{fmt::format("! and {} more: see 'carpool status'", model.problems.size() - kMaxProblems),
           Tone::bad}}});
  }
  return lines;
}

// ---- The table ---------------------------------------------------------------------------------

struct Column {
  std::string_view title;
  std::size_t width;
  std::function<std::string(const Row&)> text;
};

constexpr std::size_t kStateWidth = 11;

std::vector<Column> columns_of(Page page) {
  const Column active{"cur", 7, [](const Row& row) { return count(row.active); }};
  const Column rate{"conn/s", 7, [](const Row& row) { return rate_text(row.connections_per_s); }};
  const Column in{"in B/s", 7, [](const Row& row) { return rate_text(row.bytes_in_per_s); }};
  const Column out{"out B/s", 7, [](const Row& row) { return rate_text(row.bytes_out_per_s); }};
  switch (page) {
    case Page::traffic:
      return {active,
              {"total", 7, [](const Row& row) { return count(row.total); }},
              rate,
              in,
              out,
              {"failed", 7, [](const Row& row) { return count(row.failed); }},
              {"fail/s", 7, [](const Row& row) { return rate_text(row.failed_per_s); }}};
    case Page::checks:
      return {{"check", 7, [](const Row& row) { return row.check; }},
              {"ms", 6, [](const Row& row) {
                 return row.check.empty() ? std::string() : fmt::format("{:.1f}", row.check_ms);
               }}};
    default:
      return {{"for", 7,
               [](const Row& row) {
                 return row.is_service ? std::string() : duration_text(row.since_s);
               }},
              {"wgt", 4,
               [](const Row& row) { return row.is_service ? std::string() : count(row.weight); }},
              active,
              rate,
              in,
              out};
  }
}

// What the last column says takes what is left of the line.
std::string last_column(Page page, const Row& row) {
  return page == Page::checks ? (row.is_service ? row.address : row.check_text) : "";
}

std::size_t name_width(const std::vector<Column>& columns, Page page, Size size) {
  constexpr std::size_t kLeast = 12;
  constexpr std::size_t kMost = 40;
  const std::size_t text = page == Page::checks ? 28 : 0;
  const std::size_t taken =
      std::accumulate(columns.begin(), columns.end(), kStateWidth + 1 + text,
                      [](std::size_t sum, const Column& column) { return sum + column.width + 1; });
  return std::clamp(size.columns > taken ? size.columns - taken : 0, kLeast, kMost);
}

Line table_title(Page page, Size size) {
  const auto columns = columns_of(page);
  std::string text =
      left("service, servers", name_width(columns, page, size)) + " " + left("state", kStateWidth);
  for (const Column& column : columns)
    text += " " + right(column.title, column.width);
  if (page == Page::checks) text += " said";
  return {{{left(text, size.columns), Tone::heading}}};
}

Line table_row(const Row& row, Page page, Size size) {
  const auto columns = columns_of(page);
  std::string name = row.is_service ? row.name : "  " + row.name;
  if (row.is_backup) name += " (backup)";
  Line line{{{left(name, name_width(columns, page, size)) + " ",
              row.is_service ? Tone::heading : Tone::plain},
             {left(row.state, kStateWidth), row.tone}}};
  std::string rest;
  for (const Column& column : columns)
    rest += " " + right(column.text(row), column.width);
  if (const std::string last = last_column(page, row); !last.empty()) rest += " " + last;
  line.spans.push_back({std::move(rest)});
  return line;
}

bool matches(const Row& row, const std::string& filter) {
  return filter.empty() || row.service.find(filter) != std::string::npos ||
         row.name.find(filter) != std::string::npos ||
         row.address.find(filter) != std::string::npos;
}

// As configured, the servers stand below their services. In any other order there are only servers,
// or what is sought would stand anywhere.
std::vector<const Row*> shown_rows(const View& view, const Model& model) {
  std::vector<const Row*> rows;
  for (const Row& row : model.rows) {
    const bool wanted = view.order == Order::configured || !row.is_service;
    if (wanted && matches(row, view.filter)) rows.push_back(&row);
  }
  const auto by = [&](auto key) { std::ranges::stable_sort(rows, std::ranges::greater(), key); };
  switch (view.order) {
    case Order::configured:
      break;
    case Order::active:
      by([](const Row* row) { return row->active; });
      break;
    case Order::rate:
      by([](const Row* row) { return row->connections_per_s.value_or(0); });
      break;
    case Order::state:
      by([](const Row* row) {
        return row->tone == Tone::bad ? 2 : row->tone == Tone::good ? 0 : 1;
      });
      break;
  }
  return rows;
}

// ---- The other pages ---------------------------------------------------------------------------

std::vector<Line> drop_lines(const Model& model, Size size) {
  std::vector<Line> lines;
  for (const DropLine& drop : model.drops) {
    std::string text = fmt::format("{:>16} {:>9}  {}", count_text(drop.total),
                                   rate_text(drop.per_s), drop.meaning);
    const bool now = drop.per_s.value_or(0) > 0;
    lines.push_back({{{cut(std::move(text), size.columns), now ? Tone::doubtful : Tone::plain}}});
  }
  if (lines.empty()) lines.push_back({{{"no packet was dropped"}}});
  return lines;
}

std::vector<Line> help_lines() {
  std::vector<Line> lines;
  for (const std::string_view text : {
           "1        services and servers: state, weight, connections",
           "2        their traffic and what failed",
           "3        their checks",
           "4        dropped packets by reason",
           "arrows, PgUp, PgDn, Home, End   move",
           "/        only what contains a word; Escape: all again",
           "s        sort: as configured, connections, connections/s, trouble first",
           "p        pause, and go on",
           "q        quit",
           "",
           "Rates are over the last second; '-' is not known yet. cur: connections",
           "now. failed: refused, reset, or not answered by the server.",
       }) {
    lines.push_back({{{std::string(text)}}});
  }
  return lines;
}

std::string_view order_text(Order order) {
  switch (order) {
    case Order::configured:
      return "as configured";
    case Order::active:
      return "connections";
    case Order::rate:
      return "connections/s";
    case Order::state:
      return "trouble first";
  }
  return "";
}

Line last_line(const View& view) {
  if (view.is_filtering) return {{{"show only: " + view.filter + "_", Tone::heading}}};
  if (!view.note.empty()) return {{{view.note, Tone::bad}}};
  std::string text = "1 status 2 traffic 3 checks 4 drops / filter s sort: ";
  text += order_text(view.order);
  text += " h help q quit";
  if (!view.filter.empty()) text = "only '" + view.filter + "' (Escape: all)  " + text;
  return {{{std::move(text)}}};
}

bool is_table(Page page) {
  return page == Page::status || page == Page::traffic || page == Page::checks;
}

std::size_t table_height(const View& view, const Model& model, Size size) {
  const std::size_t around = head(view, model).size() + 2;  // its title, and the last line
  return size.rows > around ? size.rows - around : 1;
}

void fit_width(Line& line, std::size_t columns) {
  std::size_t room = columns;
  for (Span& span : line.spans) {
    span.text = cut(std::move(span.text), room);
    room -= static_cast<std::size_t>(std::ranges::count_if(span.text, [](char letter) {
      return (static_cast<unsigned char>(letter) & 0xc0) != 0x80;
    }));
  }
}

Wish type_filter(View& view, int key) {
  if (key == kKeyEscape) view.filter.clear();
  if (key == kKeyEscape || key == kKeyEnter) {
    view.is_filtering = false;
  } else if (key == kKeyBackspace) {
    if (!view.filter.empty()) view.filter.pop_back();
  } else if (key > ' ' && key < 0x7f && view.filter.size() < kMaxFilter) {
    view.filter += static_cast<char>(key);
  }
  view.selected = view.first = 0;
  return Wish::none;
}

void move_selection(View& view, int key, std::size_t rows, std::size_t page) {
  const std::size_t last = rows == 0 ? 0 : rows - 1;
  const auto back = [&](std::size_t by) { view.selected -= std::min(view.selected, by); };
  switch (key) {
    case kKeyUp:
      return back(1);
    case kKeyPageUp:
      return back(page);
    case kKeyDown:
      view.selected += 1;
      break;
    case kKeyPageDown:
      view.selected += page;
      break;
    case kKeyHome:
      view.selected = 0;
      break;
    case kKeyEnd:
      view.selected = last;
      break;
    default:
      break;
  }
  view.selected = std::min(view.selected, last);
}

}  // namespace

Wish press(View& view, int key, const Model& model, Size size) {
  if (view.is_filtering) return type_filter(view, key);
  const Page before = view.page;
  switch (key) {
    case 'q':
    case 'Q':
      return Wish::quit;
    case '1':
    case '2':
    case '3':
    case '4':
      view.page = static_cast<Page>(key - '1');
      break;
    case 'h':
    case 'H':
    case '?':
      view.page = view.page == Page::help ? Page::status : Page::help;
      break;
    case '/':
      view.is_filtering = true;
      if (!is_table(view.page)) view.page = Page::status;
      break;
    case kKeyEscape:
      if (!is_table(view.page)) view.page = Page::status;
      view.filter.clear();
      break;
    case 's':
      view.order = view.order == Order::state
                       ? Order::configured
                       : static_cast<Order>(static_cast<std::uint8_t>(view.order) + 1);
      view.selected = view.first = 0;
      break;
    case 'p':
      view.is_paused = !view.is_paused;
      return view.is_paused ? Wish::none : Wish::refresh;
    default: {
      const std::size_t rows =
          view.page == Page::drops ? model.drops.size() : shown_rows(view, model).size();
      move_selection(view, key, rows, table_height(view, model, size));
    }
  }
  if (is_table(before) != is_table(view.page)) view.selected = view.first = 0;
  return Wish::none;
}

std::string Line::text() const {
  std::string result;
  for (const Span& span : spans)
    result += span.text;
  return result;
}

std::vector<Line> draw(View& view, const Model& model, Size size) {
  std::vector<Line> lines = head(view, model);
  const std::size_t height = table_height(view, model, size);
  std::vector<Line> body;
  if (is_table(view.page)) {
    lines.push_back(table_title(view.page, size));
    for (const Row* row : shown_rows(view, model))
      body.push_back(table_row(*row, view.page, size));
    if (body.empty()) body.push_back({{{view.filter.empty() ? "no service" : "nothing matches"}}});
  } else if (view.page == Page::drops) {
    lines.push_back(
        {{{fmt::format("{:>16} {:>9}  {}", "dropped", "per s", "why"), Tone::heading}}});
    body = drop_lines(model, size);
  } else {
    lines.push_back({{{"keys", Tone::heading}}});
    body = help_lines();
  }
  view.selected = std::min(view.selected, body.size() - 1);
  view.first = std::min(view.first, view.selected);
  if (view.selected >= view.first + height) view.first = view.selected - height + 1;
  if (view.page != Page::help) body[view.selected].is_selected = true;
  for (std::size_t i = view.first; i < std::min(body.size(), view.first + height); ++i)
    lines.push_back(std::move(body[i]));
  // On a screen that is too small for all of it, the last line stays: it says what to press.
  lines.resize(size.rows > 0 ? size.rows - 1 : 0);
  lines.push_back(last_line(view));
  for (Line& line : lines)
    fit_width(line, size.columns);
  return lines;
}

}  // namespace carpool::tool::top
