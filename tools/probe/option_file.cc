#include "tools/probe/option_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/probe/cat.h"
#include "tools/probe/fd.h"
#include "tools/probe/wait.h"

namespace carpool::probe {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// MySQL's escapes; an unknown one stands for itself, backslash included.
std::string unescape(std::string_view text) {
  constexpr std::string_view kNames = "btnrs\\\"'", kMeanings = "\b\t\n\r \\\"'";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto known =
        text[i] == '\\' && i + 1 < text.size() ? kNames.find(text[i + 1]) : std::string_view::npos;
    out += known == kNames.npos ? text[i] : kMeanings[known];
    i += known == kNames.npos ? 0 : 1;
  }
  return out;
}

// A quoted value is taken between its quotes; behind another one a comment may stand.
Result<std::string> parse_value(std::string_view text) {
  if (!text.empty() && (text[0] == '"' || text[0] == '\'')) {
    std::size_t end = 1;
    while (end < text.size() && text[end] != text[0])
      end += text[end] == '\\' ? 2 : 1;
    if (end >= text.size()) return fail("the quote is not closed");
    const auto rest = trim(text.substr(end + 1));
    if (!rest.empty() && rest[0] != '#') return fail("text behind the closing quote");
    return unescape(text.substr(1, end - 1));
  }
  // As in MySQL's own reader, '#' inside an unquoted value begins a comment; ';' does not.
  return unescape(trim(text.substr(0, text.find('#'))));
}

// "ssl_ca" and "ssl-ca" are the same option.
std::string option_name(std::string_view text) {
  std::string name(trim(text));
  std::ranges::replace(name, '_', '-');
  return name;
}

std::optional<bool> parse_switch(std::string_view value) {
  for (const std::string_view yes : {"", "1", "on", "true", "ON", "TRUE", "yes"}) {
    if (value == yes) return true;
  }
  for (const std::string_view no : {"0", "off", "false", "OFF", "FALSE", "no"}) {
    if (value == no) return false;
  }
  return std::nullopt;
}

Result<void> set_switch(bool& target, std::string_view name, std::string_view value) {
  const auto parsed = parse_switch(value);
  if (!parsed) return fail(cat("'", name, "' is on or off, not '", value, "'"));
  target = *parsed;
  return {};
}

Result<void> set_port(MysqlAccess& access, std::string_view value) {
  const char* const end = value.data() + value.size();
  const auto [stopped, error] = std::from_chars(value.data(), end, access.port);
  if (error == std::errc() && stopped == end && access.port != 0) return {};
  return fail(cat("'", value, "' is not a port from 1 to 65535"));
}

Result<void> set_option(MysqlAccess& access, std::string_view name, const std::string& value) {
  if (name == "user") {
    access.user = value;
  } else if (name == "password") {
    access.password = value;
  } else if (name == "host") {
    access.host = value;
  } else if (name == "port") {
    return set_port(access, value);
  } else if (name == "socket") {
    access.socket = value;
  } else if (name == "ssl") {
    return set_switch(access.ssl, name, value);
  } else if (name == "skip-ssl") {
    access.ssl = false;
  } else if (name == "ssl-ca") {
    access.ssl_ca = value;
    access.ssl = true;
  } else if (name == "ssl-verify-server-cert") {
    return set_switch(access.verify_name, name, value);
  } else {
    return fail(cat("unknown option '", name,
                    "'; known here are user, password, host, port, socket, ssl, skip-ssl, ssl-ca "
                    "and ssl-verify-server-cert"));
  }
  return {};
}

enum class Group : std::uint8_t { None, Other, Client, Own };

Result<Group> parse_group(std::string_view line) {
  const auto end = line.find(']');
  if (end == line.npos) return fail("the group's name lacks its closing bracket");
  const auto name = trim(line.substr(1, end - 1));
  if (name == "client") return Group::Client;
  return name == "carpool-probe" ? Group::Own : Group::Other;
}

Result<void> take_line(std::string_view line, Group& group, Group wanted, MysqlAccess& access) {
  if (line.empty() || line[0] == '#' || line[0] == ';') return {};
  if (line[0] == '[') {
    const auto next = parse_group(line);
    if (!next) return std::unexpected(next.error());
    group = *next;
    return {};
  }
  if (line[0] == '!') return fail("'!include' is not supported; write the options into this file");
  if (group == Group::None) return fail("an option before the first group; write [client] first");
  if (group != wanted) return {};
  const auto equals = line.find('=');
  const auto value =
      equals == line.npos ? Result<std::string>("") : parse_value(trim(line.substr(equals + 1)));
  if (!value) return std::unexpected(value.error());
  return set_option(access, option_name(line.substr(0, equals)), *value);
}

// One group's options. [carpool-probe] is taken after [client], so that it overrides it wherever it
// stands.
Result<void> take_group(std::string_view text, Group wanted, MysqlAccess& access) {
  Group group = Group::None;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    auto taken = take_line(trim(text.substr(0, end)), group, wanted, access);
    if (!taken) return fail(cat("line ", number, ": ", taken.error().message));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

// Where systemd puts what LoadCredential= names. Only the service can get there, and an access list
// for its user shows as a group's right to read.
bool is_from_systemd(const std::filesystem::path& path) {
  const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
  return directory != nullptr && path.parent_path() == directory;
}

// "0640", as chmod has it.
std::string octal(mode_t mode) {
  std::array<char, 12> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), mode, 8);
  return "0" + std::string(digits.data(), end);
}

Result<void> check_permissions(int fd, mode_t forbidden) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail(system_error_text(errno));
  if (!S_ISREG(status.st_mode)) return fail("not a regular file");
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return fail(cat("belongs to user ", status.st_uid,
                    ", who could change it; it has to belong to root or to the probe's own user ",
                    ::geteuid()));
  }
  if ((status.st_mode & forbidden) != 0) {
    return fail(cat("it holds a password, but its mode is ", octal(status.st_mode & 07777),
                    " and others may use it; do: chmod 600"));
  }
  return {};
}

Result<std::string> read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(system_error_text(errno));
    if (size == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(size));
    if (text.size() > kMaxOptionFile) return fail("too large for an option file");
  }
}

}  // namespace

Result<MysqlAccess> parse_option_file(std::string_view text) {
  MysqlAccess access;
  for (const Group group : {Group::Client, Group::Own}) {
    if (auto taken = take_group(text, group, access); !taken) {
      return std::unexpected(taken.error());
    }
  }
  return access;
}

Result<MysqlAccess> load_option_file(const std::filesystem::path& path) {
  const auto refuse = [&](const Error& error) {
    return fail(cat(path.string(), ": ", error.message));
  };
  // Judged is what is open, not what the name may stand for by then.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return refuse({system_error_text(errno)});
  const mode_t forbidden = S_IRWXO | (is_from_systemd(path) ? S_IWGRP : S_IRWXG);
  if (auto fine = check_permissions(file.get(), forbidden); !fine) return refuse(fine.error());
  const auto text = read_all(file.get());
  if (!text) return refuse(text.error());
  auto access = parse_option_file(*text);
  if (!access) return refuse(access.error());
  return access;
}

}  // namespace carpool::probe
