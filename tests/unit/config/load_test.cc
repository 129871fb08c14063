// What good configurations mean.
#include "controlplane/config/load.h"

#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace carpool::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Section 6 of the design, to the letter.
constexpr std::string_view kDesignExample = R"(
node lb1
    port wan xdp eth1
    port lan xdp eth2
    workers 2
    redundancy public advskew 0
    peer 10.255.0.1:8848

node lb2
    port wan xdp eth1
    port lan xdp eth2
    workers 2
    redundancy public advskew 100
    peer 10.255.0.2:8848

redundancy public
    protocol carp            # or vrrp 2, vrrp 3
    vhid 53
    port wan
    pass secret
    address 192.0.2.10/24
    floating 10.0.0.10/24 port lan      # moves with the group, not advertised: what servers see in fullnat
    preempt delay 30s
    fast-hello 10ms
    track backend mysql at-least 1

listen mysql
    bind 192.0.2.10:3306
    mode tcp
    balance leastconn
    option httpchk
    server db1 10.0.0.11:3306 check port 9200 inter 2s rise 3 fall 3
    server db2 10.0.0.12:3306 check port 9200 inter 2s rise 3 fall 3 backup
)";

TEST(Load, TheExampleOfTheDesign) {
  TestWorld world;
  world.node = "lb2";
  const auto config = load_text(kDesignExample, world);
  ASSERT_TRUE(config) << format_diagnostics(config.error());

  EXPECT_EQ(config->node_name, "lb2");
  EXPECT_EQ(config->node.name, "lb2");
  EXPECT_EQ(config->node.workers, 2u);
  ASSERT_EQ(config->node.ports.size(), 2u);
  EXPECT_EQ(config->node.ports[0].name, "wan");
  EXPECT_EQ(config->node.ports[0].kind, PortKind::Xdp);
  EXPECT_EQ(config->node.ports[0].device, "eth1");
  EXPECT_EQ(config->node.peer, (Endpoint{Ipv4Address::of(10, 255, 0, 2), 8848}));
  ASSERT_EQ(config->other_nodes.size(), 1u);
  EXPECT_EQ(config->other_nodes[0].name, "lb1");

  ASSERT_EQ(config->groups.size(), 1u);
  const RedundancyGroup& group = config->groups[0];
  EXPECT_EQ(group.name, "public");
  EXPECT_EQ(group.protocol, RedundancyProtocol::Carp);
  EXPECT_EQ(group.vhid, 53);
  EXPECT_EQ(group.port, "wan");
  EXPECT_EQ(group.password, "secret");
  EXPECT_EQ(group.advbase, 1);
  EXPECT_EQ(group.advskew, 100) << "as this node says";
  ASSERT_EQ(group.addresses.size(), 1u);
  EXPECT_EQ(to_string(group.addresses[0].prefix), "192.0.2.10/24");
  EXPECT_EQ(group.addresses[0].port, "wan");
  ASSERT_EQ(group.floating.size(), 1u);
  EXPECT_EQ(to_string(group.floating[0].prefix), "10.0.0.10/24");
  EXPECT_EQ(group.floating[0].port, "lan");
  EXPECT_TRUE(group.preempt);
  EXPECT_EQ(group.preempt_delay, seconds(30));
  EXPECT_EQ(group.fast_hello, milliseconds(10));
  EXPECT_EQ(group.fast_hello_count, 5);
  ASSERT_EQ(group.tracks.size(), 1u);
  EXPECT_EQ(group.tracks[0].backend, "mysql");
  EXPECT_EQ(group.tracks[0].backend_index, 0u);
  EXPECT_EQ(group.tracks[0].at_least, 1u);

  ASSERT_EQ(config->frontends.size(), 1u);
  const Frontend& frontend = config->frontends[0];
  EXPECT_EQ(frontend.name, "mysql");
  ASSERT_EQ(frontend.binds.size(), 1u);
  EXPECT_EQ(frontend.binds[0].address, Ipv4Address::of(192, 0, 2, 10));
  EXPECT_EQ(frontend.binds[0].port_first, 3306);
  EXPECT_EQ(frontend.binds[0].group, 0u);
  EXPECT_EQ(frontend.default_backend, "mysql");
  EXPECT_EQ(frontend.backend_index, 0u);

  ASSERT_EQ(config->backends.size(), 1u);
  const Backend& backend = config->backends[0];
  EXPECT_EQ(backend.balance, Balance::LeastConn);
  ASSERT_TRUE(std::holds_alternative<HttpCheck>(backend.check));
  EXPECT_EQ(std::get<HttpCheck>(backend.check), HttpCheck{});
  ASSERT_EQ(backend.servers.size(), 2u);
  const Server& server = backend.servers[0];
  EXPECT_EQ(server.name, "db1");
  EXPECT_EQ(server.address, Ipv4Address::of(10, 0, 0, 11));
  EXPECT_EQ(server.port, 3306);
  EXPECT_TRUE(server.check);
  EXPECT_EQ(server.check_endpoint(), (Endpoint{Ipv4Address::of(10, 0, 0, 11), 9200}));
  EXPECT_EQ(server.inter, seconds(2));
  EXPECT_EQ(server.rise, 3u);
  EXPECT_EQ(server.fall, 3u);
  EXPECT_FALSE(server.backup);
  EXPECT_TRUE(backend.servers[1].backup);

  ASSERT_EQ(config->warnings.size(), 2u) << format_diagnostics(config->warnings);
  EXPECT_TRUE(says(config->warnings, Severity::Warning, 2, "no key in common"));
  EXPECT_TRUE(says(config->warnings, Severity::Warning, 16, "sealed with the nodes' key"));
}

