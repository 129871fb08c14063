#include "controlplane/appliance/config_source.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/config/load.h"
#include "controlplane/config/read_files.h"
#include "controlplane/health/tls_context.h"
#include "controlplane/runtime/user.h"

namespace carpool {
namespace {

Result<Ipv4Address> resolve_host(std::string_view host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string name(host);
  if (const int error = getaddrinfo(name.c_str(), nullptr, &hints, &found); error != 0) {
    return fail(fmt::format("cannot resolve '{}': {}", name, gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
  const auto* address = reinterpret_cast<const sockaddr_in*>(found->ai_addr);
  return Ipv4Address{be32::from_raw(address->sin_addr.s_addr)};
}

std::optional<std::string> environment_variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<config::UserNumbers> user_numbers(const std::string& name) {
  const auto found = find_user(name);
  if (!found) return std::unexpected(found.error());
  return config::UserNumbers{found->user, found->group};
}

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

}  // namespace

std::expected<LoadedConfig, std::vector<std::string>> load_config(const ConfigSource& source) {
  const auto files = config::read_files(source.path);
  if (!files) return std::unexpected(std::vector{files.error().message});
  config::LoadOptions options;
  options.node_name = source.node;
  options.check_ca_file = check_ca_file;
  options.find_user = user_numbers;
  options.resolve = resolve_host;
  options.environment = environment_variable;
  options.read_secret = [](std::string_view path) { return config::read_secret_file(path); };
  options.allow_degraded = source.allow_degraded;
  auto loaded = config::load(*files, options);
  if (!loaded) {
    std::vector<std::string> lines;
    for (const config::Diagnostic& diagnostic : loaded.error())
      lines.push_back(config::format_diagnostic(diagnostic));
    return std::unexpected(std::move(lines));
  }
  return LoadedConfig{std::move(*loaded), digest_of(*files)};
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
