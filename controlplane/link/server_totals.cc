#include "controlplane/link/server_totals.h"

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
  for (std::size_t backend = 0; backend < config.backends.size(); ++backend) {
    const auto& of_backend = config.backends[backend].servers;
    for (const std::string& service : services_of(config, backend)) {
      for (std::size_t at = 0; at < of_backend.size(); ++at) {
        const auto index = ids.servers.find(server_key(service, of_backend[at].name));
        if (index) indices_[first_of_backend[backend] + at].push_back(*index);
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
