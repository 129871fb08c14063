#include "controlplane/link/server_totals.h"

#include <set>

#include "controlplane/link/image_builder.h"

namespace carpool::link {

void ServerTotalsReader::configure(const config::Config& config, const Ids& ids) {
  std::vector<std::size_t> first_of_backend;
  std::size_t servers = 0;
  for (const config::Backend& backend : config.backends) {
    first_of_backend.push_back(servers);
    servers += backend.servers.size();
  }
  indices_.assign(servers, {});
  for (const config::Frontend& frontend : config.frontends) {
    std::set<std::size_t> groups;
    for (const config::Bind& bind : frontend.binds)
      groups.insert(bind.group);
    const config::Backend& backend = config.backends[frontend.backend_index];
    for (const std::size_t group : groups) {
      const std::string service = service_name(config, frontend, group);
      for (std::size_t at = 0; at < backend.servers.size(); ++at) {
        const auto index = ids.servers.find(server_key(service, backend.servers[at].name));
        if (index) indices_[first_of_backend[frontend.backend_index] + at].push_back(*index);
      }
    }
  }
}

std::vector<ServerTotals> ServerTotalsReader::read(const abi::Region& region) const {
  std::vector<ServerTotals> totals(indices_.size());
  for (std::size_t server = 0; server < indices_.size(); ++server) {
    for (const std::uint32_t index : indices_[server])
      totals[server] += read_server(region, index);
  }
  return totals;
}

}  // namespace carpool::link
