// A configuration on trial: unless somebody confirms it in time, the one before it comes back, its
// files included. Whoever changes a distant machine so does not lock himself out.
//
// The daemon counts, because the shell that asked for it may be gone by then; and it writes down
// what it counts, beside the configuration, because the daemon or the machine may be gone as well.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/config/diagnostic.h"
#include "controlplane/config/store_files.h"
#include "dataplane/base/result.h"

namespace carpool {

class Trial {
 public:
  using Clock = std::chrono::system_clock;  // goes on while the machine is off
  struct Pending {
    Clock::time_point deadline;
    std::string digest;                      // of what is on trial
    std::vector<config::SourceFile> before;  // what comes back

    friend bool operator==(const Pending&, const Pending&) = default;
  };

  // `source`: the file or folder of the configuration.
  explicit Trial(std::filesystem::path source);

  // What an earlier daemon wrote down; an error if that cannot be understood.
  [[nodiscard]] Result<void> recall();

  // If it fails nothing is on trial.
  [[nodiscard]] Result<void> begin(Pending pending);
  // A later configuration on top of one that is on trial goes back to the same one.
  [[nodiscard]] const std::optional<Pending>& pending() const { return pending_; }
  [[nodiscard]] bool due(Clock::time_point now) const;

  // The files as they were; the trial is over. An error leaves it pending.
  [[nodiscard]] Result<void> put_back();
  // What is on trial stays.
  void confirm();

 private:
  std::filesystem::path source_;
  std::filesystem::path file_;
  std::optional<Pending> pending_;
};

[[nodiscard]] std::string write_trial(const Trial::Pending& pending);
[[nodiscard]] Result<Trial::Pending> read_trial(const std::string& text);

}  // namespace carpool
