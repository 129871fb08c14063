// Runs tracked scripts again and again: as another user, limited in time, never in the way of
// anything else.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "controlplane/appliance/script_states.h"
#include "controlplane/config/model.h"

namespace boost::asio {
class io_context;
}

namespace carpool {

class ScriptWatch {
 public:
  explicit ScriptWatch(boost::asio::io_context& io);
  ~ScriptWatch();

  // Those of all groups, from now on. What is known of one that stays is kept.
  void configure(const config::Config& config);
  [[nodiscard]] ScriptStates states() const;

 private:
  struct Task;

  boost::asio::io_context& io_;
  std::map<ScriptKey, std::shared_ptr<Task>> tasks_;
};

}  // namespace carpool
