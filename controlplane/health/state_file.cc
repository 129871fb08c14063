#include "controlplane/health/state_file.h"

#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace carpool {
namespace {

constexpr std::string_view kTitle = "carpool-health-1";

// ---- Writing -----------------------------------------------------------------------------------

std::string check_words(const ServerSnapshot& server) {
  if (!server.settings) return "-";
  return fmt::format("{}/{}/{}", server.settings->rise, server.settings->fall,
                     config::to_string(server.target));
}

std::string weight_words(const AdminState& admin) {
  if (!admin.weight) return "-";
  return fmt::format("{}{}", admin.weight->value, admin.weight->percent ? "%" : "");
}

std::string agent_words(const ServerSnapshot& server) {
  return !server.agent ? "-" : server.agent->up ? "up" : "down";
}

std::string line_of(const ServerSnapshot& server) {
  const ServerHealth& health = server.health;
  return fmt::format(
      "{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}\n", server.key.backend,
      server.key.server, check_words(server), health.health, health.up ? "up" : "down",
      health.stopping ? "stopping" : "-", to_ns(health.since), health.checks, health.failures,
      health.downs, health.observed, health.finished_downtime.count(), agent_words(server),
      static_cast<int>(server.admin.mode), static_cast<int>(server.admin.said_by),
      weight_words(server.admin),
      server.admin.maxconn ? std::to_string(*server.admin.maxconn) : "-",
      static_cast<int>(health.last.status), health.last.code, printable(health.last.text));
}

// ---- Reading -----------------------------------------------------------------------------------

// Takes words from a line. After the first one that is not what it should be, everything is zero
// and `good` stays false.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] std::string_view rest() const { return rest_; }

  std::string_view word() {
    const auto end = rest_.find(' ');
    const std::string_view taken = rest_.substr(0, end);
    rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
    if (taken.empty()) good_ = false;
    return taken;
  }
  // All of `text`, or up to where it ends.
  template <class Number>
  Number number(std::string_view text, Number low, Number high) {
    Number value{};
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc() && at == end && value >= low && value <= high) return value;
    good_ = false;
    return low;
  }
  template <class Number>
  Number number(Number low = 0, Number high = std::numeric_limits<Number>::max()) {
    return number(word(), low, high);
  }
  bool one_of(std::string_view yes, std::string_view no) {
    const std::string_view taken = word();
    if (taken != yes && taken != no) good_ = false;
    return taken == yes;
  }
  void fail() { good_ = false; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

// The first part of `text` up to the separator, which is removed with it.
std::string_view cut(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return part;
}

constexpr int kMaxThreshold = 10000;  // of rise and fall, as in the configuration

// "2/3/10.0.0.1:80"
void read_check(Words& words, ServerSnapshot& server) {
  std::string_view text = words.word();
  if (text == "-") return;
  CheckSettings& settings = server.settings.emplace();
  settings.rise = words.number(cut(text, '/'), 1, kMaxThreshold);
  settings.fall = words.number(cut(text, '/'), 1, kMaxThreshold);
  const auto address = parse_ipv4(cut(text, ':'));
  if (!address) return words.fail();
  server.target.address = *address;
  server.target.port = words.number<std::uint16_t>(text, 0, 65535);
}

void read_agent(Words& words, ServerSnapshot& server) {
  const std::string_view text = words.word();
  if (text == "-") return;
  if (text != "up" && text != "down") return words.fail();
  server.agent.emplace().up = server.health.agent_up = text == "up";
}

void read_admin(Words& words, AdminState& admin) {
  admin.mode = static_cast<AdminMode>(words.number(0, 2));
  admin.said_by = static_cast<AdminSource>(words.number(0, 2));
  if (std::string_view weight = words.word(); weight != "-") {
    const bool percent = weight.ends_with('%');
    if (percent) weight.remove_suffix(1);
    admin.weight = WeightOverride{
        words.number<std::uint32_t>(weight, 0, std::numeric_limits<std::uint32_t>::max()), percent};
  }
  if (const std::string_view maxconn = words.word(); maxconn != "-") {
    admin.maxconn =
        words.number<std::uint32_t>(maxconn, 0, std::numeric_limits<std::uint32_t>::max());
  }
}

std::optional<ServerSnapshot> read_line(std::string_view line, Instant now) {
  Words words(line);
  ServerSnapshot server;
  server.key.backend = words.word();
  server.key.server = words.word();
  read_check(words, server);
  ServerHealth& health = server.health;
  health.health = words.number(0, 2 * kMaxThreshold);
  health.up = words.one_of("up", "down");
  health.stopping = words.one_of("stopping", "-");
  health.since = from_ns(words.number<std::uint64_t>(0, to_ns(now)));
  health.checks = words.number<std::uint64_t>();
  health.failures = words.number<std::uint64_t>();
  health.downs = words.number<std::uint64_t>();
  health.observed = words.number<std::uint64_t>();
  health.finished_downtime = Duration(words.number<Duration::rep>());
  read_agent(words, server);
  read_admin(words, server.admin);
  server.mode = server.admin.mode;
  health.last.status =
      static_cast<CheckStatus>(words.number(0, static_cast<int>(kCheckStatusCount) - 1));
  health.last.code = words.number(0, 999);
  health.last.text = printable(words.rest());
  // Above its settings no counter can stand.
  if (server.settings) {
    const int most = server.settings->rise + server.settings->fall - 1;
    if (health.health > most) words.fail();
  }
  if (!words.good()) return std::nullopt;
  return server;
}

}  // namespace

std::string write_state(std::span<const ServerSnapshot> servers, std::string_view boot,
                        Instant now) {
  std::string text = fmt::format("{} {} {}\n", kTitle, boot, to_ns(now));
  for (const ServerSnapshot& server : servers)
    text += line_of(server);
  return text;
}

Result<std::vector<ServerSnapshot>> read_state(std::string_view text, std::string_view boot,
                                               Instant now) {
  Words title(cut(text, '\n'));
  if (title.word() != kTitle) return fail("it is of another version");
  if (title.word() != boot) return fail("the machine was started since");
  const Instant written = from_ns(title.number<std::uint64_t>(0, to_ns(now)));
  if (!title.good()) return fail("it is damaged");
  if (now - written > kMaxStateAge) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - written);
    return fail(fmt::format("it is {} s old", age.count()));
  }
  std::vector<ServerSnapshot> servers;
  for (std::size_t line = 2; !text.empty(); ++line) {
    auto server = read_line(cut(text, '\n'), now);
    if (!server) return fail(fmt::format("line {} is damaged", line));
    servers.push_back(std::move(*server));
  }
  return servers;
}

}  // namespace carpool
