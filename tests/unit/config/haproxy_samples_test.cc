// Configurations as they are found in the field: only what carpool adds is put before them.
#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace carpool::config {
namespace {

using std::chrono::seconds;

// Debian's /etc/haproxy/haproxy.cfg with the two services that most sites put into it.
constexpr std::string_view kDebianWithMysqlAndHttp = R"(
global
	log /dev/log	local0
	log /dev/log	local1 notice
	chroot /var/lib/haproxy
	stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners
	stats timeout 30s
	user haproxy
	group haproxy
	daemon

	# Default SSL material locations
	ca-base /etc/ssl/certs
	crt-base /etc/ssl/private
        ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256
        ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets

defaults
	log	global
	mode	http
	option	httplog
	option	dontlognull
        timeout connect 5000
        timeout client  50000
        timeout server  50000
	errorfile 400 /etc/haproxy/errors/400.http
	errorfile 503 /etc/haproxy/errors/503.http

listen mysql-cluster
	bind 192.0.2.10:3306
	mode tcp
	option tcplog
	option tcpka
	balance leastconn
	option httpchk
	timeout client 8h
	timeout server 8h
	default-server port 9200 inter 2s downinter 5s rise 3 fall 2 slowstart 60s maxconn 64 maxqueue 128 weight 100
	server mysql1 10.0.0.11:3306 check
	server mysql2 10.0.0.12:3306 check backup
	server mysql3 10.0.0.13:3306 check backup

frontend www
	bind 192.0.2.10:80
	default_backend web

backend web
	balance roundrobin
	option httpchk GET /health
	http-check expect status 200
	server web1 10.0.0.21:8080 check
	server web2 10.0.0.22:8080 check weight 2

listen stats
	bind *:8404
	stats enable
	stats uri /stats
	stats refresh 10s
)";

TEST(HaproxySamples, DebianWithMysqlAndHttp) {
  const Config config = good(kDebianWithMysqlAndHttp);
  ASSERT_EQ(config.frontends.size(), 2u);
  ASSERT_EQ(config.backends.size(), 2u);
  const Backend& mysql = config.backends[0];
  EXPECT_EQ(mysql.balance, Balance::LeastConn);
  EXPECT_EQ(mysql.timeouts.server, std::chrono::hours(8));
  EXPECT_EQ(mysql.timeouts.connect, seconds(5));
  ASSERT_EQ(mysql.servers.size(), 3u);
  EXPECT_EQ(mysql.servers[2].check_endpoint().port, 9200);
  EXPECT_EQ(mysql.servers[2].slowstart, seconds(60));
  EXPECT_EQ(mysql.servers[2].weight, 100u);
  EXPECT_TRUE(mysql.servers[2].backup);
  const Backend& web = config.backends[1];
  const auto& rules = std::get<HttpCheck>(web.check).rules;
  EXPECT_EQ(std::get<HttpSendRule>(rules.at(1).act).uri, "/health");
  EXPECT_FALSE(std::get<ExpectStatus>(std::get<ExpectRule>(rules.at(2).act).what).accepts(301));
  EXPECT_EQ(config.stats_pages.at(0).binds.at(0).port, 8404);

  // Every line that does not do what it says has its warning, and `mode http` only one.
  std::vector<std::uint32_t> lines;
  for (const Diagnostic& d : config.warnings) {
    EXPECT_EQ(d.severity, Severity::Warning);
    lines.push_back(d.line - kPreludeLines);
  }
  EXPECT_EQ(lines, (std::vector<std::uint32_t>{5, 8, 9, 10, 14, 15, 16, 19, 20, 21, 22, 26, 27, 32,
                                               33, 38}))
      << format_diagnostics(config.warnings);
}

// A Galera recipe, on the old `listen` habits, with a numeric check port and stats.
constexpr std::string_view kGalera = R"(
global
    maxconn 100000
    nbthread 4
    cpu-map auto:1/1-4 0-3
defaults tcp-services
    mode tcp
    retries 3
    option redispatch
    maxconn 10000
    timeout connect 3s
    timeout client 10m
    timeout server 10m
    timeout check 2s
frontend galera_front from tcp-services
    bind 192.0.2.10:3307 name galera
    default_backend galera_back
backend galera_back from tcp-services
    balance source
    hash-type consistent
    option httpchk OPTIONS * HTTP/1.1\r\nHost:\ www
    option allbackups
    server g1 "${G1-10.0.0.31}":3306 check port 9200 on-marked-down shutdown-sessions
    server g2 db1.example:3306 check port 9200 on-marked-down shutdown-sessions init-addr last,libc,none
    server g3 10.0.0.33:"$PORT" check port 9200 backup on-marked-down shutdown-sessions
)";

TEST(HaproxySamples, GaleraRecipe) {
  const Config config = good(kGalera);
  ASSERT_EQ(config.backends.size(), 1u);
  const Backend& galera = config.backends[0];
  EXPECT_EQ(galera.balance, Balance::Source);
  EXPECT_TRUE(galera.all_backups);
  EXPECT_EQ(galera.timeouts.check, seconds(2));
  EXPECT_EQ(std::get<HttpSendRule>(std::get<HttpCheck>(galera.check).rules.at(1).act).uri, "*");
  EXPECT_EQ(galera.servers.at(0).address, Ipv4Address::of(10, 0, 0, 31));
  EXPECT_EQ(galera.servers.at(1).address, Ipv4Address::of(10, 0, 0, 11));
  EXPECT_EQ(galera.servers.at(2).port, 3306);
  EXPECT_TRUE(galera.servers.at(2).shutdown_sessions_on_down);
  EXPECT_EQ(config.node.flows, 100000u);
}

}  // namespace
}  // namespace carpool::config
