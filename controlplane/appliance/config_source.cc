#include "controlplane/appliance/config_source.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "controlplane/config/load.h"
#include "controlplane/config/read_files.h"
#include "controlplane/health/tls_context.h"
#include "controlplane/runtime/user.h"

namespace carpool {
namespace {

std::optional<std::string> environment_variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<config::UserNumbers> user_numbers(const std::string& name) {
  const auto found = find_user(name);
  if (!found) return std::unexpected(found.error());
  return config::UserNumbers{found->user, found->group};
}

}  // namespace

std::string digest_of(const std::vector<config::SourceFile>& files) {
  std::string text;
  for (const config::SourceFile& file : files)
    text += file.text;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned at = 0; at < length; ++at)
    hex += fmt::format("{:02x}", digest[at]);
  return hex;
}

std::expected<LoadedConfig, std::vector<config::Diagnostic>> load_texts(
    const ConfigSource& source, std::vector<config::SourceFile> files, const NameAddresses& known) {
  config::LoadOptions options;
  options.node_name = source.node;
  options.check_ca_file = check_ca_file;
  options.find_user = user_numbers;
  std::vector<std::string> kept;
  options.resolve = [&](std::string_view name) -> Result<Ipv4Address> {
    const auto before = known.find(name);
    const auto answer = look_up(std::string(name));
    if (answer) {
      return choose_address(*answer, before == known.end() ? nullptr : &before->second);
    }
    if (before == known.end()) return std::unexpected(answer.error());
    kept.push_back(fmt::format("{} cannot be resolved ({}), and keeps {}", name,
                               answer.error().message, to_string(before->second)));
    return before->second;
  };
  options.environment = environment_variable;
  options.read_secret = [](std::string_view path) { return config::read_secret_file(path); };
  options.allow_degraded = source.allow_degraded;
  auto loaded = config::load(files, options);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  std::string digest = digest_of(files);
  return LoadedConfig{std::move(*loaded), std::move(digest), std::move(files), std::move(kept)};
}

std::expected<LoadedConfig, std::vector<std::string>> load_config(const ConfigSource& source,
                                                                  const NameAddresses& known) {
  auto files = config::read_files(source.path);
  if (!files) return std::unexpected(std::vector{files.error().message});
  auto loaded = load_texts(source, std::move(*files), known);
  if (loaded) return std::move(*loaded);
  std::vector<std::string> lines;
  for (const config::Diagnostic& diagnostic : loaded.error())
    lines.push_back(config::format_diagnostic(diagnostic));
  return std::unexpected(std::move(lines));
}

std::filesystem::path default_config_path() {
  const std::filesystem::path directory = "/etc/carpool/conf.d";
  std::error_code ignored;
  return std::filesystem::is_directory(directory, ignored) ? directory : "/etc/carpool/carpool.cfg";
}

std::string default_node_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "";
  const std::string_view text = name.data();
  return std::string(text.substr(0, text.find('.')));
}

}  // namespace carpool