TEST(Load, ServersHaveHaproxysDefaults) {
  const Config config = good("listen web\n bind 192.0.2.10:80\n server s 10.0.0.1:8080 check\n");
  const Server& server = config.backends.at(0).servers.at(0);
  EXPECT_EQ(server.weight, 1u);
  EXPECT_EQ(server.inter, seconds(2));
  EXPECT_EQ(server.fastinter, seconds(2));
  EXPECT_EQ(server.downinter, seconds(2));
  EXPECT_EQ(server.rise, 2u);
  EXPECT_EQ(server.fall, 3u);
  EXPECT_EQ(server.check_endpoint().port, 8080);
  EXPECT_EQ(config.backends[0].balance, Balance::RoundRobin);
  EXPECT_TRUE(std::holds_alternative<TcpCheck>(config.backends[0].check));
  EXPECT_TRUE(config.warnings.empty());
}

TEST(Load, DefaultServerHoldsForTheServersBelowIt) {
  const Config config = good(
      "defaults\n"
      " default-server inter 5s weight 10\n"
      "backend a\n"
      " server s1 10.0.0.1:80\n"
      " default-server fall 7 downinter 20s check\n"
      " server s2 10.0.0.2:80 inter 1s\n"
      " default-server inter 3s\n"
      " server s3 10.0.0.3:80 no-check weight 0\n"
      "backend b\n"
      " server s1 10.0.0.4:80\n");
  const auto& servers = config.backends.at(0).servers;
  EXPECT_EQ(servers.at(0).inter, seconds(5));
  EXPECT_EQ(servers.at(0).weight, 10u);
  EXPECT_FALSE(servers.at(0).check);
  EXPECT_EQ(servers.at(1).inter, seconds(1));
  EXPECT_EQ(servers.at(1).fastinter, seconds(1)) << "follows inter";
  EXPECT_EQ(servers.at(1).downinter, seconds(20));
  EXPECT_EQ(servers.at(1).fall, 7u);
  EXPECT_TRUE(servers.at(1).check);
  EXPECT_EQ(servers.at(2).inter, seconds(3));
  EXPECT_FALSE(servers.at(2).check);
  EXPECT_EQ(servers.at(2).weight, 0u);
  const Server& other = config.backends.at(1).servers.at(0);
  EXPECT_EQ(other.inter, seconds(5)) << "what one backend says does not reach the next";
  EXPECT_EQ(other.fall, 3u);
}

TEST(Load, ServersUnderstandAllTheirParameters) {
  const Config config = good(
      "backend a\n"
      " server s 10.0.0.1:80 id 7 weight 256 maxconn 100 backup disabled check addr 10.0.1.1 "
      "port 81 inter 1s fastinter 100ms downinter 10s rise 1 fall 2 slowstart 1m "
      "on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions\n");
  const Server& s = config.backends.at(0).servers.at(0);
  EXPECT_EQ(s.id, 7u);
  EXPECT_EQ(s.weight, 256u);
  EXPECT_EQ(s.maxconn, 100u);
  EXPECT_TRUE(s.backup && s.disabled && s.check);
  EXPECT_EQ(s.check_endpoint(), (Endpoint{Ipv4Address::of(10, 0, 1, 1), 81}));
  EXPECT_EQ(s.fastinter, milliseconds(100));
  EXPECT_EQ(s.slowstart, minutes(1));
  EXPECT_TRUE(s.shutdown_sessions_on_down && s.shutdown_backup_sessions_on_up);
}

