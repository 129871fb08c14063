// HTTP/1.1 on a unix socket: the way in for the carpool command and everything else that asks or
// tells the daemon something. Runs on the daemon's one thread; what answers must not block it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "controlplane/console/caller.h"
#include "dataplane/base/result.h"

namespace carpool::console {

struct Reply {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
};

// {"error": "..."} for an operator.
[[nodiscard]] Reply error_reply(unsigned status, std::string_view text);

// What somebody wants done.
struct ActionRequest {
  Caller caller;
  std::string body;  // at most kMaxRequestBytes
};

class HttpServer {
 public:
  static constexpr std::size_t kMaxRequestBytes = 64 << 10;

  using Handler = std::function<Reply()>;
  // The reply may take its time; the connection waits for it.
  using Action = std::function<boost::asio::awaitable<Reply>(ActionRequest)>;
  // Hears of every action before it is taken: "POST /api/v1/switchover {...}".
  using Audit = std::function<void(const Caller&, const std::string& what)>;

  explicit HttpServer(boost::asio::io_context& io) : acceptor_(io) {}
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  // All of these before listen(). A path has one meaning: something to read, or something to do.
  void get(std::string path, Handler handler) { handlers_[std::move(path)] = std::move(handler); }
  void post(std::string path, Action action) { add(std::move(path), "POST", std::move(action)); }
  void put(std::string path, Action action) { add(std::move(path), "PUT", std::move(action)); }
  void set_audit(Audit audit) { audit_ = std::move(audit); }

  // Binds the socket (a stale one is replaced: the caller holds the lock of the run directory) and
  // serves from the loop. Only the owner and the group may connect.
  [[nodiscard]] Result<void> listen(const std::filesystem::path& socket);

 private:
  using Socket = boost::asio::local::stream_protocol::socket;
  struct NamedAction {
    std::string method;
    Action action;
  };

  void add(std::string path, std::string method, Action action) {
    actions_[std::move(path)] = {std::move(method), std::move(action)};
  }
  boost::asio::awaitable<void> accept_connections();
  boost::asio::awaitable<void> serve(Socket socket);

  boost::asio::local::stream_protocol::acceptor acceptor_;
  std::map<std::string, Handler, std::less<>> handlers_;
  std::map<std::string, NamedAction, std::less<>> actions_;
  Audit audit_;
  std::filesystem::path path_;
  std::size_t connections_ = 0;
};

}  // namespace carpool::console
