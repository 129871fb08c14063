// Where `stats socket` lines say: listens for clients of the runtime socket and carries lines and
// answers between them and their sessions. Runs on the daemon's one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controlplane/config/model.h"
#include "dataplane/base/time.h"

namespace boost::asio {
class io_context;
}

namespace carpool::console {

class Operations;

// Of all runtime sockets together. One more is closed unanswered.
inline constexpr std::size_t kMaxRuntimeClients = 64;

class RuntimeSocket {
 public:
  // Both have to outlive the event loop's last turn.
  RuntimeSocket(boost::asio::io_context& io, Operations& operations);
  ~RuntimeSocket();
  RuntimeSocket(const RuntimeSocket&) = delete;
  RuntimeSocket& operator=(const RuntimeSocket&) = delete;

  // Listens where the configuration says, and no longer where it said before. Sockets that stay as
  // they were keep their clients. Returns what could not be done, in words.
  [[nodiscard]] std::vector<std::string> configure(const config::Global& global);

 private:
  struct Shared;
  struct Listener;

  std::shared_ptr<Shared> shared_;
  std::vector<std::shared_ptr<Listener>> listeners_;
};

}  // namespace carpool::console
