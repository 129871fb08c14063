// The process around the workers: what they stand on, made in order and taken down in reverse; and
// the chores that may enter the kernel, so that no worker has to.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/abi/region.h"
#include "dataplane/options.h"
#include "dataplane/worker.h"
#include "drivers/pool.h"
#include "drivers/port.h"

namespace carpool {

class DataPlane {
 public:
  // The EAL must be running. Errors name what could not be had and what to do.
  static Result<std::unique_ptr<DataPlane>> make(const Options& options);
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  Result<void> launch_workers();
  // One turn of the main thread: steers addresses as the image says, publishes links, beats.
  void chores();
  void stop();

 private:
  explicit DataPlane(const Options& options) : options_(options) {}

  Result<void> make_pools();
  Result<void> open_ports();
  Result<void> make_region();
  Result<void> make_workers();
  void obey(const abi::Command& command);
  void install(const abi::Command& command);
  void steer(abi::ImageView image);
  void publish_links();

  Options options_;
  std::vector<PacketPool> pools_;   // by worker
  std::vector<rte_ring*> inboxes_;  // by worker
  std::vector<std::unique_ptr<Port>> ports_;
  std::optional<abi::Region> region_;
  abi::RingConsumer<abi::Command> commands_;
  abi::ImageView image_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::atomic<bool> stop_{false};
  bool launched_ = false;
};

}  // namespace carpool
