#include "controlplane/link/ids.h"

namespace carpool::link {
namespace {

template <class Table>
void restore_names(IndexPool<std::string>& pool, const Table& table) {
  pool.grow(static_cast<std::uint32_t>(table.size()));
  for (std::uint32_t index = 0; index < table.size(); ++index) {
    if (!table[index].name.empty()) pool.restore(index, std::string(table[index].name.view()));
  }
}

}  // namespace

std::string server_key(std::string_view service, std::string_view server) {
  std::string key;
  key.reserve(service.size() + 1 + server.size());
  return key.append(service).append("/").append(server);
}

Ids Ids::recover(abi::ImageView image) {
  Ids ids;
  restore_names(ids.groups, image.groups());
  restore_names(ids.services, image.services());

  const auto servers = image.servers();
  ids.servers.grow(static_cast<std::uint32_t>(servers.size()));
  for (std::uint32_t index = 0; index < servers.size(); ++index) {
    const auto& server = servers[index];
    if (server.name.empty()) continue;
    const auto& service = image.services()[server.service];
    ids.servers.restore(index, server_key(service.name.view(), server.name.view()));
  }

  const auto hops = image.next_hops();
  ids.next_hops.grow(static_cast<std::uint32_t>(hops.size()));
  for (std::uint32_t index = 1; index < hops.size(); ++index) {
    const auto& hop = hops[index];
    if (!hop.neighbour.is_unspecified())
      ids.next_hops.restore(index, {hop.group, hop.port, hop.neighbour});
  }
  return ids;
}

void Ids::begin() {
  groups.begin();
  services.begin();
  servers.begin();
  next_hops.begin();
}

void Ids::end() {
  groups.end();
  services.end();
  servers.end();
  next_hops.end();
}

}  // namespace carpool::link
