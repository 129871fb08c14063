#include "controlplane/mirror/server_views.h"

#include <utility>

namespace carpool::mirror {
namespace {

ViewsItem::Entry entry_of(const ServerView& view) {
  return {view.state, view.name, view.check, std::string_view(view.text).substr(0, kMaxViewText)};
}

std::vector<ItemBytes> encode_entries(std::span<const ViewsItem::Entry> entries) {
  std::vector<ItemBytes> items;
  while (!entries.empty())
    items.push_back(encode_views(entries));
  return items;
}

}  // namespace

std::vector<ItemBytes> encode_views(std::span<const ServerView> views) {
  std::vector<ViewsItem::Entry> entries;
  entries.reserve(views.size());
  for (const ServerView& view : views)
    entries.push_back(entry_of(view));
  return encode_entries(entries);
}

std::vector<ItemBytes> ServerViews::change(std::vector<ServerView> changed) {
  auto items = encode_views(changed);
  for (ServerView& view : changed) {
    if (view.state == ServerViewState::gone) {
      own_.erase(view.name);
    } else {
      std::string name = view.name;
      own_.insert_or_assign(std::move(name), std::move(view));
    }
  }
  return items;
}

std::vector<ItemBytes> ServerViews::all() const {
  std::vector<ViewsItem::Entry> entries;
  entries.reserve(own_.size());
  for (const auto& [name, view] : own_)
    entries.push_back(entry_of(view));
  return encode_entries(entries);
}

void ServerViews::learn(const ViewsItem& item, Instant now) {
  for (const ViewsItem::Entry& entry : item.entries) {
    changed_ = true;
    const auto known = peer_.find(entry.name);
    if (entry.state == ServerViewState::gone) {
      if (known != peer_.end()) peer_.erase(known);
      continue;
    }
    if (known == peer_.end() && peer_.size() >= kMaxViews) continue;
    PeerView& view = known == peer_.end() ? peer_[std::string(entry.name)] : known->second;
    if (view.state != entry.state) view.since = now;
    view.state = entry.state;
    view.check = entry.check;
    view.text = entry.text;
  }
}

void ServerViews::forget_peer() {
  changed_ = changed_ || !peer_.empty();
  peer_.clear();
}

const std::shared_ptr<const PeerViews>& ServerViews::peer() const {
  if (std::exchange(changed_, false)) published_ = std::make_shared<PeerViews>(peer_);
  return published_;
}

}  // namespace carpool::mirror
