#include "controlplane/appliance/fast_hello.h"

#include <algorithm>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

namespace carpool {
namespace {

using std::chrono::milliseconds;

milliseconds interval_of(const config::RedundancyGroup& group) {
  return std::chrono::duration_cast<milliseconds>(group.fast_hello);
}

bool wants_hellos(const config::RedundancyGroup& group) {
  return group.fast_hello > Duration::zero();
}

// Nothing where no group wants hellos, or they have no way to go; then why.
std::optional<hello::RunnerSettings> runner_settings(const config::Config& config,
                                                     std::string& why_not) {
  why_not = "not configured";
  if (std::ranges::none_of(config.groups, wants_hellos)) return std::nullopt;
  const auto other = std::ranges::find_if(
      config.other_nodes, [](const config::Node& node) { return node.peer.has_value(); });
  if (!config.node.peer || other == config.other_nodes.end()) {
    why_not = "only one node has a 'peer'";
    return std::nullopt;
  }
  if (config.global.peer_keys.empty()) {
    why_not = "there is no 'peer-key'";
    return std::nullopt;
  }
  hello::RunnerSettings settings{*config.node.peer, *other->peer, {}};
  ++settings.local.port;
  ++settings.peer.port;
  for (const config::PeerKey& key : config.global.peer_keys)
    settings.keys.push_back(hello::make_key(key.id, key.secret));
  return settings;
}

// The link of all hellos that a group wants is as fast as the fastest of them.
void take_up(hello::LinkSettings& link, const config::RedundancyGroup& group, bool first) {
  if (!first && link.interval <= interval_of(group)) return;
  link.interval = interval_of(group);
  link.count = group.fast_hello_count;
}

bool is_bad_news(const hello::Event& event) {
  return !std::holds_alternative<hello::PeerFound>(event) &&
         !std::holds_alternative<hello::LinkBack>(event);
}

}  // namespace

FastHello::FastHello(boost::asio::io_context& io, OnGone on_gone)
    : io_(io), on_gone_(std::move(on_gone)) {}

FastHello::~FastHello() {
  stop();
}

void FastHello::configure(const config::Config& config) {
  config_ = &config;
  auto wanted = runner_settings(config, why_off_);
  const bool keeps = runner_ && wanted && settings_ && settings_->local == wanted->local &&
                     settings_->peer == wanted->peer;
  settings_ = std::move(wanted);
  if (keeps) {
    runner_->set_keys(settings_->keys);
    why_off_.clear();
    return;
  }
  stop();
  if (settings_) start();
}

void FastHello::start() {
  lifetime_ = std::make_shared<int>();
  const std::weak_ptr<int> lifetime = lifetime_;
  auto started = hello::Runner::start(*settings_, [this, lifetime](const hello::Event& event) {
    boost::asio::post(io_, [this, lifetime, event] {
      if (!lifetime.expired()) hear(event);
    });
  });
  if (!started) {
    why_off_ = started.error().message;
    spdlog::error("no fast hellos: {}", why_off_);
    return;
  }
  runner_ = std::move(*started);
  why_off_.clear();
  runner_->set_claims(claims_);
  if (!session_.links.empty()) runner_->configure(session_, data_links_);
  if (region_ != nullptr) runner_->attach(*region_);
}

void FastHello::stop() {
  if (!runner_) return;
  lifetime_.reset();
  runner_.reset();
}

void FastHello::follow(std::span<const GroupReport> groups) {
  hello::SessionSettings session;
  std::vector<hello::DataLink> data_links;
  session.links.push_back({"peer", hello::LinkId::peer});
  for (const GroupReport& report : groups) {
    const auto* group = config_->find_group(report.settings.name);
    if (group == nullptr || !wants_hellos(*group) || report.settings.source().is_unspecified()) {
      continue;
    }
    take_up(session.links.front(), *group, session.groups.empty());
    const auto known = std::ranges::find(data_links, report.settings.port, &hello::DataLink::port);
    const auto at = static_cast<std::size_t>(known - data_links.begin()) + 1;
    const bool is_first = known == data_links.end();
    if (is_first) {
      data_links.push_back(
          {report.settings.port, report.settings.port_mac, report.settings.source()});
      session.links.push_back({group->port, hello::link_id(group->port)});
    }
    take_up(session.links[at], *group, is_first);
    session.groups.push_back({group->name, hello::group_id(group->name), at, interval_of(*group),
                              group->fast_hello_count});
  }
  if (session == session_ && data_links == data_links_) return;
  session_ = std::move(session);
  data_links_ = std::move(data_links);
  if (runner_) runner_->configure(session_, data_links_);
}

void FastHello::attach(const abi::Region& region) {
  region_ = &region;
  if (runner_) runner_->attach(region);
}

void FastHello::detach() {
  region_ = nullptr;
  if (runner_) runner_->detach();
}

void FastHello::tell(std::span<const GroupReport> groups) {
  std::vector<hello::GroupId> claims;
  for (const GroupReport& group : groups) {
    if (group.state() != RouterState::kInit) {
      claims.push_back(hello::group_id(group.settings.name));
    }
  }
  if (claims == claims_) return;
  claims_ = std::move(claims);
  if (runner_) runner_->set_claims(claims_);
}

void FastHello::hear(const hello::Event& event) {
  spdlog::log(is_bad_news(event) ? spdlog::level::warn : spdlog::level::info, "fast-hello: {}",
              hello::describe(event));
  if (const auto* gone = std::get_if<hello::PeerGone>(&event)) on_gone_(*gone);
}

std::optional<hello::Snapshot> FastHello::snapshot() const {
  if (!runner_) return std::nullopt;
  return runner_->snapshot();
}

}  // namespace carpool
