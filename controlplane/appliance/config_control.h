// Changes of the configuration while the node works: loads files (aside, because that may wait for
// names and disks), hands them over, tells whoever asked what became of it, and goes back to the
// configuration before it where nobody confirms in time.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "controlplane/appliance/config_source.h"
#include "controlplane/appliance/trial.h"
#include "controlplane/console/http_server.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace carpool {

struct ReloadRequest {
  // Rolled back after this time unless it is confirmed.
  std::optional<std::chrono::seconds> confirm_within;
  // Of the files that were looked at; empty: whatever is there.
  std::string digest;
  // Whoever asks has seen what he asks for: what is on trial then needs no other confirmation.
  bool confirms = false;
};

struct ReloadOutcome {
  bool taken = false;
  std::string digest;                 // of what runs now
  std::vector<std::string> messages;  // why not, or warnings
};

class ConfigControl {
 public:
  struct Hooks {
    std::function<const LoadedConfig&()> running;
    std::function<Result<void>(LoadedConfig)> take;  // all or nothing
  };

  // `names_file`: where the addresses of names are remembered.
  ConfigControl(boost::asio::io_context& io, ConfigSource source, std::filesystem::path names_file,
                Hooks hooks);

  // GET /api/v1/config, POST /api/v1/config/reload and .../confirm. Before it listens.
  void offer(console::HttpServer& server);

  // One after the other.
  boost::asio::awaitable<ReloadOutcome> reload(ReloadRequest request);
  // For a signal: nobody waits for the outcome, which the log tells.
  void reload_unasked();

  // Now and then: ends a trial whose time is up, and asks for names again.
  void tick(Instant now);
  // In words, for the status.
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  boost::asio::awaitable<ReloadOutcome> load_and_take(ReloadRequest request);
  boost::asio::awaitable<void> roll_back();
  boost::asio::awaitable<void> ask_names();
  void remember_names();
  ReloadOutcome take(LoadedConfig loaded, const ReloadRequest& request);
  ReloadOutcome refuse(std::vector<std::string> reasons);
  [[nodiscard]] console::Reply tell_files() const;
  boost::asio::awaitable<console::Reply> answer_reload(std::string body);
  boost::asio::awaitable<console::Reply> answer_confirm(std::string body);

  boost::asio::io_context& io_;
  ConfigSource source_;
  Hooks hooks_;
  Trial trial_;
  bool busy_ = false;  // with a reload
  bool rolling_back_ = false;
  std::string reload_error_;  // of the last reload; empty: it went well, or there was none
  std::string trial_error_;   // why there is no way back
  std::vector<std::string> kept_names_;  // whose addresses are old ones, and why
  std::filesystem::path names_file_;
  Instant next_names_{};
  bool asking_names_ = false;
  boost::asio::thread_pool aside_{1};
  boost::asio::thread_pool names_aside_{1};  // a name server may be slow, a reload must not be
};

}  // namespace carpool
