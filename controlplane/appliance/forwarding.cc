#include "controlplane/appliance/forwarding.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <spdlog/spdlog.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;

// A backend of a hundred servers goes down in a hundred transitions; one image tells of all.
constexpr Duration kBuildInterval = 5ms;
// Publisher asks to be polled this often when nothing is under way.
constexpr Duration kIdlePoll = 1s;
// An address conflict that was not seen again for this long is over.
constexpr Duration kConflictMemory = 60s;

// Keys the choice of slots and source ports. Both nodes of a pair make it from the same
// configuration, and it is as secret as the passwords of their groups.
std::array<std::uint64_t, 2> derive_secret(const config::Config& config) {
  std::string text = "carpool slots and ports";
  for (const config::RedundancyGroup& group : config.groups) {
    text += fmt::format("\n{} {} {}", group.vhid, group.password.size(), group.password);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  std::array<std::uint64_t, 2> secret{};
  std::memcpy(secret.data(), digest.data(), sizeof secret);
  return secret;
}

// Whose link-layer addresses are needed: servers, and peers that get their adverts by unicast.
std::vector<Ipv4Address> wanted_neighbours(const config::Config& config) {
  std::vector<Ipv4Address> addresses;
  for (const config::Backend& backend : config.backends) {
    for (const config::Server& server : backend.servers)
      addresses.push_back(server.address);
  }
  for (const config::RedundancyGroup& group : config.groups) {
    const auto& peers = group.vrrp.unicast_peers;
    addresses.insert(addresses.end(), peers.begin(), peers.end());
  }
  return addresses;
}

}  // namespace

void Forwarding::configure(const config::Config& config, link::ServerStates states) {
  config_ = &config;
  states_ = std::move(states);
  // Connections stay on their workers for as long as the secret stays, so it is chosen only once.
  if (secret_ == std::array<std::uint64_t, 2>{}) secret_ = derive_secret(config);
  next_hops_.set_servers(wanted_neighbours(config));
  network_changed_ = true;
  image_stale_ = true;
  indices_stale_ = true;
}

void Forwarding::set_states(link::ServerStates states) {
  states_ = std::move(states);
  image_stale_ = true;
}

// ---- The data plane ----------------------------------------------------------------------------

void Forwarding::attach(abi::Region& region, bool adopted, const NetworkState& network,
                        Instant now) {
  region_ = &region;
  ports_ = link::region_ports(region.header(), network);
  next_hops_.set_ports(ports_);
  events_.emplace(region);
  counters_.forget();
  indices_stale_ = true;
  const abi::ImageView image = adopted ? link::newest_image(region) : abi::ImageView();
  if (image && previous_.empty()) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&image.header());
    previous_.assign(bytes, bytes + image.header().size);
    ids_ = link::Ids::recover(abi::ImageView(previous_.data()));
    next_hops_.adopt(abi::ImageView(previous_.data()));
    secret_ = {image.header().secret[0], image.header().secret[1]};
  }
  release_unknown_groups(now);
  publisher_.attach(region);
  follow_network(network, now);
  build(now);
}

// A group that was removed while no control plane ran: its index must be free of claims before it
// means another group.
void Forwarding::release_unknown_groups(Instant now) {
  std::uint32_t active = 0;
  for (std::uint32_t worker = 0; worker < region_->workers(); ++worker)
    active |= region_->status(worker).active_groups.load(std::memory_order_acquire);
  for (std::uint32_t index = 0; index < abi::kMaxGroups; ++index) {
    if ((active >> index & 1) == 0) continue;
    const std::string* name = ids_.groups.live_key(index);
    if (name == nullptr || config_->find_group(*name) == nullptr) {
      publisher_.set_group(index, false, now);
    }
  }
}

void Forwarding::detach() {
  publisher_.detach();
  events_.reset();
  region_ = nullptr;
}

bool Forwarding::claims(std::string_view group) const {
  const auto index = ids_.groups.find(std::string(group));
  if (region_ == nullptr || !index) return false;
  for (std::uint32_t worker = 0; worker < region_->workers(); ++worker) {
    const abi::ThreadStatus& status = region_->status(worker);
    const auto active = status.active_groups.load(std::memory_order_acquire);
    if ((active >> *index & 1) == 0 || status.fenced.load(std::memory_order_acquire) != 0) {
      return false;
    }
  }
  return true;
}

void Forwarding::set_group(std::string_view group, bool active, Instant now) {
  if (const auto index = ids_.groups.find(std::string(group))) {
    publisher_.set_group(*index, active, now);
  }
}

