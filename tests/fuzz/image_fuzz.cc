// A damaged forwarding image. validate() either refuses it, or everything that a worker does with
// an image stays inside of it, and a control plane that starts from it builds images that are good.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/link/image_builder.h"

namespace carpool::link {
namespace {

config::Config small_config() {
  config::Config config;
  for (std::uint8_t number = 1; number <= 2; ++number) {
    config::RedundancyGroup group;
    group.name = number == 1 ? "public" : "inside";
    group.vhid = number;
    group.port = "wan";
    group.addresses = {{{Ipv4Address::of(192, 0, 2, number), 24}, "wan", {}}};
    group.floating = {{{Ipv4Address::of(10, 0, 0, number), 24}, "lan", {}}};
    config.groups.push_back(group);

    config::Backend backend;
    backend.name = group.name;
    for (std::uint8_t i = 0; i < 3; ++i) {
      config::Server server;
      server.name = std::to_string(i);
      server.address = Ipv4Address::of(10, 0, number, i);
      server.port = 80;
      server.weight = i + 1u;
      backend.servers.push_back(server);
    }
    config::Frontend frontend;
    frontend.name = group.name;
    frontend.backend_index = config.backends.size();
    frontend.binds = {{group.addresses[0].prefix.address, 80, 82, number - std::size_t{1}, {}}};
    config.backends.push_back(backend);
    config.frontends.push_back(frontend);
  }
  return config;
}

struct Setting {
  config::Config config = small_config();
  std::vector<RegionPort> ports = {{"wan", 2, {}}, {"lan", 3, {}}};
  Reachability reachability;
  ServerStates states = initial_states(config);

  Setting() {
    for (const auto& backend : config.backends) {
      for (const auto& server : backend.servers) {
        reachability.servers[server.address] = {Way::port, 1, server.address, {}};
        reachability.neighbours[{1, server.address}] = MacAddress{{2, 0, 0, 0, 0, 1}};
      }
    }
  }
  [[nodiscard]] std::vector<std::byte> build(Ids& ids, abi::ImageView previous) const {
    auto built = build_image({.config = config,
                              .ports = ports,
                              .reachability = reachability,
                              .states = states,
                              .previous = previous,
                              .generation = 1,
                              .secret = {}},
                             ids);
    if (!built) return {};
    return std::move(built->bytes);
  }
};

void require(bool holds) {
  if (!holds) std::abort();
}

volatile std::uint64_t sink;  // so that reading counts

// Reads all that a worker can get to, the way it does.
void use(abi::ImageView image) {
  std::uint64_t sum = 0;
  for (std::uint16_t port = 79; port < 84; ++port) {
    for (std::uint8_t last = 0; last < 4; ++last) {
      const auto address = Ipv4Address::of(192, 0, 2, last);
      if (const auto* found = image.find_address(address))
        sum += image.groups()[found->group].mac.bytes[5];
      const int service = image.find_service(address, be16(port), 6);
      if (service >= 0) sum += image.services()[static_cast<std::size_t>(service)].group;
    }
  }
  for (const auto& service : image.services()) {
    if (service.name.empty()) continue;
    sum += image.groups()[service.group].vhid;
    for (const std::uint16_t index : image.picks(service)) {
      const auto& server = image.servers()[index];
      const auto& hop = image.next_hops()[server.next_hop];
      require(hop.port < abi::kMaxPorts);
      sum += hop.destination.bytes[0] + image.services()[server.service].name.view().size();
    }
  }
  sink = sum;
}

// Four bytes each: where (24 bits, scaled to the image) and what to write there.
void damage(std::vector<std::byte>& image, std::span<const std::uint8_t> input) {
  for (; input.size() >= 4; input = input.subspan(4)) {
    const auto at = (std::size_t{input[0]} << 16 | std::size_t{input[1]} << 8 | input[2]);
    image[at % image.size()] = std::byte{input[3]};
  }
}

void run(std::span<const std::uint8_t> input) {
  static const Setting setting;
  static const std::vector<std::byte> good = [] {
    Ids ids;
    return setting.build(ids, {});
  }();
  if (input.empty()) return;

  std::vector<std::byte> bytes;
  if (input[0] % 2 == 0) {
    bytes = good;
    damage(bytes, input.subspan(1));
    if (input[0] % 4 == 0) bytes.resize(bytes.size() - input[0]);
  } else {
    const auto raw = std::as_bytes(input.subspan(1));
    bytes.assign(raw.begin(), raw.end());
  }
  // As many bytes as it has and none more, so that the sanitizer sees every step outside.
  bytes.shrink_to_fit();
  const auto exact = std::make_unique<std::byte[]>(bytes.size());
  std::ranges::copy(bytes, exact.get());
  if (abi::validate({exact.get(), bytes.size()}) != abi::ImageFault::none) return;

  const abi::ImageView image(exact.get());
  use(image);
  Ids ids = Ids::recover(image);
  const auto next = setting.build(ids, image);
  if (next.empty()) return;  // its tables leave no room
  require(abi::validate(next) == abi::ImageFault::none);
  const abi::ImageView after(next.data());
  require(after.servers().size() >= image.servers().size());
  require(after.next_hops().size() >= image.next_hops().size());
  use(after);
}

}  // namespace
}  // namespace carpool::link

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  carpool::link::run({data, size});
  return 0;
}
