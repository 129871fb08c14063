#include "dataplane/data_plane.h"

#include <algorithm>
#include <cstdio>

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <sys/random.h>
#include <unistd.h>

#include "dataplane/base/time.h"
#include "drivers/eal.h"

namespace carpool {
namespace {

constexpr unsigned kSpareBuffers = 4'096;  // of a worker: in its hands, in caches, in inboxes
constexpr unsigned kInboxSize = 4'096;

int worker_main(void* worker) {
  static_cast<Worker*>(worker)->run();
  return 0;
}

flow::HashSecret random_secret() {
  flow::HashSecret secret;
  // 16 bytes are never cut short nor interrupted (getrandom(2)).
  if (getrandom(&secret, sizeof secret, 0) != sizeof secret) secret = {};
  return secret;
}

}  // namespace

Result<std::unique_ptr<DataPlane>> DataPlane::make(const Options& options) {
  std::unique_ptr<DataPlane> made(new DataPlane(options));
  for (const auto step : {&DataPlane::make_pools, &DataPlane::open_ports, &DataPlane::make_region,
                          &DataPlane::make_workers}) {
    if (auto done = (made.get()->*step)(); !done) return std::unexpected(done.error());
  }
  return made;
}

DataPlane::~DataPlane() {
  stop();
  workers_.clear();
  ports_.clear();  // before the buffers that their rings may still hold
  for (rte_ring* inbox : inboxes_)
    rte_ring_free(inbox);
}

Result<void> DataPlane::make_pools() {
  const PortSettings defaults{};
  const unsigned buffers =
      kSpareBuffers + static_cast<unsigned>(options_.ports.size()) *
                          buffers_held_by_queue(defaults.rx_descriptors, defaults.tx_descriptors);
  for (std::uint32_t i = 0; i < options_.workers; ++i) {
    const std::string suffix = std::to_string(i);
    auto pool = create_packet_pool("buffers" + suffix, buffers);
    if (!pool) return std::unexpected(pool.error());
    pools_.push_back(*std::move(pool));
    rte_ring* inbox = rte_ring_create(("inbox" + suffix).c_str(), kInboxSize,
                                      static_cast<int>(rte_socket_id()), RING_F_SC_DEQ);
    if (inbox == nullptr) return fail("no memory for the inbox of worker " + suffix);
    inboxes_.push_back(inbox);
  }
  return {};
}

Result<void> DataPlane::open_ports() {
  std::vector<rte_mempool*> pools;
  for (const PacketPool& pool : pools_)
    pools.push_back(pool.get());
  PortSettings settings;
  settings.pools = pools;
  for (const PortSpec& spec : options_.ports) {
    auto port = open_port(spec, settings);
    if (!port) return std::unexpected(port.error());
    ports_.push_back(*std::move(port));
  }
  return {};
}

Result<void> DataPlane::make_region() {
  auto region =
      abi::Region::create(options_.run_dir / "region",
                          {.workers = options_.workers, .image_bytes = options_.image_bytes});
  if (!region) return std::unexpected(region.error());
  region_.emplace(*std::move(region));
  abi::RegionHeader& header = region_->header();
  header.instance = Name(options_.instance);
  header.pid = static_cast<std::uint32_t>(getpid());
  header.fence_ms = options_.fence_ms;
  header.start_ns = to_ns(monotonic_now());
  header.flows_per_worker = options_.flows / options_.workers;
  header.port_count = static_cast<std::uint32_t>(ports_.size());
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    const Port& port = *ports_[i];
    abi::PortInfo& info = header.ports[i];
    info.name = Name(port.name());
    info.device = Name(port.spec().device);
    info.mac = port.mac();
    info.shared_with_kernel = port.capabilities().shared_with_kernel;
    info.mtu = port.mtu();
  }
  publish_links();
  commands_ = abi::RingConsumer<abi::Command>(region_->commands(region_->main_thread()));
  return {};
}

