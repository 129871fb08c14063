#include "controlplane/console/proxies.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <tuple>

namespace carpool::console {
namespace {

// A proxy on its way to its number.
struct Placed {
  config::Origin origin;
  std::optional<std::uint32_t> forced_id;
  Proxy proxy;

  [[nodiscard]] auto place() const { return std::tuple(origin.file, origin.line); }
};

// Ids that are written are taken first; all others are counted by position, as HAProxy does, and
// the internal proxy of its runtime socket is the first of all.
template <class Forced>
std::vector<std::uint32_t> number(std::size_t count, std::uint32_t first, Forced forced) {
  std::set<std::uint32_t> taken;
  for (std::size_t at = 0; at < count; ++at) {
    if (const auto id = forced(at)) taken.insert(*id);
  }
  std::vector<std::uint32_t> ids;
  auto next = first;
  for (std::size_t at = 0; at < count; ++at, ++next) {
    if (const auto id = forced(at)) {
      ids.push_back(*id);
      continue;
    }
    while (taken.contains(next))
      ++next;
    ids.push_back(next);
  }
  return ids;
}

}  // namespace

std::vector<Proxy> proxies_of(const config::Config& config) {
  std::vector<Placed> placed;
  for (std::size_t at = 0; at < config.frontends.size(); ++at) {
    const config::Frontend& frontend = config.frontends[at];
    placed.push_back({frontend.origin, frontend.id, {.name = frontend.name, .frontend = at}});
  }
  for (std::size_t at = 0; at < config.backends.size(); ++at) {
    const config::Backend& backend = config.backends[at];
    placed.push_back({backend.origin, backend.id, {.name = backend.name, .backend = at}});
  }
  for (const config::StatsPage& page : config.stats_pages)
    placed.push_back({page.origin, {}, {.name = page.name, .page = &page}});
  std::ranges::stable_sort(placed, {}, &Placed::place);

  std::vector<Placed> merged;
  for (Placed& next : placed) {
    if (!merged.empty() && next.proxy.backend && merged.back().proxy.frontend &&
        merged.back().proxy.name == next.proxy.name && merged.back().place() == next.place()) {
      merged.back().proxy.backend = next.proxy.backend;
    } else {
      merged.push_back(std::move(next));
    }
  }
  const std::uint32_t first = config.global.stats_sockets.empty() ? 1 : 2;
  const auto ids =
      number(merged.size(), first, [&](std::size_t at) { return merged[at].forced_id; });
  std::vector<Proxy> proxies;
  for (std::size_t at = 0; at < merged.size(); ++at) {
    proxies.push_back(merged[at].proxy);
    proxies.back().id = ids[at];
  }
  return proxies;
}

std::vector<std::uint32_t> server_ids(const config::Backend& backend) {
  return number(backend.servers.size(), 1, [&](std::size_t at) { return backend.servers[at].id; });
}

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

const Proxy* find_backend(const std::vector<Proxy>& proxies, std::string_view name) {
  const auto id = name.starts_with('#') ? number_of(name.substr(1)) : std::nullopt;
  const auto found = std::ranges::find_if(proxies, [&](const Proxy& proxy) {
    return proxy.backend && (id ? proxy.id == *id : proxy.name == name);
  });
  return found == proxies.end() ? nullptr : &*found;
}

const Proxy* find_frontend(const std::vector<Proxy>& proxies, std::string_view name) {
  const auto found = std::ranges::find_if(proxies, [&](const Proxy& proxy) {
    return (proxy.frontend || proxy.page != nullptr) && proxy.name == name;
  });
  return found == proxies.end() ? nullptr : &*found;
}

std::optional<std::size_t> find_server(const config::Backend& backend, std::string_view name) {
  const auto id = name.starts_with('#') ? number_of(name.substr(1)) : std::nullopt;
  const auto ids = id ? server_ids(backend) : std::vector<std::uint32_t>();
  for (std::size_t at = 0; at < backend.servers.size(); ++at) {
    if (id ? ids[at] == *id : backend.servers[at].name == name) return at;
  }
  return std::nullopt;
}

}  // namespace carpool::console