link::CountersSnapshot Forwarding::counters() {
  if (region_ == nullptr) return {};
  // Workers go on counting while we read. A few tries always find one between two batches; if not,
  // the last one is off by what was under way.
  constexpr int kTries = 50;
  link::CountersSnapshot snapshot;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    snapshot = counters_.read(*region_, ids_);
    std::uint64_t judged = 0;
    for (const std::uint64_t count : snapshot.total.verdicts)
      judged += count;
    if (judged == snapshot.total.received) break;
  }
  return snapshot;
}

std::optional<std::vector<link::ServerTotals>> Forwarding::server_totals() const {
  if (region_ == nullptr || indices_stale_) return std::nullopt;
  return server_totals_.read(*region_);
}

// ---- Keeping up --------------------------------------------------------------------------------

void Forwarding::tick(const NetworkState& network, Instant now) {
  if (config_ == nullptr) return;
  if (network_changed_ || now >= next_network_step_) follow_network(network, now);
  if (region_ == nullptr) return;
  if (image_stale_ && now - last_build_ >= kBuildInterval) build(now);
  poll_data_plane(now);
}

void Forwarding::follow_network(const NetworkState& network, Instant now) {
  if (std::exchange(network_changed_, false) && region_ != nullptr) {
    auto ports = link::region_ports(region_->header(), network);
    if (ports != ports_) {
      ports_ = std::move(ports);
      next_hops_.set_ports(ports_);
      image_stale_ = true;
    }
  }
  const link::NextHops::Step step = next_hops_.step(network, now);
  next_network_step_ = step.next;
  if (step.changed) image_stale_ = true;
  for (const NeighbourKey& neighbour : step.requests)
    resolve_(neighbour);
}

void Forwarding::build(Instant now) {
  image_stale_ = false;
  last_build_ = now;
  const link::BuildInput input{
      .config = *config_,
      .ports = ports_,
      .reachability = next_hops_.reachability(),
      .states = states_,
      .previous = previous_.empty() ? abi::ImageView() : abi::ImageView(previous_.data()),
      .generation = publisher_.next_generation(),
      .secret = secret_,
      .maglev = &maglev_};
  auto built = link::build_image(input, ids_);
  if (built) {
    announce_(abi::ImageView(built->bytes.data()));
    auto published = publisher_.publish(built->bytes, now);
    if (!published) built = std::unexpected(published.error());
  }
  if (!built) {
    if (build_error_ != built.error().message) spdlog::error("{}", built.error().message);
    build_error_ = built.error().message;
    return;
  }
  build_error_.clear();
  if (std::exchange(indices_stale_, false)) server_totals_.configure(*config_, ids_);
  previous_ = std::move(built->bytes);
  image_problems_.clear();
  for (link::Problem& problem : built->problems) {
    image_problems_.push_back(std::move(problem.text));
  }
  spdlog::debug("forwarding image {} published, {} bytes", input.generation, previous_.size());
}

void Forwarding::poll_data_plane(Instant now) {
  events_->poll([&](std::uint32_t thread, const abi::Event& event) {
    publisher_.on_event(thread, event);
    if (event.kind == abi::EventKind::address_conflict) {
      if (!conflict_ || conflict_->mac != event.mac || now - conflict_->last > kConflictMemory) {
        spdlog::error("{} says that it owns {}", to_string(event.mac), to_string(event.address));
      }
      conflict_ = Conflict{event.address, event.mac, now};
    }
  });
  const bool was_settled = std::exchange(settled_, publisher_.all_acknowledged());
  if (settled_) publisher_reports_.clear();
  if (was_settled && settled_ && now < next_poll_) return;
  next_poll_ = now + kIdlePoll;
  for (std::string& report : publisher_.poll(now)) {
    spdlog::error("{}", report);
    publisher_reports_.push_back(std::move(report));
  }
  if (conflict_ && now - conflict_->last > kConflictMemory) conflict_.reset();
}

std::optional<MacAddress> Forwarding::neighbour(std::uint16_t port, Ipv4Address address) const {
  const link::Reachability& known = reachability();
  const auto reach = known.servers.find(address);
  if (reach == known.servers.end() || reach->second.way != link::Way::port ||
      reach->second.port != port) {
    return std::nullopt;
  }
  const auto mac = known.neighbours.find({reach->second.port, reach->second.neighbour});
  if (mac == known.neighbours.end()) return std::nullopt;
  return mac->second;
}

std::vector<std::string> Forwarding::problems() const {
  std::vector<std::string> all = image_problems_;
  if (!build_error_.empty()) all.push_back(build_error_);
  all.insert(all.end(), publisher_reports_.begin(), publisher_reports_.end());
  if (conflict_) {
    all.push_back(fmt::format("{} says that it owns {}, which is ours", to_string(conflict_->mac),
                              to_string(conflict_->address)));
  }
  return all;
}

}  // namespace carpool