Result<void> DataPlane::make_workers() {
  WorkerSettings settings;
  settings.inboxes = inboxes_;
  settings.idle = options_.idle;
  settings.fence_ms = options_.fence_ms;
  settings.stop = &stop_;
  const flow::FlowLimits limits{.flows = options_.flows / options_.workers,
                                .half_open = std::max(1u, options_.half_open / options_.workers)};
  auto mtus = stage::PipelineSettings{}.mtus;
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    if (const unsigned mtu = ports_[i]->mtu(); mtu != 0) {
      mtus[i] = static_cast<std::uint16_t>(std::min(mtu, 65'535u));
    }
  }
  for (std::uint32_t i = 0; i < options_.workers; ++i) {
    settings.pool = pools_[i].get();
    settings.ports.clear();
    for (const auto& port : ports_) {
      settings.ports.push_back({port->ethdev_id(), static_cast<std::uint16_t>(port->queues()),
                                i < port->queues() ? port->receive_fd(i) : -1});
    }
    settings.pipeline = {i, options_.workers, limits, random_secret(), {}, mtus};
    for (std::size_t port = 0; port < ports_.size(); ++port)
      settings.pipeline.port_macs[port] = ports_[port]->mac();
    flow::TableMemory memory(flow::FlowTable::bytes_needed(limits));
    if (memory.data() == nullptr) {
      return fail("no memory for a flow table of " + std::to_string(limits.flows) +
                  " connections: ask for fewer with --flows");
    }
    workers_.push_back(std::make_unique<Worker>(settings, *region_, std::move(memory)));
  }
  return {};
}

Result<void> DataPlane::launch_workers() {
  launched_ = true;
  for (std::uint32_t i = 0; i < options_.workers; ++i) {
    const int failed = rte_eal_remote_launch(worker_main, workers_[i].get(), worker_lcore(i));
    if (failed != 0) {
      return fail("worker " + std::to_string(i) + " does not start: " + rte_strerror(-failed));
    }
  }
  region_->header().ready.store(1, std::memory_order_release);
  return {};
}

void DataPlane::chores() {
  abi::Command command;
  while (commands_.pop(command)) {
    obey(command);
  }
  publish_links();
  auto& heartbeat = region_->status(region_->main_thread()).heartbeat;
  heartbeat.store(heartbeat.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void DataPlane::obey(const abi::Command& command) {
  if (command.kind == abi::CommandKind::install_image) install(command);
  // Which groups are active changes nothing here; that it was heard is all that is said.
  if (command.kind == abi::CommandKind::set_group && command.group < abi::kMaxGroups) {
    auto& groups = region_->status(region_->main_thread()).active_groups;
    const std::uint32_t bit = 1u << command.group;
    const std::uint32_t others = groups.load(std::memory_order_relaxed) & ~bit;
    groups.store(others | (command.active != 0 ? bit : 0), std::memory_order_release);
  }
}

// The workers judge and refuse images by themselves; here only the addresses matter.
void DataPlane::install(const abi::Command& command) {
  if (command.image_slot >= abi::kImageSlots) return;
  const auto bytes = region_->image_slot(command.image_slot);
  if (abi::check_successor(image_, bytes) != abi::ImageFault::none) return;
  image_ = abi::ImageView(bytes.data());
  steer(image_);
  auto& status = region_->status(region_->main_thread());
  status.image_slot.store(command.image_slot, std::memory_order_relaxed);
  status.generation.store(command.generation, std::memory_order_release);
}

namespace {

// Of groups with services in nat: what a server sends to its clients it sends to this address.
std::vector<MacAddress> gateway_macs(abi::ImageView image) {
  std::vector<MacAddress> macs;
  for (const abi::ImageService& service : image.services()) {
    if (service.name.empty() || service.forward != abi::Forward::nat) continue;
    const MacAddress& mac = image.groups()[service.group].mac;
    if (std::ranges::find(macs, mac) == macs.end()) macs.push_back(mac);
  }
  return macs;
}

}  // namespace

void DataPlane::steer(abi::ImageView image) {
  const std::vector<MacAddress> macs = gateway_macs(image);
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    if (auto steered = ports_[i]->set_steered_macs(macs); !steered) {
      std::fprintf(stderr, "carpool-dp: %s\n", steered.error().message.c_str());
    }
    std::vector<Ipv4Address> addresses;
    for (const abi::ImageAddress& address : image.addresses()) {
      if (address.roles != 0 && address.port == i) addresses.push_back(address.address);
    }
    if (auto steered = ports_[i]->set_steered_addresses(addresses); !steered) {
      std::fprintf(stderr, "carpool-dp: %s\n", steered.error().message.c_str());
    }
  }
}

void DataPlane::publish_links() {
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    region_->header().ports[i].link_up.store(ports_[i]->link_up(), std::memory_order_relaxed);
  }
}

void DataPlane::stop() {
  if (region_) region_->header().ready.store(0, std::memory_order_release);
  stop_.store(true);
  if (launched_) rte_eal_mp_wait_lcore();
  launched_ = false;
}

}  // namespace carpool
