// The sections of the configuration as HAProxy numbers and lists them: a `listen` is one proxy that
// has both a frontend's and a backend's side. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "controlplane/config/model.h"

namespace carpool::console {

struct Proxy {
  std::uint32_t id = 0;  // HAProxy's iid
  std::string_view name;
  // Indices into the configuration; the sides that it has not are unset.
  std::optional<std::size_t> frontend{};
  std::optional<std::size_t> backend{};
  const config::StatsPage* page = nullptr;  // it has both sides of its own, and nothing behind it

  [[nodiscard]] bool has_backend() const { return backend || page != nullptr; }
};

// In the order of the configuration. Points into it.
[[nodiscard]] std::vector<Proxy> proxies_of(const config::Config& config);

// HAProxy's sid of a backend's servers, in their order.
[[nodiscard]] std::vector<std::uint32_t> server_ids(const config::Backend& backend);

// By name, or "#ID".
[[nodiscard]] const Proxy* find_backend(const std::vector<Proxy>& proxies, std::string_view name);
[[nodiscard]] const Proxy* find_frontend(const std::vector<Proxy>& proxies, std::string_view name);
[[nodiscard]] std::optional<std::size_t> find_server(const config::Backend& backend,
                                                     std::string_view name);

// The whole text as a number; nothing if it is not one.
[[nodiscard]] std::optional<std::uint32_t> number_of(std::string_view text);

}  // namespace carpool::console
