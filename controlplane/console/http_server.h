// HTTP/1.1 on a unix socket: the way in for the carpool command and, later, everything else that
// asks or tells the daemon something. Runs on the daemon's one thread; handlers must not block.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "dataplane/base/result.h"

namespace carpool::console {

struct Reply {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
};

class HttpServer {
 public:
  using Handler = std::function<Reply()>;

  explicit HttpServer(boost::asio::io_context& io) : acceptor_(io) {}
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  // What to answer to GET `path`. Before listen().
  void get(std::string path, Handler handler) { handlers_[std::move(path)] = std::move(handler); }

  // Binds the socket (a stale one is replaced: the caller holds the lock of the run directory) and
  // serves from the loop. Only the owner and the group may connect.
  [[nodiscard]] Result<void> listen(const std::filesystem::path& socket);

 private:
  using Socket = boost::asio::local::stream_protocol::socket;

  boost::asio::awaitable<void> accept_connections();
  boost::asio::awaitable<void> serve(Socket socket);

  boost::asio::local::stream_protocol::acceptor acceptor_;
  std::map<std::string, Handler, std::less<>> handlers_;
  std::filesystem::path path_;
  std::size_t connections_ = 0;
};

}  // namespace carpool::console
