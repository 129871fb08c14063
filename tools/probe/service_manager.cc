#include "tools/probe/service_manager.h"

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/probe/fd.h"

namespace carpool::probe {
namespace {

// The value of an environment variable, all of which has to be a number.
template <class Number>
std::optional<Number> number_from_environment(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  Number number{};
  const char* const end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

}  // namespace

void notify_service_manager(std::string_view message) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  // '@' stands for the abstract namespace.
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  ::sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&address), size);
}

std::optional<Duration> watchdog_interval() {
  const auto interval = number_from_environment<std::uint64_t>("WATCHDOG_USEC");
  const auto pid = number_from_environment<pid_t>("WATCHDOG_PID");
  if (!interval || *interval == 0 || (pid && *pid != ::getpid())) return std::nullopt;
  return std::chrono::microseconds(*interval) / 3;
}

}  // namespace carpool::probe
