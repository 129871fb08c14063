#include "tools/probe/stream.h"

#include <cerrno>
#include <cstring>
#include <thread>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tools/probe/cat.h"
#include "tools/probe/tls.h"
#include "tools/probe/wait.h"

namespace carpool::probe {
namespace {

// How long to stay away from a unix socket whose queue is full: it says so at once, every time.
constexpr auto kQueueRetry = std::chrono::milliseconds(5);

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> resolve(const HostPort& target) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error =
      ::getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &list);
  if (error != 0) {
    return fail(error == EAI_SYSTEM ? system_error_text(errno) : ::gai_strerror(error));
  }
  return Addresses(list);
}

Result<void> finish_connect(int fd, Instant deadline) {
  if (auto ready = wait_for(fd, POLLOUT, deadline); !ready) return ready;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail(system_error_text(error));
  return {};
}

Result<Fd> connect_one(const addrinfo& address, Instant deadline) {
  Fd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail(system_error_text(errno));
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return fail(system_error_text(errno));
    if (auto connected = finish_connect(fd.get(), deadline); !connected) {
      return std::unexpected(connected.error());
    }
  }
  return fd;
}

}  // namespace

Stream::Stream(Fd fd) : fd_(std::move(fd)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

Result<Stream> Stream::connect_tcp(const HostPort& target, Instant deadline) {
  const auto addresses = resolve(target);
  if (!addresses) return fail(cat(to_string(target), ": ", addresses.error().message));
  std::string why = "it has no address";
  for (const addrinfo* at = addresses->get(); at != nullptr; at = at->ai_next) {
    auto fd = connect_one(*at, deadline);
    if (fd) return Stream(std::move(*fd));
    why = fd.error().message;
  }
  return fail(cat(to_string(target), ": ", why));
}

Result<Stream> Stream::connect_unix(const std::filesystem::path& path, Instant deadline) {
  const auto refuse = [&](std::string_view why) { return fail(cat(path.string(), ": ", why)); };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) return refuse("too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return refuse(system_error_text(errno));
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno != EAGAIN) return refuse(system_error_text(errno));
    if (monotonic_now() >= deadline) return refuse(kTimedOut);
    std::this_thread::sleep_for(kQueueRetry);
  }
  return Stream(std::move(fd));
}

Result<void> Stream::start_tls(const TlsSettings& settings, Instant deadline) {
  auto session = TlsSession::handshake(fd_.get(), settings, deadline);
  if (!session) return std::unexpected(session.error());
  tls_ = std::move(*session);
  return {};
}

Result<std::size_t> Stream::read_some(std::span<char> buffer, Instant deadline) {
  if (tls_) return tls_->read_some(buffer, deadline);
  for (;;) {
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno == EAGAIN) {
      if (auto ready = wait_for(fd_.get(), POLLIN, deadline); !ready) {
        return std::unexpected(ready.error());
      }
    } else if (errno != EINTR) {
      return fail(system_error_text(errno));
    }
  }
}

Result<void> Stream::write_all(std::string_view bytes, Instant deadline) {
  if (tls_) return tls_->write_all(bytes, deadline);
  while (!bytes.empty()) {
    const ssize_t size = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(size));
    } else if (errno == EAGAIN) {
      if (auto ready = wait_for(fd_.get(), POLLOUT, deadline); !ready) return ready;
    } else if (errno != EINTR) {
      return fail(system_error_text(errno));
    }
  }
  return {};
}

}  // namespace carpool::probe
