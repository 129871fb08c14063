// The `global` section.
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "controlplane/config/sections.h"

namespace carpool::config {
namespace {

constexpr std::array<std::string_view, 24> kFacilities = {
    "kern",   "user",   "mail",   "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "auth2",  "ftp",    "ntp",    "audit",  "alert",  "cron2",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"};
constexpr std::array<std::string_view, 8> kLevels = {"emerg",   "alert",  "crit", "err",
                                                     "warning", "notice", "info", "debug"};

template <class Names>
bool contains(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

void parse_log(Global& global, Statement& statement) {
  if (statement.negated()) {
    global.logs.clear();
    return;
  }
  const Word* target = statement.take("a target: an address, a socket's path, or stdout");
  if (target == nullptr || target->text == "global") return;
  LogTarget log{target->text, {}, {}};
  // How a line is cut and laid out is carpool's own affair.
  while (statement.accept("len") || statement.accept("format") || statement.accept("sample") ||
         statement.accept("profile")) {
    statement.skip(1);
  }
  const bool stream = log.target == "stdout" || log.target == "stderr";
  if (stream && !statement.more()) {
    global.logs.push_back(std::move(log));
    return;
  }
  const Word* facility = statement.take("a facility, as in 'local0'");
  if (facility == nullptr) return;
  if (!contains(kFacilities, facility->text)) {
    return statement.error(facility->at, fmt::format("unknown log facility '{}'", facility->text));
  }
  log.facility = facility->text;
  for (std::size_t i = 0; i < 2 && statement.more(); ++i) {  // the second is the minimum level
    const Word* level = statement.take("a level");
    if (!contains(kLevels, level->text)) {
      return statement.error(level->at, fmt::format("unknown log level '{}'", level->text));
    }
    if (i == 0) log.level = level->text;
  }
  if (statement.end()) global.logs.push_back(std::move(log));
}

void parse_maxconn(Global& global, Statement& statement) {
  const auto number = statement.take_number("a number of connections", 1, kMaxFlows);
  if (number && statement.end()) global.maxconn = number;
}

void parse_description(Global& global, Statement& statement) {
  if (auto text = statement.take_text("a text")) global.description = std::move(*text);
}

// "660", in octal as chmod has it.
std::optional<unsigned> parse_file_mode(Statement& statement) {
  const Word* word = statement.take("permissions, as in 660");
  if (word == nullptr) return std::nullopt;
  unsigned mode = 0;
  const bool octal = !word->text.empty() && word->text.size() <= 4 &&
                     std::ranges::all_of(word->text, [](char c) { return c >= '0' && c <= '7'; });
  if (!octal) {
    statement.error(word->at, fmt::format("'{}' are not permissions in octal", word->text));
    return std::nullopt;
  }
  for (const char c : word->text)
    mode = mode * 8 + static_cast<unsigned>(c - '0');
  return mode;
}

bool parse_stats_address(StatsSocket& socket, Statement& statement) {
  const Word* where = statement.take("a path or an address and port");
  if (where == nullptr) return false;
  std::string_view path = where->text;
  if (path.starts_with("unix@")) path.remove_prefix(5);
  if (path.starts_with('/')) {
    socket.where = std::string(path);
    return true;
  }
  const auto address = parse_address(where->text);
  if (!address) {
    statement.error(where->at, address.error());
    return false;
  }
  const bool any = address->is_any();
  if (address->port_first == 0 || address->port_first != address->port_last ||
      (!any && !address->address)) {
    statement.error(where->at,
                    fmt::format("'{}' is neither a path nor an address and port", where->text));
    return false;
  }
  socket.where = Endpoint{address->address.value_or(Ipv4Address{}), address->port_first};
  return true;
}

void parse_stats_socket(Global& global, Statement& statement) {
  StatsSocket socket;
  socket.origin = statement.at();
  if (!parse_stats_address(socket, statement)) return;
  while (statement.more()) {
    const Word& parameter = *statement.take("a parameter");
    statement.set_subject(parameter.text);
    if (parameter.text == "mode") {
      if (!(socket.mode = parse_file_mode(statement))) return;
    } else if (parameter.text == "level") {
      const auto level = statement.take_choice({"user", "operator", "admin"});
      if (!level) return;
      socket.level = static_cast<StatsLevel>(*level);
    } else if (parameter.text == "expose-fd") {
      statement.skip(1);  // how HAProxy hands sockets to its successor: we have none to hand on
    } else if (parameter.text == "process" || parameter.text == "thread" ||
               parameter.text == "user" || parameter.text == "group" || parameter.text == "uid" ||
               parameter.text == "gid" || parameter.text == "name") {
      statement.skip(1);
      statement.report().warn(parameter.at,
                              fmt::format("'{}' of 'stats socket' is not used", parameter.text));
    } else {
      return statement.error(
          parameter.at, fmt::format("unknown parameter '{}' of 'stats socket'", parameter.text));
    }
  }
  global.stats_sockets.push_back(std::move(socket));
}

void parse_stats_timeout(Global& global, Statement& statement) {
  const auto time = statement.take_time("a time");
  if (time && statement.end()) global.stats_timeout = *time;
}

// 64 hexadecimal digits, white space around them as a file may have it.
std::optional<std::array<std::uint8_t, kPeerKeyBytes>> parse_secret(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = std::min(text.find_first_not_of(kBlanks), text.size());
  text = text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
  std::array<std::uint8_t, kPeerKeyBytes> secret{};
  if (text.size() != 2 * secret.size()) return std::nullopt;
  for (std::size_t at = 0; at < secret.size(); ++at) {
    const char* const digits = text.data() + 2 * at;
    const auto [end, error] = std::from_chars(digits, digits + 2, secret[at], 16);
    if (error != std::errc{} || end != digits + 2) return std::nullopt;
  }
  return secret;
}

// What is wrong with a key is said without showing it.
void parse_peer_key(Global& global, Statement& statement) {
  constexpr std::string_view kMakeOne = "make one with 'openssl rand -hex 32'";
  const auto id = statement.take_number("a number", 1, 65535);
  if (!id) return;
  const bool in_file = statement.accept("file");
  const Word* word = statement.take(in_file ? "the path of a file" : "a key of 64 digits");
  if (word == nullptr || !statement.end()) return;
  std::string text = word->text;
  if (in_file) {
    const auto& read = statement.options().read_secret;
    auto contents = read ? read(word->text) : fail("files are not read here");
    if (!contents) {
      return statement.error(
          word->at, fmt::format("key file '{}': {}", word->text, contents.error().message));
    }
    text = std::move(*contents);
  }
  const auto secret = parse_secret(text);
  if (!secret) {
    return statement.error(word->at, fmt::format("key {} does not have 64 hexadecimal digits", *id),
                           std::string(kMakeOne));
  }
  const auto same = std::ranges::find(global.peer_keys, *id, &PeerKey::id);
  if (same != global.peer_keys.end()) {
    return statement.error(statement.at(), fmt::format("there is a 'peer-key {}' already", *id),
                           "first at " + statement.report().describe(same->origin));
  }
  if (global.peer_keys.size() == kMaxPeerKeys) {
    return statement.error(statement.at(), fmt::format("more than {} peer keys", kMaxPeerKeys),
                           "remove the oldest: those before the last are only for the change");
  }
  global.peer_keys.push_back({static_cast<std::uint16_t>(*id), *secret, statement.at()});
}

void parse_ca_base(Global& global, Statement& statement) {
  const Word* word = statement.take("a folder");
  if (word != nullptr && statement.end()) global.ca_base = word->text;
}

void parse_server_verify(Global& global, Statement& statement) {
  const auto choice = statement.take_choice({"none", "required"});
  if (choice && statement.end()) global.verify_server_tls = *choice == 1;
}

void parse_setuid_wanted(Global& global, Statement& statement) {
  if (statement.end()) global.setuid_wanted = true;
}

constexpr Handler<Global> kHandlers[] = {{"ca-base", parse_ca_base},
                                         {"description", parse_description},
                                         {"external-check", parse_external_permit},
                                         {"insecure-setuid-wanted", parse_setuid_wanted},
                                         {"log", parse_log},
                                         {"maxconn", parse_maxconn},
                                         {"peer-key", parse_peer_key},
                                         {"ssl-server-verify", parse_server_verify},
                                         {"stats socket", parse_stats_socket},
                                         {"stats timeout", parse_stats_timeout}};

}  // namespace

std::span<const Handler<Global>> global_handlers() {
  return kHandlers;
}

}  // namespace carpool::config
