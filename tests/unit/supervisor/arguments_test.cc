#include "controlplane/supervisor/arguments.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using testing::ElementsAre;

config::PortSpec port(std::string name, config::PortKind kind, std::string device) {
  config::PortSpec spec;
  spec.name = std::move(name);
  spec.kind = kind;
  spec.device = std::move(device);
  return spec;
}

config::Node lb1() {
  config::Node node;
  node.name = "lb1";
  node.ports = {port("wan", config::PortKind::Xdp, "eth1"),
                port("lan", config::PortKind::Packet, "eth2")};
  node.ports[1].options = {{"blocks", "4"}};
  node.workers = 2;
  node.flows = 4096;
  node.idle = config::IdleMode::Sleep;
  node.fence = 2500ms;
  return node;
}

TEST(DataplaneArguments, SayWhatTheNodeSectionSays) {
  EXPECT_THAT(dataplane_arguments(lb1(), "/run/carpool"),
              ElementsAre("--run-dir", "/run/carpool", "--instance", "lb1", "--port",
                          "wan=xdp:eth1", "--port", "lan=packet:eth2,blocks=4", "--workers", "2",
                          "--flows", "4096", "--idle", "sleep", "--fence", "2500"));
}

TEST(CommandLine, IsReadWithoutTheProgramAndItsReport) {
  EXPECT_THAT(parse_command_line("carpool-dp\0--workers\0002\0--report-fd\0003\0"sv),
              ElementsAre("--workers", "2"));
  EXPECT_THAT(parse_command_line("carpool-dp\0--report-fd"sv), ElementsAre());
  EXPECT_THAT(parse_command_line(""), ElementsAre());
}

TEST(CommandLine, DifferenceNamesTheOption) {
  const auto wanted = dataplane_arguments(lb1(), "/run/carpool");
  EXPECT_EQ(difference(wanted, wanted), std::nullopt);
  auto node = lb1();
  node.workers = 1;
  EXPECT_EQ(difference(dataplane_arguments(node, "/run/carpool"), wanted),
            "it was started with --workers 1, the configuration says --workers 2");
  EXPECT_EQ(difference({}, wanted), "it was started with (end), the configuration says --run-dir");
}

TEST(RegionOfAnother, IsJudgedByPortsAndWorkers) {
  const auto header = std::make_unique<abi::RegionHeader>();
  header->shape.workers = 2;
  header->port_count = 2;
  header->ports[0].name = Name("wan");
  header->ports[0].device = Name("eth1");
  header->ports[1].name = Name("lan");
  header->ports[1].device = Name("eth2");
  EXPECT_EQ(difference(*header, lb1()), std::nullopt);
  header->ports[1].device = Name("eth3");
  EXPECT_EQ(difference(*header, lb1()),
            "it runs the ports wan=eth1 lan=eth3, the configuration has wan=eth1 lan=eth2");
  header->ports[1].device = Name("eth2");
  header->shape.workers = 1;
  EXPECT_EQ(difference(*header, lb1()), "it runs 1 worker(s), the configuration says 2");
}

}  // namespace
}  // namespace carpool
