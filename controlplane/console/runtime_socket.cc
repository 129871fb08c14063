#include "controlplane/console/runtime_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/console/proxies.h"
#include "controlplane/console/runtime_line.h"
#include "controlplane/console/runtime_session.h"
#include "dataplane/base/result.h"

namespace carpool::console {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;
using Acceptor = asio::basic_socket_acceptor<Protocol>;
using Stream = beast::basic_stream<Protocol>;
using namespace std::chrono_literals;

// When the process has no file descriptors left, accept() fails at once, every time.
constexpr auto kAcceptRetry = 100ms;
constexpr mode_t kDefaultMode = 0600;
// Long enough for every path and group of real life.
constexpr std::size_t kNameBuffer = 16384;

std::string text_of(const config::StatsSocket& socket) {
  const auto* path = std::get_if<std::string>(&socket.where);
  return path != nullptr ? *path : config::to_string(std::get<config::Endpoint>(socket.where));
}

Protocol::endpoint endpoint_of(const config::StatsSocket& socket) {
  if (const auto* path = std::get_if<std::string>(&socket.where)) {
    return asio::local::stream_protocol::endpoint(*path);
  }
  const auto& where = std::get<config::Endpoint>(socket.where);
  return asio::ip::tcp::endpoint(asio::ip::address_v4(where.address.value.host()), where.port);
}

// ---- Files -------------------------------------------------------------------------------------

Result<uid_t> find_user_id(const std::string& name) {
  if (const auto number = number_of(name)) return *number;
  std::array<char, kNameBuffer> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return fail(fmt::format("there is no user '{}'", name));
  return found->pw_uid;
}

Result<gid_t> find_group_id(const std::string& name) {
  if (const auto number = number_of(name)) return *number;
  std::array<char, kNameBuffer> buffer{};
  group entry{};
  group* found = nullptr;
  getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return fail(fmt::format("there is no group '{}'", name));
  return found->gr_gid;
}

Result<void> set_owner(const std::string& path, const config::StatsSocket& socket) {
  auto user = static_cast<uid_t>(-1);  // -1: as it is
  auto group = static_cast<gid_t>(-1);
  if (!socket.user.empty()) {
    const auto found = find_user_id(socket.user);
    if (!found) return std::unexpected(found.error());
    user = *found;
  }
  if (!socket.group.empty()) {
    const auto found = find_group_id(socket.group);
    if (!found) return std::unexpected(found.error());
    group = *found;
  }
  if (chown(path.c_str(), user, group) != 0) return fail(std::strerror(errno));
  return {};
}

// A socket that nobody listens on is left from an earlier life. Anything else is somebody's.
Result<void> clear_path(asio::io_context& io, const std::string& path) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) return fail("there is a file of that name that is no socket");
  asio::local::stream_protocol::socket probe(io);
  error_code error;
  probe.connect(asio::local::stream_protocol::endpoint(path), error);
  if (!error) return fail("another program listens there");
  std::filesystem::remove(path, error);
  return {};
}

}  // namespace

// ---- Clients -----------------------------------------------------------------------------------

struct RuntimeSocket::Shared {
  explicit Shared(asio::io_context& context, Operations& node) : io(context), operations(node) {
    for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable)
      environment.emplace_back(*variable);
  }

  asio::io_context& io;
  Operations& operations;
  std::vector<std::string> environment;
  Duration timeout = 10s;
  std::size_t clients = 0;
};

struct RuntimeSocket::Listener : std::enable_shared_from_this<Listener> {
  Listener(std::shared_ptr<Shared> with, config::StatsSocket wanted)
      : shared(std::move(with)), socket(std::move(wanted)), acceptor(shared->io) {}

  Result<void> open();
  void close();
  asio::awaitable<void> accept_clients();
  asio::awaitable<void> serve(Protocol::socket client);

  std::shared_ptr<Shared> shared;
  config::StatsSocket socket;
  Acceptor acceptor;
  bool bound = false;
};

