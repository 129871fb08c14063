// A server on a port of the loopback interface that does one thing with every connection, on the
// event loop of the test.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "controlplane/config/model.h"

namespace carpool::test {

using boost::asio::ip::tcp;

class LoopbackServer {
 public:
  using Behaviour = std::function<void(std::shared_ptr<tcp::socket>)>;

  LoopbackServer(boost::asio::io_context& io, Behaviour behaviour)
      : acceptor_(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        behaviour_(std::move(behaviour)) {
    accept();
  }

  [[nodiscard]] config::Endpoint endpoint() const {
    return {Ipv4Address::of(127, 0, 0, 1), acceptor_.local_endpoint().port()};
  }
  [[nodiscard]] int connections() const { return connections_; }
  void set_behaviour(Behaviour behaviour) { behaviour_ = std::move(behaviour); }

 private:
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
      if (error) return;
      ++connections_;
      behaviour_(std::make_shared<tcp::socket>(std::move(socket)));
      accept();
    });
  }

  tcp::acceptor acceptor_;
  Behaviour behaviour_;
  int connections_ = 0;
};

// Waits for the request, answers without reading it, and closes: since there is unread data, the
// kernel resets the connection. What the scripts under xinetd do.
inline LoopbackServer::Behaviour answer_unread(std::string reply) {
  return [reply = std::move(reply)](std::shared_ptr<tcp::socket> socket) {
    socket->async_wait(tcp::socket::wait_read, [socket, reply](boost::system::error_code) {
      boost::system::error_code ignored;
      boost::asio::write(*socket, boost::asio::buffer(reply), ignored);
      socket->close(ignored);
    });
  };
}

// Reads the request, answers and closes.
inline LoopbackServer::Behaviour answer(std::string reply) {
  return [reply = std::move(reply)](std::shared_ptr<tcp::socket> socket) {
    auto request = std::make_shared<std::string>(4096, '\0');
    socket->async_read_some(boost::asio::buffer(*request), [socket, request, reply](auto, auto) {
      boost::system::error_code ignored;
      boost::asio::write(*socket, boost::asio::buffer(reply), ignored);
      socket->close(ignored);
    });
  };
}

// Accepts, and holds the connection without a word until the peer goes.
inline void keep_silent(std::shared_ptr<tcp::socket> socket) {
  socket->async_wait(tcp::socket::wait_read, [socket](boost::system::error_code) {
    auto rest = std::make_shared<std::string>(4096, '\0');
    socket->async_read_some(boost::asio::buffer(*rest), [socket, rest](auto error, auto) {
      if (!error) keep_silent(socket);
    });
  });
}

}  // namespace carpool::test
