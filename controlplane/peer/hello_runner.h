// Sends and hears hellos on a thread of its own, which runs before all that is not of real-time
// priority: a peer that is alive should not look dead because some other program is busy, nor a
// dead one be noticed late. It decides nothing; Session does.
//
// On the peer link the thread sends each hello itself. On a data link a worker does, so that hellos
// prove forwarding, from frames that the thread prepares ahead for as long as the data plane's
// fence: a worker goes on for exactly as long as it goes on answering for addresses, also when the
// control plane has died. So a peer that hears nothing on both links may take over at once, and
// never do both nodes answer.
//
// The thread never waits for another one: it takes a lock only if it gets it at once.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/peer/hello_message.h"
#include "controlplane/peer/hello_session.h"
#include "controlplane/peer/hello_snapshot.h"
#include "controlplane/peer/hello_socket.h"
#include "dataplane/abi/region.h"
#include "dataplane/abi/ring.h"
#include "dataplane/base/result.h"

namespace carpool::hello {

// Where the hellos of a data link leave and arrive; the peer link has none.
struct DataLink {
  std::uint16_t port = 0;
  MacAddress mac;
  Ipv4Address source;

  friend bool operator==(const DataLink&, const DataLink&) = default;
};

struct RunnerSettings {
  config::Endpoint local;
  config::Endpoint peer;
  std::vector<Key> keys;  // at least one; the last one is used
};

class Runner {
 public:
  // Called on the runner's thread: hand the event on to your own loop.
  using Notify = std::function<void(const Event&)>;

  static Result<std::unique_ptr<Runner>> start(RunnerSettings settings, Notify notify);
  ~Runner();  // says goodbye
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // From any thread but the runner's own.
  // `data_links` are those of settings.links after the first one.
  void configure(SessionSettings settings, std::vector<DataLink> data_links);
  void set_keys(std::vector<Key> keys);
  void set_claims(std::vector<GroupId> claims);
  // A data plane runs; its region has to outlive the attachment.
  void attach(const abi::Region& region);
  // Returns once the region is not touched any more.
  void detach();
  [[nodiscard]] Snapshot snapshot() const;

 private:
  using Task = std::function<void()>;
  struct Attachment {
    const abi::Region* region;
    abi::RingProducer<abi::AdvertFrame> out;
    std::vector<abi::RingConsumer<abi::AdvertFrame>> in;
    std::vector<std::uint64_t> heartbeats;  // of the workers, at the last look
    Duration lead{};
  };

  Runner(Socket socket, RunnerSettings settings, Life life, Challenge first, int wake_fd,
         Notify notify);

  void post(Task task);
  void run();
  void run_tasks();
  void receive();
  void receive_from_workers();
  [[nodiscard]] bool workers_ran();
  void hear(std::size_t link, std::span<const std::uint8_t> message, Ipv4Address source);
  void look(Instant now);
  void send_to_peer(Instant now);
  void prepare(Instant now);
  bool prepare_one(std::size_t link, Instant at);
  void publish(Instant now);
  void wait() const;

  // Of the thread.
  Socket socket_;
  std::vector<Key> keys_;
  Session session_;
  Notify notify_;
  std::vector<DataLink> data_links_;
  std::vector<Instant> prepared_until_;  // by data link
  std::optional<Attachment> attachment_;
  std::vector<Event> events_;
  Instant next_to_peer_{};
  Instant wake_at_{};
  bool leave_wakes_ = false;       // the tasks could not be taken
  bool leave_datagrams_ = false;   // enough for one turn
  Duration latest_turn_{};         // of this minute
  Duration latest_turn_before_{};  // of the one before
  Instant minute_ends_{};
  Instant next_publication_{};
  std::array<std::uint64_t, kDrops> dropped_{};
  std::uint64_t not_taken_ = 0;
  std::string priority_;

  // Shared.
  const int wake_fd_;
  std::atomic<bool> stopping_{false};
  std::mutex tasks_mutex_;
  std::vector<Task> tasks_;
  mutable std::mutex snapshot_mutex_;
  Snapshot snapshot_;

  std::thread thread_;  // the last member: it uses all others
};

}  // namespace carpool::hello