TEST(Load, DefaultsAreInheritedFromTheLastSectionOrByName) {
  const Config config = good(
      "defaults base\n timeout client 1m\n timeout server 2m\n timeout connect 5s\n"
      " balance leastconn\n option allbackups\n"
      "defaults slow from base\n timeout server 1h\n"
      "backend a\n"
      "backend b from base\n no option allbackups\n"
      "defaults\n"
      "backend c\n");
  EXPECT_EQ(config.backends.at(0).timeouts.server, std::chrono::hours(1));
  EXPECT_EQ(config.backends.at(0).timeouts.connect, seconds(5));
  EXPECT_TRUE(config.backends.at(0).all_backups);
  EXPECT_EQ(config.backends.at(1).timeouts.server, minutes(2));
  EXPECT_EQ(config.backends.at(1).balance, Balance::LeastConn);
  EXPECT_FALSE(config.backends.at(1).all_backups);
  EXPECT_EQ(config.backends.at(2).timeouts.server, std::nullopt) << "defaults inherit nothing";
}

TEST(Load, AllTimeoutsHaveMillisecondsAsUnit) {
  const Config config = good(
      "backend a\n timeout connect 5000\n timeout server 50s\n timeout tunnel 1h\n"
      " timeout server-fin 1s\n timeout client-fin 2s\n timeout check 300\n timeout client 0\n");
  const Timeouts& t = config.backends.at(0).timeouts;
  EXPECT_EQ(t.connect, seconds(5));
  EXPECT_EQ(t.server, seconds(50));
  EXPECT_EQ(t.tunnel, minutes(60));
  EXPECT_EQ(t.server_fin, seconds(1));
  EXPECT_EQ(t.client_fin, seconds(2));
  EXPECT_EQ(t.check, milliseconds(300));
  EXPECT_EQ(t.client, std::nullopt) << "0 is no limit";
}

TEST(Load, FrontendAndBackendApart) {
  const Config config = good(
      "frontend in\n bind 192.0.2.10:80,192.0.2.10:8000-8009\n bind ipv4@192.0.2.10:81 name x\n"
      " default_backend web\n description the web\n id 12\n"
      "backend other\n"
      "backend web\n balance source\n hash-type consistent\n server s 10.0.0.1:80\n");
  const Frontend& frontend = config.frontends.at(0);
  ASSERT_EQ(frontend.binds.size(), 3u);
  EXPECT_EQ(frontend.binds[1].port_count(), 10u);
  EXPECT_EQ(frontend.binds[2].port_first, 81);
  EXPECT_EQ(frontend.default_backend, "web");
  EXPECT_EQ(frontend.backend_index, 1u);
  EXPECT_EQ(frontend.description, "the web");
  EXPECT_EQ(frontend.id, 12u);
  EXPECT_EQ(config.backends.at(1).balance, Balance::Source);
}

TEST(Load, AServerWithoutPortTakesTheOneItsClientsCameTo) {
  const Config one = good("listen web\n bind 192.0.2.10:80\n server s 10.0.0.1 check\n");
  EXPECT_EQ(one.backends.at(0).servers.at(0).port, 80);
  const Config many =
      good("listen ftp\n bind 192.0.2.10:2000-2010\n server s 10.0.0.1 check port 21\n");
  EXPECT_EQ(many.backends.at(0).servers.at(0).port, 0) << "the same as the client's";
  EXPECT_EQ(many.backends.at(0).servers.at(0).check_endpoint().port, 21);
}

TEST(Load, NamesOfServersAreResolvedOnce) {
  TestWorld world;
  int asked = 0;
  LoadOptions options = world.options();
  options.resolve = [&](std::string_view) -> Result<Ipv4Address> {
    ++asked;
    return Ipv4Address::of(10, 0, 0, 99);
  };
  const auto config =
      load({{"test.cfg", std::string(kPrelude) + "backend a\n server s1 db.example:1\n"
                                                 " server s2 db.example:2\n"}},
           options);
  ASSERT_TRUE(config) << format_diagnostics(config.error());
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(config->backends[0].servers[1].address, Ipv4Address::of(10, 0, 0, 99));
  EXPECT_EQ(config->backends[0].servers[1].host, "db.example");
}

