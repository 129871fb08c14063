// What checking thousands of servers every second costs, as the control plane does it: the share of
// one core, its system calls and what the kernel does in them included.
//
// The servers, an address for each, are one process on another core, in a network namespace of its
// own (as root), whose packets that core processes: over plain loopback, which is taken without
// being root, the kernel does the servers' work where the client sends, and the figures are higher.
//
// Dead servers are a listener whose queue is full: it does not answer a SYN, so that each check of
// them takes its whole timeout. They must change nothing for those that live.

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/report.h"
#include "controlplane/health/runner.h"
#include "controlplane/runtime/descriptors.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;

constexpr Duration kInter = 1s;
constexpr Duration kWarmUp = 3s;
constexpr Duration kMeasured = 5s;
constexpr Duration kSlot = 10ms;  // bursts are looked for in so much time
constexpr double kWantedShare = 0.25;
constexpr double kLiveServers = 5'000;  // of each case that is judged, checked once a second
constexpr double kKeptUp = 0.98;
constexpr std::string_view kReply = "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n";

// ---- Where they are -----------------------------------------------------------------------------

bool shell(const std::string& command) {
  return std::system(command.c_str()) == 0;
}

// The network of this process: one of its own as root, so that what is made in it goes with it.
class Network {
 public:
  Network() : own_(geteuid() == 0 && unshare(CLONE_NEWNET) == 0) {}

  // By a link to another network, or else by loopback.
  [[nodiscard]] bool has_link() const { return own_; }
  // All of 10.77/16 is there, else all of 127/8.
  [[nodiscard]] std::uint32_t first_address() const { return own_ ? 0x0a4d0001 : 0x7f010001; }
  // The kernel takes a link away a little after its process has ended: each has a number of its
  // own.
  [[nodiscard]] std::string next_link() { return std::to_string(++links_); }

 private:
  bool own_;
  int links_ = 0;
};

// Of the process of the servers, which goes into a network of its own: makes the link, and lets its
// core do the work of what comes in.
bool make_link(const std::string& number) {
  const std::string near = "server" + number;
  const std::string far = "client" + number + " netns " + std::to_string(getppid());
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return false;
  mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  mount("sysfs", "/sys", "sysfs", 0, nullptr);  // that of this network
  return shell("ip link add " + near + " type veth peer name " + far) &&
         shell("ip addr add 10.78." + number + ".2/30 dev " + near) && shell("ip link set lo up") &&
         shell("ip link set " + near + " up") && shell("ip route add local 10.77.0.0/16 dev lo") &&
         shell("echo 2 > /sys/class/net/" + near + "/queues/rx-0/rps_cpus");
}

// Of the process that checks.
bool use_link(const std::string& number) {
  const std::string near = "client" + number;
  return shell("ip addr add 10.78." + number + ".1/30 dev " + near) &&
         shell("ip link set " + near + " up") &&
         shell("ip route replace 10.77.0.0/16 via 10.78." + number + ".2") &&
         shell("sysctl -qw net.ipv4.ip_local_port_range='2000 65000'");
}

// ---- The servers --------------------------------------------------------------------------------

void pin_to_core(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  sched_setaffinity(0, sizeof cores, &cores);  // without it the figures are only less steady
}

// On every address of this machine, 127/8 among them; the system chooses the port.
int listen_anywhere(int backlog, std::uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t size = sizeof address;
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(fd, backlog) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("health_bench: cannot listen");
    std::exit(1);
  }
  port = ntohs(address.sin_port);
  return fd;
}

void watch(int epoll, int fd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void accept_all(int epoll, int listener) {
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    watch(epoll, fd);
  }
}

// Answers a request, whatever it is, and closes; a client that asks nothing closes itself.
void serve(int fd) {
  std::array<char, 2048> buffer;
  const ssize_t size = read(fd, buffer.data(), buffer.size());
  if (size < 0 && errno == EAGAIN) return;
  if (size > 0) static_cast<void>(!write(fd, kReply.data(), kReply.size()));
  close(fd);
}

[[noreturn]] void run_servers(int listener) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin_to_core(1);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, listener);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      fd == listener ? accept_all(epoll, listener) : serve(fd);
    }
  }
}

