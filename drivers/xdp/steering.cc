#include "drivers/xdp/steering.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <sys/mman.h>

#include "dataplane/net/headers.h"
#include "drivers/xdp/steer.h"

// Made by the linker from the compiled program.
extern "C" const char _binary_drivers_steer_bpf_o_start[];
extern "C" const char _binary_drivers_steer_bpf_o_end[];

namespace carpool {

static_assert(kHelloPort.host() == CARPOOL_STEER_HELLO_PORT);
static_assert(kHelloAddress.value.host() == CARPOOL_STEER_HELLO_ADDRESS);

namespace {

struct Attached {
  Fd program;              // none: nothing is attached
  std::uint32_t mode = 0;  // XDP_FLAGS_*_MODE
  bpf_prog_info info{};
};

std::uint32_t mode_flag(std::uint8_t attach_mode) {
  if (attach_mode == XDP_ATTACHED_SKB) return XDP_FLAGS_SKB_MODE;
  if (attach_mode == XDP_ATTACHED_HW) return XDP_FLAGS_HW_MODE;
  return XDP_FLAGS_DRV_MODE;
}

std::string reason(int negative_errno) {
  return std::strerror(-negative_errno);
}

Result<Attached> find_attached(const KernelDevice& device) {
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  if (const int status = bpf_xdp_query(static_cast<int>(device.index()), 0, &query); status != 0) {
    return fail("cannot ask for the XDP program of " + device.name() + ": " + reason(status));
  }
  Attached attached;
  if (query.prog_id == 0) return attached;
  attached.mode = mode_flag(query.attach_mode);
  attached.program = Fd(bpf_prog_get_fd_by_id(query.prog_id));
  std::uint32_t size = sizeof(attached.info);
  if (!attached.program ||
      bpf_obj_get_info_by_fd(attached.program.get(), &attached.info, &size) != 0) {
    return fail("cannot look at the XDP program of " + device.name() + ": " + reason(-errno));
  }
  return attached;
}

// Maps are found through the attached program: pins would need a bpffs, which is not visible in
// every network namespace.
Result<Fd> find_map(const Attached& attached, std::string_view name) {
  std::array<std::uint32_t, 16> ids{};
  bpf_prog_info info{};
  info.nr_map_ids = ids.size();
  info.map_ids = reinterpret_cast<std::uint64_t>(ids.data());
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(attached.program.get(), &info, &size) == 0) {
    for (std::size_t i = 0; i < std::min<std::size_t>(info.nr_map_ids, ids.size()); ++i) {
      Fd map(bpf_map_get_fd_by_id(ids[i]));
      bpf_map_info map_info{};
      std::uint32_t map_size = sizeof(map_info);
      if (map && bpf_obj_get_info_by_fd(map.get(), &map_info, &map_size) == 0 &&
          name == map_info.name) {
        return map;
      }
    }
  }
  return fail("the XDP program has no map '" + std::string(name) + "'");
}

template <class Key>
std::vector<Key> keys_of(int map, std::size_t most) {
  std::vector<Key> keys;
  Key key;
  const Key* previous = nullptr;
  while (bpf_map_get_next_key(map, previous, &key) == 0) {
    keys.push_back(key);
    previous = &keys.back();
    if (keys.size() >= most) break;
  }
  return keys;
}

// Makes these the map's keys: first what goes, so that a full map has room for what comes. What
// stays is never absent. Returns 0 or what the system says.
template <class Key>
int replace_keys(int map, std::span<const Key> keys, std::size_t most) {
  for (const Key& key : keys_of<Key>(map, most)) {
    if (std::ranges::find(keys, key) == keys.end()) bpf_map_delete_elem(map, &key);
  }
  constexpr std::uint8_t kPresent = 1;
  for (const Key& key : keys) {
    if (const int status = bpf_map_update_elem(map, &key, &kPresent, BPF_ANY); status != 0) {
      return status;
    }
  }
  return 0;
}

}  // namespace

Result<Fd> steering_program_file() {
  const std::string_view object(_binary_drivers_steer_bpf_o_start,
                                static_cast<std::size_t>(_binary_drivers_steer_bpf_o_end -
                                                         _binary_drivers_steer_bpf_o_start));
  Fd file(memfd_create("carpool-steer.bpf.o", MFD_CLOEXEC));
  if (!file || write(file.get(), object.data(), object.size()) != std::ssize(object)) {
    return fail("cannot make a file for the XDP program: " + reason(-errno));
  }
  return file;
}

