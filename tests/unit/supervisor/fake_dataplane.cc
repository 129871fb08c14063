// Stands in for carpool-dp: takes the lock, makes the region, says that it is ready, and stays.
// What it does otherwise stands in its --instance: "refuse" says why it cannot start, "vanish" ends
// without a word, "short-lived" ends soon after it was ready, "deaf" ignores SIGTERM.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "dataplane/abi/region.h"
#include "dataplane/base/time.h"

namespace {

std::string value_of(const std::vector<std::string>& arguments, std::string_view option) {
  for (std::size_t at = 0; at + 1 < arguments.size(); ++at) {
    if (arguments[at] == option) return arguments[at + 1];
  }
  return {};
}

void report(const std::vector<std::string>& arguments, std::string line) {
  const int fd = std::atoi(value_of(arguments, "--report-fd").c_str());
  line += '\n';
  if (write(fd, line.data(), line.size()) < 0) std::exit(3);
  close(fd);
}

bool describe_port(const std::string& argument, carpool::abi::PortInfo& port) {
  const std::size_t equals = argument.find('=');
  const std::size_t colon = argument.find(':');
  if (equals == std::string::npos || colon == std::string::npos) return false;
  port.name = carpool::Name(argument.substr(0, equals));
  port.device = carpool::Name(argument.substr(colon + 1));
  port.link_up = 1;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string instance = value_of(arguments, "--instance");
  const std::string run_dir = value_of(arguments, "--run-dir");
  alarm(60);  // does not outlive a test that was killed
  if (instance == "deaf") signal(SIGTERM, SIG_IGN);
  if (instance == "vanish") return 7;
  if (instance == "refuse") {
    report(arguments, "error: no hugepages");
    return 1;
  }
  const int lock = open((run_dir + "/dataplane.lock").c_str(), O_RDWR | O_CREAT, 0600);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    report(arguments, "error: locked");
    return 1;
  }
  carpool::abi::RegionShape shape;
  shape.workers = static_cast<std::uint32_t>(std::stoul(value_of(arguments, "--workers")));
  auto region = carpool::abi::Region::create(run_dir + "/region", shape);
  if (!region) return 2;
  auto& header = region->header();
  header.pid = static_cast<std::uint32_t>(getpid());
  header.start_ns = carpool::to_ns(carpool::monotonic_now());
  header.port_count = describe_port(value_of(arguments, "--port"), header.ports[0]) ? 1 : 0;
  header.ready = 1;
  report(arguments, "ready");
  if (instance == "short-lived") std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (instance != "short-lived") pause();
  if (instance == "deaf") pause();
  return 0;
}