Result<void> RuntimeSocket::Listener::open() {
  const auto* path = std::get_if<std::string>(&socket.where);
  if (path != nullptr) {
    if (path->size() >= sizeof(sockaddr_un::sun_path)) return fail("the path is too long");
    if (auto cleared = clear_path(shared->io, *path); !cleared) return cleared;
  }
  const auto endpoint = endpoint_of(socket);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error && path == nullptr) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  // Permissions of the moment between bind() and chmod(): nobody but us.
  const mode_t umask_before = umask(0077);
  if (!error) acceptor.bind(endpoint, error);
  umask(umask_before);
  if (error) return fail(error.message());
  bound = true;
  if (path != nullptr) {
    if (auto owned = set_owner(*path, socket); !owned) return owned;
    if (chmod(path->c_str(), socket.mode.value_or(kDefaultMode)) != 0) {
      return fail(std::strerror(errno));
    }
  }
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(error.message());
  asio::co_spawn(shared->io, accept_clients(), [keep = shared_from_this()](std::exception_ptr) {});
  return {};
}

void RuntimeSocket::Listener::close() {
  error_code ignored;
  acceptor.close(ignored);
  const auto* path = std::get_if<std::string>(&socket.where);
  if (path != nullptr && std::exchange(bound, false)) std::filesystem::remove(*path, ignored);
}

asio::awaitable<void> RuntimeSocket::Listener::accept_clients() {
  asio::steady_timer pause(shared->io);
  while (acceptor.is_open()) {
    error_code error;
    Protocol::socket client =
        co_await acceptor.async_accept(redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      pause.expires_after(kAcceptRetry);
      co_await pause.async_wait(redirect_error(asio::use_awaitable, error));
      continue;
    }
    if (shared->clients >= kMaxRuntimeClients) continue;
    ++shared->clients;
    asio::co_spawn(shared->io, serve(std::move(client)),
                   [keep = shared_from_this()](std::exception_ptr) { --keep->shared->clients; });
  }
}

// Answers lines until the client has quit, is silent for too long, does not take its answers, or
// (without a prompt) has nothing more to say.
asio::awaitable<void> RuntimeSocket::Listener::serve(Protocol::socket client) {
  Stream stream(std::move(client));
  RuntimeSession session(shared->operations, socket.level, {.environment = shared->environment});
  std::string input;
  for (bool more = true; more;) {
    error_code error;
    stream.expires_after(session.timeout().value_or(shared->timeout));
    const std::size_t length =
        co_await asio::async_read_until(stream, asio::dynamic_buffer(input, kMaxRuntimeLine), '\n',
                                        redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    const std::string answer = session.answer(std::string_view(input).substr(0, length - 1));
    input.erase(0, length);
    stream.expires_after(session.timeout().value_or(shared->timeout));
    co_await asio::async_write(stream, asio::buffer(answer),
                               redirect_error(asio::use_awaitable, error));
    if (error || session.has_quit()) co_return;
    const std::size_t waiting = stream.socket().available(error);
    more = session.wants_prompt() || !input.empty() || waiting > 0;
  }
}

// ---- Listeners ---------------------------------------------------------------------------------

RuntimeSocket::RuntimeSocket(asio::io_context& io, Operations& operations)
    : shared_(std::make_shared<Shared>(io, operations)) {}

RuntimeSocket::~RuntimeSocket() {
  for (const auto& listener : listeners_)
    listener->close();
}

std::vector<std::string> RuntimeSocket::configure(const config::Global& global) {
  shared_->timeout = global.stats_timeout;
  auto before = std::exchange(listeners_, {});
  std::vector<config::StatsSocket> wanted;
  for (const config::StatsSocket& socket : global.stats_sockets) {
    const auto same = std::ranges::find_if(
        before, [&](const auto& listener) { return listener->socket == socket; });
    if (same == before.end()) {
      wanted.push_back(socket);
    } else {
      listeners_.push_back(*same);
      before.erase(same);
    }
  }
  // First those that go: another may take their place.
  for (const auto& listener : before)
    listener->close();
  std::vector<std::string> problems;
  for (config::StatsSocket& socket : wanted) {
    auto listener = std::make_shared<Listener>(shared_, std::move(socket));
    if (const auto opened = listener->open(); !opened) {
      problems.push_back(
          fmt::format("stats socket {}: {}", text_of(listener->socket), opened.error().message));
      listener->close();
      continue;
    }
    listeners_.push_back(std::move(listener));
  }
  return problems;
}

}  // namespace carpool::console