TEST(Load, BalancingAlgorithms) {
  const std::pair<std::string, Balance> cases[] = {
      {"roundrobin", Balance::RoundRobin}, {"static-rr", Balance::StaticRoundRobin},
      {"leastconn", Balance::LeastConn},   {"source", Balance::Source},
      {"random", Balance::Random},         {"first", Balance::First}};
  for (const auto& [name, balance] : cases) {
    EXPECT_EQ(good("backend a\n balance " + name + "\n").backends.at(0).balance, balance) << name;
  }
  EXPECT_EQ(good("backend a\n balance random(3)\n").backends.at(0).random_draws, 3u);
}

TEST(Load, GlobalSection) {
  const Config config = good(
      "global\n"
      "    log 10.1.1.1:514 len 4096 local0 info notice\n"
      "    log stdout format raw\n"
      "    log /dev/log local1\n"
      "    maxconn 200000\n"
      "    description two boxes\n"
      "    stats socket /run/carpool.sock mode 660 level admin\n"
      "    stats socket ipv4@127.0.0.1:9999 level user\n"
      "    stats timeout 2m\n");
  EXPECT_EQ(config.global.maxconn, 200000u);
  EXPECT_EQ(config.node.flows, 200000u);
  EXPECT_EQ(config.global.description, "two boxes");
  ASSERT_EQ(config.global.logs.size(), 3u);
  EXPECT_EQ(config.global.logs[0], (LogTarget{"10.1.1.1:514", "local0", "info"}));
  EXPECT_EQ(config.global.logs[1], (LogTarget{"stdout", "", ""}));
  ASSERT_EQ(config.global.stats_sockets.size(), 2u);
  EXPECT_EQ(std::get<std::string>(config.global.stats_sockets[0].where), "/run/carpool.sock");
  EXPECT_EQ(config.global.stats_sockets[0].mode, 0660u);
  EXPECT_EQ(config.global.stats_sockets[0].level, StatsLevel::Admin);
  EXPECT_EQ(std::get<Endpoint>(config.global.stats_sockets[1].where).port, 9999);
  EXPECT_EQ(config.global.stats_timeout, minutes(2));
  EXPECT_TRUE(config.warnings.empty()) << format_diagnostics(config.warnings);
}

TEST(Load, NodeSection) {
  const auto config = load_text(
      "global\n maxconn 5000\n"
      "node lb1\n"
      "    port wan packet eth0 fanout=1 queue=2\n"
      "    port lan memif /run/memif.sock role=client\n"
      "    workers 4\n    idle poll\n    fence 5s\n    flows 2m\n    memory 256m\n"
      "    redundancy g advskew 10 advbase 2\n"
      "redundancy g\n vhid 1\n port wan\n pass x\n address 192.0.2.1/32\n"
      " address-order configured\n mac own\n advskew 200\n");
  ASSERT_TRUE(config) << format_diagnostics(config.error());
  const Node& node = config->node;
  EXPECT_EQ(node.ports.at(0).kind, PortKind::Packet);
  EXPECT_EQ(node.ports.at(0).options.at("queue"), "2");
  EXPECT_EQ(node.ports.at(1).kind, PortKind::Memif);
  EXPECT_EQ(node.ports.at(1).device, "/run/memif.sock");
  EXPECT_EQ(node.idle, IdleMode::Poll);
  EXPECT_EQ(node.fence, seconds(5));
  EXPECT_EQ(node.flows, 2u << 20) << "over global maxconn";
  EXPECT_EQ(node.memory_mb, 256u);
  EXPECT_EQ(config->groups.at(0).advskew, 10);
  EXPECT_EQ(config->groups.at(0).advbase, 2);
  EXPECT_EQ(config->groups.at(0).address_order, AddressOrder::Configured);
  EXPECT_EQ(config->groups.at(0).mac, GroupMac::Own);
  EXPECT_FALSE(config->groups.at(0).preempt) << "unless written";
}

