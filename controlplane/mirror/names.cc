#include "controlplane/mirror/names.h"

#include <algorithm>

#include <fmt/format.h>

#include "dataplane/abi/limits.h"

namespace carpool::mirror {
namespace {

void encode_table_changes(NameTable table, const std::vector<std::string>& before,
                          const std::vector<std::string>& now, std::vector<ItemBytes>& items) {
  std::vector<NamesItem::Entry> changed;
  for (std::size_t index = 0; index < std::max(before.size(), now.size()); ++index) {
    const std::string_view old_name = index < before.size() ? before[index] : std::string_view();
    const std::string_view new_name = index < now.size() ? now[index] : std::string_view();
    if (old_name != new_name) changed.push_back({static_cast<std::uint16_t>(index), new_name});
  }
  for (std::span<const NamesItem::Entry> rest = changed; !rest.empty();)
    items.push_back(encode_names(table, rest));
}

}  // namespace

Names names_of(abi::ImageView image) {
  Names names;
  for (const abi::ImageService& service : image.services())
    names.services.emplace_back(service.name.view());
  for (const abi::ImageServer& server : image.servers()) {
    const bool used = !server.name.empty() && server.service < names.services.size();
    names.servers.push_back(
        used ? fmt::format("{}/{}", names.services[server.service], server.name.view()) : "");
  }
  return names;
}

std::vector<ItemBytes> encode_changes(const Names& before, const Names& now) {
  std::vector<ItemBytes> items;
  encode_table_changes(NameTable::services, before.services, now.services, items);
  encode_table_changes(NameTable::servers, before.servers, now.servers, items);
  return items;
}

int NameTranslation::Table::find(const std::string& name) const {
  const auto found = local.find(name);
  return found == local.end() ? -1 : found->second;
}

void NameTranslation::Table::set_local(std::span<const std::string> names) {
  local.clear();
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (!names[index].empty()) local.emplace(names[index], static_cast<std::uint16_t>(index));
  }
  for (Entry& entry : peer) {
    entry.local = find(entry.name);
    entry.reported = false;
  }
}

void NameTranslation::set_local(const Names& local) {
  services_.set_local(local.services);
  servers_.set_local(local.servers);
  unknown_.clear();  // what is unknown still will be met again
}

void NameTranslation::learn(const NamesItem& item) {
  const bool is_service = item.table == NameTable::services;
  Table& table = is_service ? services_ : servers_;
  const std::size_t limit = is_service ? abi::kMaxServices : abi::kMaxServers;
  for (const NamesItem::Entry& entry : item.entries) {
    if (entry.index >= limit) continue;
    if (table.peer.size() <= entry.index) table.peer.resize(entry.index + 1u);
    std::string name(entry.name);
    const int local = table.find(name);
    table.peer[entry.index] = {std::move(name), local, false};
  }
}

void NameTranslation::forget_peer() {
  services_.peer.clear();
  servers_.peer.clear();
  unknown_.clear();
}

bool NameTranslation::translate(abi::MirrorRecord& record, std::string& fresh_unknown) {
  return translate(services_, record.service, fresh_unknown) &&
         translate(servers_, record.server, fresh_unknown);
}

bool NameTranslation::translate(Table& table, std::uint16_t& index, std::string& fresh_unknown) {
  if (index >= table.peer.size()) return false;
  Entry& entry = table.peer[index];
  if (entry.local >= 0) {
    index = static_cast<std::uint16_t>(entry.local);
    return true;
  }
  if (!entry.reported && !entry.name.empty() && unknown_.size() < kMaxUnknown) {
    fresh_unknown = unknown_.emplace_back(fmt::format("{} '{}'", table.what, entry.name));
  }
  entry.reported = true;
  return false;
}

}  // namespace carpool::mirror