// Both kinds of servers, for as long as it lives.
class Servers {
 public:
  explicit Servers(Network& network) : first_(network.first_address()) {
    const std::string link = network.next_link();
    int ports[2];
    if (pipe(ports) != 0) std::exit(1);
    process_ = fork();
    if (process_ == 0) run(network.has_link() && make_link(link), network.has_link(), ports[1]);
    close(ports[1]);
    std::array<std::uint16_t, 2> both{};
    const bool told = read(ports[0], both.data(), sizeof both) == sizeof both;
    close(ports[0]);
    if (!told || (network.has_link() && !use_link(link))) {
      std::fputs("health_bench: cannot make a link between two network namespaces\n", stderr);
      std::exit(1);
    }
    live_port_ = both[0];
    dead_port_ = both[1];
  }
  ~Servers() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  Servers(const Servers&) = delete;
  Servers& operator=(const Servers&) = delete;

  [[nodiscard]] std::uint16_t live_port() const { return live_port_; }
  [[nodiscard]] std::uint16_t dead_port() const { return dead_port_; }
  [[nodiscard]] Ipv4Address address(std::size_t index) const {
    return {be32(first_ + static_cast<std::uint32_t>(index))};
  }

 private:
  [[noreturn]] static void run(bool has_link, bool wants_link, int tell) {
    if (has_link != wants_link) std::_Exit(1);
    std::array<std::uint16_t, 2> ports{};
    const int listener = listen_anywhere(4096, ports[0]);
    static_cast<void>(listen_anywhere(0, ports[1]));
    fill_queue(ports[1]);
    static_cast<void>(!write(tell, ports.data(), sizeof ports));
    close(tell);
    run_servers(listener);
  }

  static void fill_queue(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 4; ++i) {  // they stay open as long as the process lives
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      static_cast<void>(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
    }
  }

  std::uint32_t first_;
  std::uint16_t live_port_ = 0;
  std::uint16_t dead_port_ = 0;
  pid_t process_ = 0;
};

// ---- What is checked ----------------------------------------------------------------------------

config::HealthCheck http_check() {
  config::HttpCheck check;
  check.rules.push_back({.act = config::ConnectRule{.defaults = true, .implicit = true}});
  check.rules.push_back({.act = config::HttpSendRule{}});
  check.rules.push_back({.act = config::ExpectRule{.what = config::ExpectStatus{}}});
  return check;
}

// Live and dead ones by turns, as the spread start has to cope with.
config::Config config_of(const Servers& servers, const config::HealthCheck& check, std::size_t live,
                         std::size_t dead) {
  config::Backend backend;
  backend.name = "pool";
  backend.check = check;
  for (std::size_t i = 0; i < live + dead; ++i) {
    const bool lives = i % 2 == 0 ? i / 2 < live : i / 2 >= dead;
    config::Server server;
    server.name = (lives ? "live" : "dead") + std::to_string(i);
    server.address = servers.address(i);
    server.port = lives ? servers.live_port() : servers.dead_port();
    server.check = true;
    server.inter = server.fastinter = server.downinter = kInter;
    backend.servers.push_back(std::move(server));
  }
  config::Config config;
  config.backends.push_back(std::move(backend));
  return config;
}

// ---- What is measured ---------------------------------------------------------------------------

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

double resident_mib() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  unsigned long pages = 0;
  if (file != nullptr) {
    if (std::fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + at);
  return values[static_cast<std::size_t>(at)];
}

// The results of live servers' checks while it is measured.
struct Observed {
  explicit Observed(Instant begin) : began(begin), slots(kMeasured / kSlot) {}

  void add(const ServerEvent& event, Instant now) {
    const auto slot = static_cast<std::size_t>((now - began) / kSlot);
    if (now < began || slot >= slots.size()) return;
    const bool lives = event.key.server.starts_with("live");
    ++(lives ? live : dead);
    if (!lives) return;
    ++slots[slot];
    took_ms.push_back(seconds(event.health.last.took) * 1000);
    failed += verdict(event.health.last.status) != CheckVerdict::Passed;
  }

