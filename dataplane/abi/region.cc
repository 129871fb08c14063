#include "dataplane/abi/region.h"

#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace carpool::abi {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint32_t kMaxImageBytes = 1u << 30;

constexpr std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

bool is_valid(const RegionShape& shape) {
  return shape.workers >= 1 && shape.workers <= kMaxWorkers && shape.image_bytes >= kPage &&
         shape.image_bytes % kPage == 0 && shape.image_bytes <= kMaxImageBytes;
}

std::unexpected<Error> system_error(const std::filesystem::path& path, const char* doing) {
  return fail("shared region " + path.string() + ": cannot " + doing + ": " + std::strerror(errno));
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Region::Layout Region::layout_of(const RegionShape& shape) {
  const std::size_t threads = shape.workers + std::size_t{1};
  Layout layout{};
  layout.control = round_up(sizeof(RegionHeader), kCacheLine);
  layout.status = layout.control + sizeof(ControlLine);
  layout.counters = layout.status + threads * sizeof(ThreadStatus);
  layout.servers = layout.counters + shape.workers * sizeof(WorkerCounters);
  layout.commands = layout.servers + shape.workers * sizeof(ServerCounters) * kMaxServers;
  layout.events = layout.commands + threads * ring_bytes<Command>(kCommandRingSize);
  layout.punted = layout.events + threads * ring_bytes<Event>(kEventRingSize);
  layout.injected = layout.punted + shape.workers * ring_bytes<AdvertFrame>(kAdvertRingSize);
  layout.hellos_in = layout.injected + shape.workers * ring_bytes<AdvertFrame>(kAdvertRingSize);
  layout.hellos_out = layout.hellos_in + shape.workers * ring_bytes<AdvertFrame>(kAdvertRingSize);
  layout.mirror_out = layout.hellos_out + ring_bytes<AdvertFrame>(kHelloRingSize);
  const std::size_t mirror_rings = shape.workers * ring_bytes<MirrorRecord>(kMirrorRingSize);
  layout.mirror_in = layout.mirror_out + mirror_rings;
  layout.images = round_up(layout.mirror_in + mirror_rings, kPage);
  layout.end = layout.images + std::size_t{kImageSlots} * shape.image_bytes;
  return layout;
}

Result<Region> Region::create(const std::filesystem::path& path, const RegionShape& shape) {
  if (!is_valid(shape)) return fail("shared region " + path.string() + ": impossible shape");
  const std::filesystem::path fresh = path.string() + ".new";
  const FileDescriptor file(open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file.get() < 0) return system_error(fresh, "create it");
  const auto give_up = [&](const char* doing) {
    const auto error = system_error(fresh, doing);
    unlink(fresh.c_str());
    return error;
  };

  const Layout layout = layout_of(shape);
  if (ftruncate(file.get(), static_cast<off_t>(layout.end)) != 0) return give_up("size it");
  // Reserves the pages now: a full file system is an error message here and a SIGBUS later. The
  // image slots stay sparse until they are written.
  errno = posix_fallocate(file.get(), 0, static_cast<off_t>(layout.images));
  if (errno != 0) return give_up("reserve its memory");
  void* memory = mmap(nullptr, layout.end, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return give_up("map it");

  Region region(static_cast<std::byte*>(memory), shape);
  auto* header = new (memory) RegionHeader;
  header->total_bytes = layout.end;
  header->shape = shape;
  if (rename(fresh.c_str(), path.c_str()) != 0) return give_up("put it in place");
  return region;
}

Result<Region> Region::attach(const std::filesystem::path& path) {
  const FileDescriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT) {
      return fail("shared region " + path.string() + " does not exist: carpool-dp is not running");
    }
    return system_error(path, "open it");
  }
  struct stat info{};
  if (fstat(file.get(), &info) != 0) return system_error(path, "look at it");
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size < sizeof(RegionHeader)) {
    return fail("shared region " + path.string() + " is too short to be one: restart carpool-dp");
  }
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return system_error(path, "map it");

  const auto& header = *static_cast<const RegionHeader*>(memory);
  const RegionShape shape = header.shape;  // once: the file may change under us
  std::string wrong;
  if (header.magic != kRegionMagic) {
    wrong = " is not a carpool region (wrong magic number)";
  } else if (header.version != kVersion) {
    wrong = " has version " + std::to_string(header.version) + ", this program speaks version " +
            std::to_string(kVersion) +
            ": carpool-dp and carpoold must come from the same release; "
            "restart carpool-dp";
  } else if (header.header_bytes != sizeof(RegionHeader) || !is_valid(shape) ||
             layout_of(shape).end != size || header.total_bytes != size) {
    wrong = " has sizes that do not fit together: restart carpool-dp";
  }
  if (!wrong.empty()) {
    munmap(memory, size);
    return fail("shared region " + path.string() + wrong);
  }
  return Region(static_cast<std::byte*>(memory), shape);
}

Region::Region(Region&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)), shape_(other.shape_), layout_(other.layout_) {}

Region& Region::operator=(Region&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(shape_, other.shape_);
  std::swap(layout_, other.layout_);
  return *this;
}

Region::~Region() {
  if (bytes_ != nullptr) munmap(bytes_, layout_.end);
}

}  // namespace carpool::abi