TEST(Load, AStatisticsPageIsNotForwarded) {
  const Config config = good(
      "listen stats\n bind *:9000\n mode http\n stats enable\n stats uri /s\n"
      " stats auth admin:se:cret\n stats refresh 10\n stats admin if TRUE\n");
  EXPECT_TRUE(config.frontends.empty() && config.backends.empty());
  ASSERT_EQ(config.stats_pages.size(), 1u);
  const StatsPage& page = config.stats_pages[0];
  EXPECT_EQ(page.name, "stats");
  EXPECT_EQ(page.binds.at(0), (Endpoint{Ipv4Address{}, 9000}));
  EXPECT_EQ(page.uri, "/s");
  EXPECT_EQ(page.users.at(0).second, "se:cret");
  EXPECT_EQ(page.refresh, seconds(10));
  EXPECT_TRUE(page.admin);
}

TEST(Load, ConditionsChooseLines) {
  TestWorld world;
  world.environment["SITE"] = "west";
  const Config config = good(
      ".if defined(NOTHING)\n nonsense \"\n.if true\n more nonsense\n.endif\n"
      ".elif streq(\"$SITE\",west)\n"
      "backend west\n"
      ".else\nbackend other\n.endif\n"
      ".notice \"site is $SITE\"\n",
      world);
  ASSERT_EQ(config.backends.size(), 1u);
  EXPECT_EQ(config.backends[0].name, "west");
  EXPECT_TRUE(says(config.warnings, Severity::Notice, kPreludeLines + 11, "site is west"));
}

TEST(Load, SeveralFilesAreOneConfiguration) {
  const auto config =
      load_files({{"00-base.cfg", std::string(kPrelude) + "defaults\n timeout client 9s\n"},
                  {"10-web.cfg", "listen web\n bind 192.0.2.10:80\n server s 10.0.0.1:80\n"}});
  ASSERT_TRUE(config) << format_diagnostics(config.error());
  EXPECT_EQ(config->frontends.at(0).timeouts.client, seconds(9));
  EXPECT_EQ(config->files, (std::vector<std::string>{"00-base.cfg", "10-web.cfg"}));
  EXPECT_EQ(config->frontends[0].origin.file, 1u);
  EXPECT_EQ(config->frontends[0].origin.line, 1u);
}

TEST(Load, PeerKeysFromTheLineAndFromAFile) {
  const Config config = good("global\n peer-key 7 " + std::string(62, '0') + "Ff\n" +
                             " peer-key 300 file /etc/carpool/peer.key\n");
  ASSERT_EQ(config.global.peer_keys.size(), 2u);
  EXPECT_EQ(config.global.peer_keys[0].id, 7);
  EXPECT_EQ(config.global.peer_keys[0].secret.back(), 0xff);
  EXPECT_EQ(config.global.peer_keys[1].id, 300);
  EXPECT_EQ(config.global.peer_keys[1].secret.front(), 0xbb);
}

TEST(Load, ListenersAreMirroredUnlessTheySayNo) {
  const Config config = good(
      "defaults\n mirror off\n"
      "listen a\n bind 192.0.2.10:80\n server s 10.0.0.1:80\n"
      "listen b\n bind 192.0.2.10:81\n mirror on\n server s 10.0.0.1:80\n"
      "defaults\n"
      "listen c\n bind 192.0.2.10:82\n server s 10.0.0.1:80\n");
  ASSERT_EQ(config.frontends.size(), 3u);
  EXPECT_FALSE(config.frontends[0].mirror);
  EXPECT_TRUE(config.frontends[1].mirror);
  EXPECT_TRUE(config.frontends[2].mirror);
}

TEST(Load, WhereSomethingWasWrittenDoesNotMakeItDifferent) {
  const std::string_view web = "listen web\n bind 192.0.2.10:80\n server s 10.0.0.1:80\n";
  EXPECT_EQ(good(web), good("# moved\n\n" + std::string(web)));
  EXPECT_NE(good(web), good(std::string(web) + " server t 10.0.0.2:80\n"));
}

TEST(Load, AnIndentedNodeInGlobalIsHaproxysKeyword) {
  const Config config = good("global\n    node mybox\n    maxconn 5000\n");
  EXPECT_EQ(config.global.maxconn, 5000u);
  EXPECT_EQ(config.other_nodes.size(), 1u);
}