  Instant began;
  std::uint64_t live = 0;
  std::uint64_t dead = 0;
  std::uint64_t failed = 0;
  std::vector<std::uint32_t> slots;  // checks of live servers that ended in each
  std::vector<double> took_ms;
};

void check_servers(benchmark::State& state, Network& network, const config::HealthCheck& check) {
  const auto live = static_cast<std::size_t>(state.range(0));
  const auto dead = static_cast<std::size_t>(state.range(1));
  const Servers servers(network);
  pin_to_core(0);
  boost::asio::io_context io(1);
  HealthRunner runner(io,
                      probes_within(raise_descriptor_limit(kMaxOpenProbes + kOtherDescriptors)));
  Observed seen(monotonic_now() + kWarmUp);
  runner.set_on_event([&](const ServerEvent& event) {
    if (event.source == EventSource::Check) seen.add(event, monotonic_now());
  });
  runner.apply(config_of(servers, check, live, dead));
  for ([[maybe_unused]] auto _ : state) {
    io.run_for(kWarmUp);
    const double cpu = cpu_seconds();
    const Instant began = monotonic_now();
    io.run_for(kMeasured);
    const double took = seconds(monotonic_now() - began);
    state.SetIterationTime(took);
    state.counters["core_percent"] = (cpu_seconds() - cpu) / took * 100;
  }
  const double mean = static_cast<double>(seen.live) /
                      static_cast<double>(std::max<std::size_t>(seen.slots.size(), 1));
  state.counters["live_per_s"] = static_cast<double>(seen.live) / seconds(kMeasured);
  state.counters["dead_per_s"] = static_cast<double>(seen.dead) / seconds(kMeasured);
  state.counters["failed"] = static_cast<double>(seen.failed);
  state.counters["p50_ms"] = percentile(seen.took_ms, 0.5);
  state.counters["p99_ms"] = percentile(seen.took_ms, 0.99);
  state.counters["burst"] = static_cast<double>(std::ranges::max(seen.slots)) / std::max(mean, 1.0);
  state.counters["mib"] = resident_mib();
}

void add(const char* name, Network& network, const config::HealthCheck& check, std::int64_t live,
         std::int64_t dead) {
  benchmark::RegisterBenchmark(
      name, [&network, check](benchmark::State& state) { check_servers(state, network, check); })
      ->Args({live, dead})
      ->Iterations(1)
      ->UseManualTime()
      ->Unit(benchmark::kSecond);
}

void judge(bench::Figures& figures) {
  for (const char* name : {"connect/5000/0", "http/5000/0", "connect/5000/5000"}) {
    const auto percent = figures.get(std::string(name) + ":core_percent");
    const auto rate = figures.get(std::string(name) + ":live_per_s");
    const auto failed = figures.get(std::string(name) + ":failed");
    if (!percent || !rate || !failed) continue;
    // A machine that was too busy for the checks says nothing of what they cost.
    const bool kept_up = *rate >= kKeptUp * kLiveServers && *failed == 0;
    std::printf("%-20s %5.1f%% of a core at %.0f checks/s, %.0f failed: %s %.0f%%\n", name,
                *percent, *rate, *failed,
                !kept_up ? "not all checks were made, so this is no answer to"
                : *percent < kWantedShare * 100 ? "under"
                                                : "NOT under",
                kWantedShare * 100);
  }
  const auto alone = figures.get("connect/5000/0:p99_ms");
  const auto among = figures.get("connect/5000/5000:p99_ms");
  if (alone && among) {
    std::printf(
        "99 of 100 checks of live servers: within %.2f ms, among as many dead ones %.2f ms\n",
        *alone, *among);
  }
}

}  // namespace
}  // namespace carpool

int main(int argc, char** argv) {
  using namespace carpool;
  Network network;
  std::printf("servers are reached over %s\n", network.has_link() ? "a link" : "loopback");
  add("connect", network, config::TcpCheck{}, 100, 0);
  add("connect", network, config::TcpCheck{}, 5000, 0);
  add("connect", network, config::TcpCheck{}, 5000, 5000);
  add("http", network, http_check(), 5000, 0);
  return bench::run(argc, argv, judge);
}
