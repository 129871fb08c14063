#include "tools/carpool/config_command.h"

#include <cstdio>
#include <string>

#include <fmt/format.h>

#include "controlplane/config/keywords.h"
#include "tools/carpool/status_command.h"

namespace carpool::tool {
int run_config_check(const ConfigSource& source) {
  const auto loaded = load_config(source);
  if (!loaded) {
    for (const std::string& line : loaded.error())
      fmt::print(stderr, "{}\n", line);
    return kFailed;
  }
  for (const config::Diagnostic& warning : loaded->config.warnings)
    fmt::print(stderr, "{}\n", config::format_diagnostic(warning));
  fmt::print("{}: node {}: the configuration is good\n", source.path.string(),
             loaded->config.node_name);
  return kAnswered;
}

int run_config_keywords() {
  fmt::print("{}\n", config::print_keywords());
  return kAnswered;
}

}  // namespace carpool::tool
