// Runs a mirroring session: a thread of its own between the workers' mirror rings and the peer's
// UDP port, so that hundreds of thousands of records a second delay no advert. It decides nothing;
// Session does.
//
// A ring has no wake-up, so the thread looks into all of them every millisecond while there is
// something to do, and every few milliseconds while there is nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/mirror/names.h"
#include "controlplane/mirror/session.h"
#include "controlplane/mirror/snapshot.h"
#include "controlplane/mirror/socket.h"
#include "controlplane/mirror/worker_rings.h"
#include "dataplane/base/result.h"

namespace carpool::mirror {

struct RunnerSettings {
  config::Endpoint local;  // this node's `peer`
  config::Endpoint peer;   // the other node's
  std::vector<PreSharedKey> keys;
  SessionTiming timing;

  // All that a change of needs a new runner; keys are exchanged while it runs.
  [[nodiscard]] bool same_place(const RunnerSettings& other) const {
    return local == other.local && peer == other.peer;
  }
};

// Nothing where this node has no peer, or there is no key.
[[nodiscard]] std::optional<RunnerSettings> runner_settings(const config::Config& config);

class Runner {
 public:
  // Called on the runner's thread, which waits for it: hand the event on to your own loop.
  using Notify = std::function<void(const SessionEvent&)>;

  // Errors: no socket on that address, an OpenSSL without what is needed.
  static Result<std::unique_ptr<Runner>> start(const RunnerSettings& settings, Notify notify);
  ~Runner();  // ends the thread; the peer takes it for a silent one
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // The functions below may be called from any thread but the runner's own.

  // A data plane runs; both ends of its rings that are the control plane's are the runner's from
  // now on. Say names first. The peer will be asked for all its connections.
  void attach(std::vector<RingPair> rings);
  // Returns once the rings are not touched any more.
  void detach();

  void set_keys(std::vector<PreSharedKey> keys);
  // Of every new forwarding image, before it is published.
  void set_names(Names names);
  // This node's name, the digest of its configuration, and the groups whose addresses it claims.
  void set_status(NodeStatus status);
  // What this node thinks of servers, as far as it has changed; all of it to a new runner.
  void change_views(std::vector<ServerView> changed);
  // The workers had to drop so many changes: the peer is told to ask for all.
  void add_gap(std::uint64_t lost);
  // Asks the peer for all its connections.
  void request_bulk();
  // See Session.
  void ask(RequestItem request);
  void answer(AnswerItem answer);

  // At most kPublishEvery old.
  [[nodiscard]] Snapshot snapshot() const;

  // The UDP port that it is bound to, where that was left to the system.
  [[nodiscard]] std::uint16_t local_port() const { return local_port_; }

  static constexpr Duration kPublishEvery = std::chrono::milliseconds(50);

 private:
  using Task = std::function<void()>;

  Runner(Socket socket, const RunnerSettings& settings, const Session::Start& start, int wake_fd,
         Notify notify);

  void post(Task task);  // to be run on the thread
  void run();
  bool turn(Instant now);
  void run_tasks();
  void receive(Instant now);
  void carry_out(Instant now);
  void publish(Instant now);
  void wait(Instant now, bool active) const;

  // Of the thread.
  Socket socket_;
  Session session_;
  SessionOutput output_;
  WorkerRings rings_;
  Notify notify_;
  std::uint16_t key_id_;
  SessionState last_state_ = SessionState::down;
  Instant state_since_;
  Instant active_until_{};
  Instant next_publication_{};

  // Shared.
  const std::uint16_t local_port_;
  const int wake_fd_;
  std::atomic<bool> stopping_{false};
  std::mutex tasks_mutex_;
  std::vector<Task> tasks_;
  mutable std::mutex snapshot_mutex_;
  Snapshot snapshot_;

  std::thread thread_;  // the last member: it uses all others
};

}  // namespace carpool::mirror
