// The way in: texts to a model, or to everything that is wrong with them. Pure: files, names and
// the environment come from the caller.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/model.h"
#include "dataplane/base/result.h"

namespace carpool::config {

struct LoadOptions {
  std::string node_name;  // which `node` section is ours

  // A server's host name to its address. May block; called at most once per name. Without one,
  // host names are errors.
  std::function<Result<Ipv4Address>(std::string_view)> resolve;

  // The environment, for "$NAME" and .if defined(NAME). Without one it is empty.
  std::function<std::optional<std::string>(std::string_view)> environment;

  // The text of a file that holds a secret, after a look at who else may read it. Without one,
  // such files are errors.
  std::function<Result<std::string>(std::string_view path)> read_secret;

  // Whether a server's `ca-file` can be used. Without one, files are not looked at.
  std::function<Result<void>(const std::string&)> check_ca_file;

  // A user of this machine, as whom the programs of `external-check` run. Without one nobody looks,
  // and such checks fail where they would run as root.
  std::function<Result<UserNumbers>(const std::string&)> find_user;

  // Turns refusals of layer-7 features into warnings where traffic would still flow.
  bool allow_degraded = false;
};

// Files are taken in the order given, as if joined, except that a section ends with its file.
// On success the warnings are in the model. On failure everything found is returned, warnings
// included, in the order of files and lines: never only the first error.
[[nodiscard]] std::expected<Config, std::vector<Diagnostic>> load(
    const std::vector<SourceFile>& files, const LoadOptions& options);

}  // namespace carpool::config
