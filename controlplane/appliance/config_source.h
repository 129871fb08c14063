// Where the configuration comes from: reads the files, loads them with this machine's names and
// environment, and says everything that is wrong.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "controlplane/appliance/names.h"
#include "controlplane/config/model.h"

namespace carpool {

struct ConfigSource {
  std::filesystem::path path;  // a file, or a directory of them
  std::string node;
  bool allow_degraded = false;
};

struct LoadedConfig {
  config::Config config;
  std::string digest;  // SHA-256 of the text, hexadecimal: the same on both nodes of a pair
  std::vector<config::SourceFile> files;
  std::vector<std::string> kept_names;  // which could not be resolved, as take_answers() says it
};

// Errors: everything found, warnings included, as it is to be printed.
// Names of servers that cannot be resolved have the addresses that they have in `known`.
[[nodiscard]] std::expected<LoadedConfig, std::vector<std::string>> load_config(
    const ConfigSource& source, const NameAddresses& known = {});

// The same with texts that are at hand instead of those at `source.path`.
[[nodiscard]] std::expected<LoadedConfig, std::vector<config::Diagnostic>> load_texts(
    const ConfigSource& source, std::vector<config::SourceFile> files,
    const NameAddresses& known = {});
[[nodiscard]] std::string digest_of(const std::vector<config::SourceFile>& files);

// /etc/carpool/conf.d if it is there, else /etc/carpool/carpool.cfg.
[[nodiscard]] std::filesystem::path default_config_path();
// The name of this machine, up to the first dot.
[[nodiscard]] std::string default_node_name();

}  // namespace carpool
