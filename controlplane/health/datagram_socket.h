// A socket of a probe that sends and receives datagrams, with its deadline: UDP and ICMP echo.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "controlplane/health/check_result.h"
#include "controlplane/health/probe_socket.h"
#include "controlplane/health/probe_target.h"

namespace carpool {

enum class DatagramKind : std::uint8_t { Udp, IcmpEcho };

class DatagramSocket {
 public:
  DatagramSocket(boost::asio::any_io_executor executor, DatagramKind kind,
                 const ProbeTarget& target);
  ~DatagramSocket();
  DatagramSocket(const DatagramSocket&) = delete;
  DatagramSocket& operator=(const DatagramSocket&) = delete;

  // Starts the clock. SOCKERR where the fault is ours, as without the right to send ICMP; L4CON
  // where no way leads to the server.
  [[nodiscard]] Step<void> open();
  [[nodiscard]] Step<void> send(std::string_view datagram);
  // One datagram, cut to the buffer. L4CON where an ICMP message says that nobody is there, L7TOUT
  // at the deadline.
  [[nodiscard]] boost::asio::awaitable<Step<std::string_view>> receive(std::span<char> buffer);
  // Whether datagrams begin with the IP header.
  [[nodiscard]] bool is_raw() const;

  // The result of a check that ends now; sets the time that it took.
  [[nodiscard]] CheckResult result(CheckResult outcome) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace carpool
