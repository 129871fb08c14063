#include "controlplane/link/maglev.h"

#include <algorithm>
#include <array>
#include <utility>

#include <tbb/parallel_for_each.h>

namespace carpool::link {
namespace {

constexpr std::size_t kPlacesPerServer = 100;  // of which even a server of low weight gets some
constexpr std::array<std::size_t, 8> kPrimes = {1021,  2039,  4093,  8191,
                                                16381, 32749, 65521, 131071};

// Fewer are made sooner than another thread is awake.
constexpr std::size_t kWorthSharing = 4;

constexpr std::uint16_t kEmpty = 0xffff;  // no server has this index

// The finaliser of MurmurHash3 with its 64-bit constants.
constexpr std::uint64_t mix(std::uint64_t value) {
  value = (value ^ value >> 33) * 0xff51afd7ed558ccd;
  value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53;
  return value ^ value >> 33;
}

// The order in which a server asks for places: every one of them, as their number is a prime.
class Preference {
 public:
  Preference(std::uint64_t identity, std::uint32_t places)
      : at_(static_cast<std::uint32_t>((identity & 0xffffffff) % places)),
        step_(static_cast<std::uint32_t>((identity >> 32) % (places - 1)) + 1),
        places_(places) {}

  std::uint32_t next() {
    const std::uint32_t place = at_;
    at_ += step_;
    if (at_ >= places_) at_ -= places_;
    return place;
  }

 private:
  std::uint32_t at_;
  std::uint32_t step_;
  std::uint32_t places_;
};

}  // namespace

std::uint64_t maglev_identity(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char letter : name)
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  return mix(hash);
}

std::size_t maglev_places(std::size_t servers) {
  const auto enough = std::ranges::lower_bound(kPrimes, servers * kPlacesPerServer);
  return enough == kPrimes.end() ? kPrimes.back() : *enough;
}

// Servers take turns, and each turn one takes the first place of its order that is still free.
// Who has less weight than the heaviest is passed over in proportion.
void fill_maglev(std::span<const MaglevServer> servers, std::span<std::uint16_t> table) {
  if (servers.empty()) return;
  std::ranges::fill(table, kEmpty);
  std::vector<Preference> preferences;
  preferences.reserve(servers.size());
  std::uint32_t heaviest = 1;
  for (const MaglevServer& server : servers) {
    preferences.emplace_back(server.identity, static_cast<std::uint32_t>(table.size()));
    heaviest = std::max(heaviest, server.weight);
  }
  std::vector<std::uint32_t> credit(servers.size(), 0);
  for (std::size_t left = table.size();;) {
    for (std::size_t i = 0; i < servers.size(); ++i) {
      credit[i] += servers[i].weight;
      if (credit[i] < heaviest) continue;
      credit[i] -= heaviest;
      std::uint32_t place = preferences[i].next();
      while (table[place] != kEmpty)
        place = preferences[i].next();
      table[place] = servers[i].server;
      if (--left == 0) return;
    }
  }
}

void MaglevTables::make(std::vector<MaglevPlan> plans) {
  auto before = std::exchange(made_, {});
  std::vector<Made*> missing;
  for (MaglevPlan& plan : plans) {
    const auto service = plan.service;
    auto known = before.extract(service);
    if (known && known.mapped().plan == plan) {
      made_.insert(std::move(known));
      continue;
    }
    Made& made = made_[service];  // stays where it is while others are added
    made.table.resize(plan.places);
    made.plan = std::move(plan);
    missing.push_back(&made);
  }
  const auto fill = [](Made* made) { fill_maglev(made->plan.servers, made->table); };
  if (missing.size() < kWorthSharing) {
    std::ranges::for_each(missing, fill);
  } else {
    tbb::parallel_for_each(missing, fill);
  }
}

std::span<const std::uint16_t> MaglevTables::of(std::uint16_t service) const {
  const auto made = made_.find(service);
  if (made == made_.end() || made->second.plan.servers.empty()) return {};
  return made->second.table;
}

}  // namespace carpool::link