TEST(Load, DegradedTrafficOnlyWhereItIsAllowed) {
  const std::string_view text =
      "listen web\n bind 192.0.2.10:80\n balance uri\n cookie SRV insert\n"
      " server s 10.0.0.1:80 cookie s\n";
  EXPECT_TRUE(says(said_about(text), Severity::Error, kPreludeLines + 3, "looks into HTTP"));
  TestWorld world;
  world.allow_degraded = true;
  const Config config = good(text, world);
  EXPECT_TRUE(says(config.warnings, Severity::Warning, kPreludeLines + 4, "'cookie' is ignored"));
  EXPECT_TRUE(says(said_about("listen web\n bind 192.0.2.10:443 ssl crt /x.pem\n", world),
                   Severity::Error, kPreludeLines + 2, "needs TLS to end here"));
}

constexpr std::string_view kVrrp =
    "node lb1\n"
    "    port wan xdp eth1\n"
    "    redundancy public priority 200\n"
    "node lb2\n"
    "    port wan xdp eth1\n"
    "    redundancy public priority 100\n"
    "redundancy public\n"
    "    vrid 53\n"
    "    port wan\n"
    "    address 192.0.2.10/24\n";

TEST(Load, VrrpWithEverythingWritten) {
  TestWorld world;
  world.node = "lb2";
  const auto config = load_text(std::string(kVrrp) +
                                    "    protocol vrrp 3\n"
                                    "    advert-interval 100ms\n"
                                    "    no preempt\n"
                                    "    startup-delay 10s\n"
                                    "    unicast peer 192.0.2.1 192.0.2.2 min-ttl 255\n"
                                    "    garp count 3 delay 2s refresh 60s refresh-count 2\n"
                                    "    checksum rfc9568\n",
                                world);
  ASSERT_TRUE(config) << format_diagnostics(config.error());
  const RedundancyGroup& group = config->groups[0];
  EXPECT_EQ(group.protocol, RedundancyProtocol::Vrrp3);
  EXPECT_EQ(group.vhid, 53);
  EXPECT_FALSE(group.preempt);
  EXPECT_EQ(group.vrrp.priority, 100) << "as this node says";
  EXPECT_EQ(group.vrrp.interval, milliseconds(100));
  EXPECT_EQ(group.vrrp.startup_delay, seconds(10));
  EXPECT_EQ(group.vrrp.unicast_peers,
            (std::vector{Ipv4Address::of(192, 0, 2, 1), Ipv4Address::of(192, 0, 2, 2)}));
  EXPECT_EQ(group.vrrp.min_ttl, 255);
  EXPECT_EQ(group.vrrp.garp, (GarpPlan{3, seconds(2), seconds(60), 2}));
  EXPECT_EQ(group.vrrp.checksum, VrrpChecksumForm::Rfc9568);
}

TEST(Load, WhatAGroupTracks) {
  const auto config = load_text(std::string(kVrrp) +
                                "    protocol vrrp 3\n"
                                "    track port wan weight -50\n"
                                "    track backend web at-least 2 weight 0\n"
                                "    track script \"/etc/carpool/check -v\" interval 2s timeout "
                                "500ms rise 2 fall 3 weight 20\n"
                                "    track script /bin/true user daemon\n"
                                "    sync-group both\n"
                                "    notify /etc/carpool/notify user daemon\n"
                                "listen web\n"
                                "    bind 192.0.2.10:80\n"
                                "    server s1 10.0.0.1:80\n"
                                "    server s2 10.0.0.2:80\n");
  ASSERT_TRUE(config) << format_diagnostics(config.error());
  const RedundancyGroup& group = config->groups[0];
  ASSERT_EQ(group.track_ports.size(), 1u);
  EXPECT_EQ(group.track_ports[0].port, "wan");
  EXPECT_EQ(group.track_ports[0].weight, -50);
  EXPECT_EQ(group.tracks.at(0).at_least, 2u);
  EXPECT_EQ(group.tracks.at(0).weight, 0);
  ASSERT_EQ(group.track_scripts.size(), 2u);
  const TrackScript& script = group.track_scripts[0];
  EXPECT_EQ(script.script, (Script{{"/etc/carpool/check", "-v"}, "nobody"}));
  EXPECT_EQ(script.interval, seconds(2));
  EXPECT_EQ(script.timeout, milliseconds(500));
  EXPECT_EQ(script.rise, 2u);
  EXPECT_EQ(script.fall, 3u);
  EXPECT_EQ(script.weight, 20);
  EXPECT_EQ(group.track_scripts[1].script, (Script{{"/bin/true"}, "daemon"}));
  EXPECT_EQ(group.track_scripts[1].weight, std::nullopt);
  EXPECT_EQ(group.sync_group, "both");
  EXPECT_EQ(group.notify, (Script{{"/etc/carpool/notify"}, "daemon"}));
}

