#include "dataplane/flow/flow_table.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include <sys/mman.h>

namespace carpool::flow {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

constexpr std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

TableMemory::TableMemory(std::size_t bytes) : size_(round_up(bytes, kHugePage)) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
  void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, kFlags | MAP_HUGETLB, -1, 0);
  if (memory == MAP_FAILED) {
    memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    madvise(memory, size_, MADV_HUGEPAGE);
  }
  bytes_ = static_cast<std::byte*>(memory);
}

TableMemory::TableMemory(TableMemory&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}

TableMemory& TableMemory::operator=(TableMemory&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(size_, other.size_);
  return *this;
}

TableMemory::~TableMemory() {
  if (bytes_ != nullptr) munmap(bytes_, size_);
}

std::size_t FlowTable::bytes_needed(const FlowLimits& limits) {
  return std::size_t{FlowIndex::buckets_for(2 * std::uint64_t{limits.flows})} *
             sizeof(FlowIndex::Bucket) +
         std::size_t{limits.flows} * sizeof(FlowRecord);
}

FlowTable::FlowTable(TableMemory memory, const FlowLimits& limits, const HashSecret& secret)
    : memory_(std::move(memory)), limits_(limits), secret_(secret) {
  assert(limits.flows > 0 && limits.flows < (1u << 30) && limits.half_open > 0);
  assert(memory_.size() >= bytes_needed(limits));
  const std::uint32_t buckets = FlowIndex::buckets_for(2 * std::uint64_t{limits.flows});
  std::byte* at = memory_.data();
  index_ = FlowIndex({reinterpret_cast<FlowIndex::Bucket*>(at), buckets});
  at += std::size_t{buckets} * sizeof(FlowIndex::Bucket);
  records_ = reinterpret_cast<FlowRecord*>(at);
}

std::uint32_t FlowTable::allocate() {
  std::uint32_t flow = free_head_;
  if (flow != kNone) {
    free_head_ = static_cast<std::uint32_t>(records_[flow].addresses[0]);
  } else if (never_used_ < limits_.flows) {
    flow = never_used_++;
  }
  return flow;
}

void FlowTable::give_back(std::uint32_t flow) {
  FlowRecord& record = records_[flow];
  record.state = TcpState::free;
  record.addresses[0] = free_head_;
  free_head_ = flow;
}

bool FlowTable::enter(std::uint32_t flow) {
  FlowRecord& record = records_[flow];
  const std::uint64_t forward = hash_of(record.key(kFromClient));
  const std::uint64_t backward = hash_of(record.key(kFromServer));
  if (!index_.insert(forward, flow * 2 + kFromClient)) return false;
  if (!record.is_one_way() && !index_.insert(backward, flow * 2 + kFromServer)) {
    index_.erase(forward, flow * 2 + kFromClient);
    return false;
  }
  ++live_;
  if (!is_half_open(record.state)) return true;
  ++half_open_;
  record.older = newest_half_open_;
  record.newer = kNone;
  (newest_half_open_ != kNone ? records_[newest_half_open_].newer : oldest_half_open_) = flow;
  newest_half_open_ = flow;
  return true;
}

void FlowTable::no_longer_half_open(const FlowRecord& record) {
  --half_open_;
  (record.older != kNone ? records_[record.older].newer : oldest_half_open_) = record.newer;
  (record.newer != kNone ? records_[record.newer].older : newest_half_open_) = record.older;
}

void FlowTable::erase(std::uint32_t flow) {
  FlowRecord& record = records_[flow];
  index_.erase(hash_of(record.key(kFromClient)), flow * 2 + kFromClient);
  if (!record.is_one_way()) {
    index_.erase(hash_of(record.key(kFromServer)), flow * 2 + kFromServer);
  }
  --live_;
  if (is_half_open(record.state)) no_longer_half_open(record);
  give_back(flow);
}

std::uint32_t FlowTable::over_to_recycle(std::uint32_t now_ms) {
  constexpr std::uint32_t kLookAt = 64;
  std::uint32_t best = kNone;
  std::uint32_t best_age = 0;
  for (std::uint32_t i = 0; i < std::min(kLookAt, limits_.flows); ++i) {
    const FlowRecord& record = records_[recycle_hand_];
    const std::uint32_t age = record.age_ms(now_ms);
    if (is_over(record.state) && (best == kNone || age > best_age)) {
      best = recycle_hand_;
      best_age = age;
    }
    recycle_hand_ = recycle_hand_ + 1 == limits_.flows ? 0 : recycle_hand_ + 1;
  }
  return best;
}

}  // namespace carpool::flow
