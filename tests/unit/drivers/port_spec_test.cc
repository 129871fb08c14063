#include "drivers/port_spec.h"

#include <gtest/gtest.h>

namespace carpool {
namespace {

TEST(PortSpec, ReadsNameKindAndDevice) {
  const auto spec = parse_port_spec("wan=xdp:eth1");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->name, "wan");
  EXPECT_EQ(spec->kind, PortKind::kXdp);
  EXPECT_EQ(spec->device, "eth1");
  EXPECT_TRUE(spec->options.empty());
}

TEST(PortSpec, ReadsOptionsWithFallbacks) {
  const auto spec = parse_port_spec("lan=memif:/run/carpool/lan.sock,role=server,id=3");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->device, "/run/carpool/lan.sock");
  EXPECT_EQ(option_text(*spec, "role", "client"), "server");
  EXPECT_EQ(option_number(*spec, "id", 0), 3u);
  EXPECT_EQ(option_number(*spec, "buffer", 2048), 2048u);
  EXPECT_TRUE(option_yes(*parse_port_spec("a=xdp:b,copy=yes"), "copy", false));
  EXPECT_TRUE(option_yes(*spec, "copy", true));
}

TEST(PortSpec, PrintsWhatItReads) {
  for (const char* text : {"wan=xdp:eth1", "w-1=packet:eth0.7,frames=256,qdisc-bypass=no",
                           "lan=memif:/run/l,id=1,mac=02:00:00:00:00:07,secret=s", "r=ring"}) {
    const auto spec = parse_port_spec(text);
    ASSERT_TRUE(spec) << text << ": " << spec.error().message;
    EXPECT_EQ(to_string(*spec), text);
  }
}

TEST(PortSpec, SaysWhatIsWrong) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"eth1",
       "port 'eth1': should be NAME=KIND:DEVICE, like wan=xdp:eth1; a name has up to 15 "
       "letters, digits, '-' and '_'"},
      {"w/n=xdp:eth1",
       "port 'w/n=xdp:eth1': should be NAME=KIND:DEVICE, like wan=xdp:eth1; a name has up to 15 "
       "letters, digits, '-' and '_'"},
      {"wan=dpdk:eth1",
       "port wan: there is no port kind 'dpdk'; there are: xdp, packet, memif, ring"},
      {"wan=xdp", "port wan: xdp needs a network device: xdp:DEVICE"},
      {"b=ring:x", "port b: ring has no device, remove ':x'"},
      {"wan=xdp:averylongdevicename", "port wan: 'averylongdevicename' is not a network device"},
      {"wan=xdp:eth1,queue=1",
       "port wan: xdp ports have no option 'queue'; they have: busy-budget, copy"},
      {"wan=xdp:eth1,copy=1", "port wan: option copy is '1', should be yes or no"},
      {"wan=xdp:eth1,busy-budget=-1",
       "port wan: option busy-budget is '-1', should be a number, 0 to 65535"},
      {"wan=packet:eth1,frames=1000",
       "port wan: option frames is '1000', should be a power of two, 64 to 65536"},
      {"m=memif:/x,mac=ff:ff:ff:ff:ff:ff",
       "port m: option mac is 'ff:ff:ff:ff:ff:ff', should be a unicast address like "
       "02:00:00:00:00:01"},
      {"m=memif:/x,id=1,id=1", "port m: option id is given twice"},
  };
  for (const auto& each : cases) {
    const auto spec = parse_port_spec(each.text);
    ASSERT_FALSE(spec) << each.text;
    EXPECT_EQ(spec.error().message, each.message);
  }
}

}  // namespace
}  // namespace carpool
