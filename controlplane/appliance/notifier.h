// Tells scripts that groups change their state. Asynchronously and one after the other per group,
// so that a script never sees an older state after a newer one, and nothing waits for any of them.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/redundancy/runner.h"

namespace boost::asio {
class io_context;
}

namespace carpool {

// What a script is told. Arguments as keepalived has them: INSTANCE, name, state, priority; and an
// environment as FreeBSD's devd has it: system, subsystem and type.
struct Notice {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;

  friend bool operator==(const Notice&, const Notice&) = default;
};
// `device`: of the port that the group's adverts leave by.
[[nodiscard]] Notice make_notice(const GroupReport& group, const std::string& device);

class Notifier {
 public:
  explicit Notifier(boost::asio::io_context& io);
  ~Notifier();

  [[nodiscard]] bool idle() const;  // everybody was told everything
  void tell(const config::Script& script, const std::string& group, Notice notice);

 private:
  struct Queue;

  boost::asio::io_context& io_;
  std::map<std::string, std::shared_ptr<Queue>> queues_;  // by group
};

}  // namespace carpool
