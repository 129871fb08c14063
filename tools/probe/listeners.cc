#include "tools/probe/listeners.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/probe/cat.h"
#include "tools/probe/host_port.h"
#include "tools/probe/wait.h"

namespace carpool::probe {
namespace {

constexpr int kBacklog = 128;
constexpr int kFirstInherited = 3;
constexpr int kMaxInherited = 16;

template <class Number>
bool parse_whole(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

Result<Fd> open_listener(int family, const sockaddr* address, socklen_t size) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail(system_error_text(errno));
  const int on = 1, off = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd.get(), address, size) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return fail(system_error_text(errno) +
                (errno == EADDRINUSE ? "; is xinetd or another probe still there?" : ""));
  }
  return fd;
}

// Every IPv4 and IPv6 address by one socket, or IPv4 alone on a host without IPv6.
Result<Fd> listen_on_any(std::uint16_t port) {
  sockaddr_in6 any6{};
  any6.sin6_family = AF_INET6;
  any6.sin6_port = htons(port);
  if (auto fd = open_listener(AF_INET6, reinterpret_cast<const sockaddr*>(&any6), sizeof any6);
      fd || errno == EADDRINUSE) {
    return fd;
  }
  sockaddr_in any4{};
  any4.sin_family = AF_INET;
  any4.sin_port = htons(port);
  return open_listener(AF_INET, reinterpret_cast<const sockaddr*>(&any4), sizeof any4);
}

Result<Fd> listen_on_host(const ListenAddress& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* list = nullptr;
  const auto port = std::to_string(address.port);
  if (const int error = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &list)) {
    return fail(::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  return open_listener(list->ai_family, list->ai_addr, list->ai_addrlen);
}

// The n-th of names separated by colons.
std::string_view nth_name(std::string_view names, int n) {
  for (; n > 0 && !names.empty(); --n)
    names.remove_prefix(std::min(names.find(':') + 1, names.size()));
  return names.substr(0, names.find(':'));
}

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value != nullptr ? value : "";
  ::unsetenv(name);
  return text;
}

bool is_listening(int fd) {
  int listening = 0;
  socklen_t size = sizeof listening;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text) {
  ListenAddress address;
  const auto port = text.starts_with("*:") ? text.substr(2) : text;
  if (parse_whole(port, address.port) && address.port != 0) return address;
  const auto target = parse_host_port(text);
  if (!target) return fail(cat("'", text, "' is neither PORT nor ADDRESS:PORT"));
  return ListenAddress{target->host, target->port};
}

Result<Listener> listen_on(const ListenAddress& address, Protocol protocol) {
  auto fd = address.host.empty() ? listen_on_any(address.port) : listen_on_host(address);
  if (fd) return Listener{std::move(*fd), protocol};
  return fail(cat("cannot listen on ", address.host.empty() ? "*" : address.host, ":", address.port,
                  ": ", fd.error().message));
}

Result<std::vector<Listener>> inherited_listeners() {
  const auto pid = take_variable("LISTEN_PID");
  const auto fds = take_variable("LISTEN_FDS");
  const auto names = take_variable("LISTEN_FDNAMES");
  std::vector<Listener> listeners;
  pid_t for_whom = 0;
  int count = 0;
  if (!parse_whole(pid, for_whom) || for_whom != ::getpid()) return listeners;
  if (!parse_whole(fds, count) || count < 0 || count > kMaxInherited) {
    return fail(cat("LISTEN_FDS=", fds, " is not a number up to ", kMaxInherited));
  }
  for (int i = 0; i < count; ++i) {
    const int fd = kFirstInherited + i;
    if (!is_listening(fd)) {
      return fail(cat("descriptor ", fd,
                      " from systemd is no listening socket: its .socket unit needs Accept=no"));
    }
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    const auto protocol = nth_name(names, i) == "agent" ? Protocol::Agent : Protocol::Http;
    listeners.push_back({Fd(fd), protocol});
  }
  return listeners;
}

}  // namespace carpool::probe
