// From two FreeBSD machines with CARP and HAProxy to one configuration of carpool. Pure: texts in,
// texts out, with a report of what was taken, what was changed, and what could not be.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/config/diagnostic.h"
#include "dataplane/base/result.h"

namespace carpool::tool {

struct ImportInput {
  config::SourceFile haproxy;
  config::SourceFile rc_conf;
  std::optional<config::SourceFile> rc_conf_peer;
  std::optional<config::SourceFile> sysctl;
};

struct ImportReport {
  std::vector<std::string> taken;
  std::vector<std::string> changed;
  std::vector<std::string> open;  // could not be taken, or has to be decided
};
[[nodiscard]] std::string report_text(const ImportReport& report);

struct Imported {
  std::vector<config::SourceFile> files;  // by their names only
  ImportReport report;
  std::string node;  // the first one's name
};

// What is wrong with a configuration, of that node.
using Checker = std::function<std::vector<config::Diagnostic>(
    const std::vector<config::SourceFile>& files, const std::string& node)>;

// Errors: nothing of it is a configuration (no CARP group, no host name).
[[nodiscard]] Result<Imported> import_pair(const ImportInput& input, const Checker& check);

}  // namespace carpool::tool