Result<void> remove_stale_program(const KernelDevice& device) {
  auto attached = find_attached(device);
  if (!attached) return std::unexpected(attached.error());
  if (!attached->program) return {};
  const std::string_view name = attached->info.name;
  if (name != CARPOOL_STEER_PROGRAM) {
    return fail(device.name() + " carries somebody else's XDP program ('" + std::string(name) +
                "', id " + std::to_string(attached->info.id) +
                "); stop its owner or remove it: ip link set dev " + device.name() + " xdp off");
  }
  const int status = bpf_xdp_detach(static_cast<int>(device.index()), attached->mode, nullptr);
  if (status != 0) {
    return fail("cannot remove the XDP program that an earlier run left on " + device.name() +
                ": " + reason(status));
  }
  return {};
}

Result<Steering> Steering::take_over(const KernelDevice& device) {
  auto attached = find_attached(device);
  if (!attached) return std::unexpected(attached.error());
  auto addresses = find_map(*attached, CARPOOL_STEER_ADDRESSES);
  if (!addresses) return std::unexpected(addresses.error());
  auto macs = find_map(*attached, CARPOOL_STEER_MACS);
  if (!macs) return std::unexpected(macs.error());
  auto counters = find_map(*attached, CARPOOL_STEER_COUNTERS);
  if (!counters) return std::unexpected(counters.error());

  // A link cannot replace the driver's attachment, so for a moment the device carries no program;
  // nothing is steered yet, so nobody can notice.
  if (auto removed = remove_stale_program(device); !removed) {
    return std::unexpected(removed.error());
  }
  LIBBPF_OPTS(bpf_link_create_opts, options, .flags = attached->mode);
  const int link =
      bpf_link_create(attached->program.get(), static_cast<int>(device.index()), BPF_XDP, &options);
  if (link < 0) return fail("cannot attach the XDP program: " + reason(link));

  Steering steering;
  steering.link_ = Fd(link);
  steering.addresses_ = std::move(*addresses);
  steering.macs_ = std::move(*macs);
  steering.counters_ = std::move(*counters);
  return steering;
}

Steering& Steering::operator=(Steering&& other) noexcept {
  detach();
  link_ = std::move(other.link_);
  addresses_ = std::move(other.addresses_);
  macs_ = std::move(other.macs_);
  counters_ = std::move(other.counters_);
  return *this;
}

Result<void> Steering::set_addresses(std::span<const Ipv4Address> addresses) {
  if (addresses.size() > CARPOOL_STEER_MAX_ADDRESSES) {
    return fail("at most " + std::to_string(CARPOOL_STEER_MAX_ADDRESSES) +
                " addresses can be steered on one port");
  }
  const int status = replace_keys(addresses_.get(), addresses, CARPOOL_STEER_MAX_ADDRESSES);
  if (status != 0) return fail("cannot steer addresses: " + reason(status));
  return {};
}

Result<void> Steering::set_macs(std::span<const MacAddress> macs) {
  if (macs.size() > CARPOOL_STEER_MAX_MACS) {
    return fail("at most " + std::to_string(CARPOOL_STEER_MAX_MACS) +
                " link-layer addresses can be steered on one port");
  }
  const int status = replace_keys(macs_.get(), macs, CARPOOL_STEER_MAX_MACS);
  if (status != 0) return fail("cannot steer link-layer addresses: " + reason(status));
  return {};
}

SteeringCounters Steering::counters() const {
  std::array<std::uint64_t, CARPOOL_STEER_OUTCOMES> sums{};
  const int cpus = libbpf_num_possible_cpus();
  std::vector<std::uint64_t> values(static_cast<std::size_t>(std::max(cpus, 1)));
  for (std::uint32_t outcome = 0; outcome < sums.size(); ++outcome) {
    if (bpf_map_lookup_elem(counters_.get(), &outcome, values.data()) != 0) continue;
    for (const std::uint64_t value : values)
      sums[outcome] += value;
  }
  return {.packets = sums[CARPOOL_STEER_PACKET],
          .arp = sums[CARPOOL_STEER_ARP],
          .adverts = sums[CARPOOL_STEER_ADVERT],
          .passed = sums[CARPOOL_STEER_PASSED],
          .unclaimed = sums[CARPOOL_STEER_UNCLAIMED]};
}

void Steering::detach() {
  if (!link_) return;
  bpf_link_detach(link_.get());  // done when this returns; closing alone may leave it for later
  link_.reset();
}

}  // namespace carpool