TEST(Load, VrrpPreemptsUnlessToldOtherwise) {
  const auto config = load_text(std::string(kVrrp) + "    protocol vrrp 2\n    pass secret\n");
  ASSERT_TRUE(config) << format_diagnostics(config.error());
  EXPECT_TRUE(config->groups[0].preempt);
  EXPECT_EQ(config->groups[0].vrrp.priority, 200);
  EXPECT_EQ(config->groups[0].password, "secret");
  EXPECT_TRUE(config->warnings.empty()) << format_diagnostics(config->warnings);
  EXPECT_FALSE(load_text(kPrelude)->groups[0].preempt) << "CARP does not";
}

// A fast interval needs a short fence, or both nodes answer for a while.
TEST(Load, VrrpsFenceIsHeldAgainstItsInterval) {
  const auto config =
      load_text(std::string(kVrrp) + "    protocol vrrp 3\n    advert-interval 100ms\n");
  ASSERT_TRUE(config);
  EXPECT_TRUE(says(config->warnings, Severity::Warning, 1, "write 'fence 200ms' or less"));
}

TEST(Load, WaysOfForwarding) {
  const Config config = good(
      "backend a\n server s 10.0.0.1:80\n"
      "backend b\n forward nat\n server s 10.0.0.1:80\n"
      "listen c\n forward dsr\n bind 192.0.2.10:80\n server s 10.0.0.1\n"
      "backend d\n forward tunnel\n server s 10.0.0.1\n"
      "backend e\n forward tunnel ipip\n server s 10.0.0.1\n"
      "backend f\n forward tunnel gue\n server s 10.0.0.1\n");
  EXPECT_EQ(config.find_backend("a")->forwarding, Forwarding::FullNat);
  EXPECT_EQ(config.find_backend("b")->forwarding, Forwarding::Nat);
  EXPECT_EQ(config.find_backend("c")->forwarding, Forwarding::Dsr);
  EXPECT_EQ(config.find_backend("c")->servers[0].port, 80);
  EXPECT_EQ(config.find_backend("d")->forwarding, Forwarding::TunnelIpip);
  EXPECT_EQ(config.find_backend("e")->forwarding, Forwarding::TunnelIpip);
  EXPECT_EQ(config.find_backend("f")->forwarding, Forwarding::TunnelGue);
}

TEST(Load, NatWantsTheVirtualMac) {
  const auto said =
      said_about(" mac own\nlisten a\n forward nat\n bind 192.0.2.10:80\n server s 10.0.0.1:80\n");
  EXPECT_TRUE(says(said, Severity::Error, kPreludeLines + 2, "'mac own' of redundancy 'public'"));
}

TEST(Load, Udp) {
  const Config config = good(
      "defaults\n timeout tunnel 1h\n"
      "listen dns\n mode udp\n bind udp@192.0.2.10:53\n proxy-responses 1\n"
      " option dns-check name example.org\n server ns1 10.0.0.53:53 check\n"
      "listen syslog\n mode udp\n mirror on\n bind 192.0.2.10:514\n timeout client 5s\n"
      " server log1 10.0.0.54\n"
      "listen tcpdns\n bind 192.0.2.10:53\n server ns1 10.0.0.53:53\n");
  const Frontend* dns = config.find_frontend("dns");
  EXPECT_EQ(dns->protocol, IpProtocol::Udp);
  EXPECT_FALSE(dns->mirror);
  EXPECT_EQ(config.find_backend("dns")->protocol, IpProtocol::Udp);
  EXPECT_EQ(config.find_backend("dns")->replies, 1);
  EXPECT_TRUE(config.find_frontend("syslog")->mirror);
  EXPECT_EQ(config.find_backend("syslog")->servers[0].port, 514);
  EXPECT_EQ(config.find_frontend("tcpdns")->protocol, IpProtocol::Tcp);
  EXPECT_TRUE(config.find_frontend("tcpdns")->mirror);
  EXPECT_TRUE(config.warnings.empty()) << format_diagnostics(config.warnings);
}

}  // namespace
}  // namespace carpool::config
