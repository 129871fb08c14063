// carpool config: one function per word that follows it.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "controlplane/appliance/config_source.h"
#include "tools/carpool/change.h"

namespace carpool::tool {

// All print, and return the exit status.
int run_config_check(const ConfigSource& source);
int run_config_keywords();

struct ShowOptions {
  bool running = false;    // what runs, instead of what is on the disk
  bool effective = false;  // as it acts, with all defaults written out
  bool secrets = false;
};
int run_config_show(const Workplace& workplace, const ShowOptions& options);
// Of the files: with what runs, with one revision, or of two revisions.
int run_config_diff(const Workplace& workplace, const std::string& from, const std::string& to);
int run_config_plan(const Workplace& workplace);
int run_config_history(const Workplace& workplace, std::size_t limit);
int run_config_rollback(const Workplace& workplace, const std::string& revision,
                        ChangeRequest request);
int run_config_enable(const Workplace& workplace, const std::string& section, bool enable,
                      ChangeRequest request);
int run_config_backup(const Workplace& workplace, std::filesystem::path to);
int run_config_restore(const Workplace& workplace, const std::filesystem::path& from,
                       ChangeRequest request);
int run_config_digest(const Workplace& workplace);

}  // namespace carpool::tool
