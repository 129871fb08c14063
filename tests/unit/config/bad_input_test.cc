// What is wrong, where it is said to be, and in which words.
#include <span>

#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace carpool::config {
namespace {

struct Case {
  std::string_view text;      // after the prelude
  std::uint32_t line;         // of this text, from 1; 0: about the configuration as a whole
  std::string_view fragment;  // of the message or the hint
};

std::uint32_t absolute(std::uint32_t line) {
  return line == 0 ? 0 : line + kPreludeLines;
}

void expect_all(std::span<const Case> cases, Severity severity) {
  for (const Case& c : cases) {
    const auto said = said_about(c.text);
    EXPECT_TRUE(says(said, severity, absolute(c.line), c.fragment))
        << "missing: line " << absolute(c.line) << " '" << c.fragment << "' for\n"
        << c.text << "\nsaid:\n"
        << format_diagnostics(said);
  }
}

TEST(BadInput, Grammar) {
  const Case cases[] = {
      {"listen a\n blance roundrobin\n", 2, "did you mean 'balance'?"},
      {"listen a\n blance roundrobin\n", 2, "unknown keyword 'blance' in section 'listen'"},
      {"backend a\nfrontned b\n bind x\n", 2, "did you mean the section 'frontend'?"},
      {"listen a\n option httpchek\n", 2, "did you mean 'option httpchk'?"},
      {"listen a\n timeout clinet 5s\n", 2, "did you mean 'timeout client'?"},
      {"backend a\n bind 192.0.2.10:80\n", 2, "it belongs in 'frontend' and 'listen'"},
      {"global\n server s 10.0.0.1:80\n", 2, "'server' is not for a 'global' section"},
      {"listen a\n mode\n", 2, "'mode' wants one of 'tcp', 'http' and 'udp'"},
      {"listen a\n mode tcpp\n", 2, "did you mean 'tcp'?"},
      {"listen a\n proxy-responses 256\n", 2, "out of range"},
      {"listen a\n timeout client 5x\n", 2, "'x' is not a unit of time"},
      {"listen a\n timeout client 5s 6s\n", 2, "unexpected '6s' after 'timeout client'"},
      {"listen a\n timeout client\n", 2, "'timeout client' wants a time"},
      {"listen a\n balance leastcon\n", 2, "did you mean 'leastconn'?"},
      {"listen a\n balance random(0)\n", 2, "out of range"},
      {"listen a\n no balance roundrobin\n", 2, "cannot be taken back"},
      {"listen \"a b\"\n", 1, "has a character that names cannot have"},
      {"listen\n", 1, "'listen' wants a name"},
      {"listen a extra\n", 1, "unexpected 'extra'"},
      {"backend a from nothing\n", 1, "no 'defaults nothing' before this line"},
      {"defaults x\ndefaults x\n", 2, "'defaults x' already"},
      {"backend a\n description \"open\n", 2, "is not closed"},
      {".if true\n", 1, "'.if' without '.endif'"},
      {".endif\n", 1, "'.endif' without '.if'"},
      {".if maybe\n.endif\n", 1, "unknown condition 'maybe'"},
      {".alert \"do not start\"\n", 1, "do not start"},
      {".nonsense\n", 1, "unknown directive"},
      {"backend a\n server s 10.0.0.1:80 wieght 5\n", 2, "did you mean 'weight'?"},
      {"backend a\n server s 10.0.0.1:80 weight 257\n", 2, "257 is out of range, from 0 to 256"},
      {"backend a\n server s 10.0.0.1:80 inter\n", 2, "'inter' wants a time"},
      {"backend a\n server s\n", 2, "'server' wants an address"},
      {"backend a\n server s 10.0.0.1:99999\n", 2, "'99999' is not a port"},
      {"backend a\n server s 10.0.0.1:+5\n", 2, "relative to the client's are not supported yet"},
      {"backend a\n server s [2001:db8::1]:80\n", 2, "only IPv4 is supported yet"},
      {"backend a\n server s 127.0.0.1:80\n", 2, "the data plane cannot reach it"},
      {"backend a\n server s db9.example:80\n", 2, "cannot resolve 'db9.example': no such host"},
      {"backend a\n option httpchk GET\\ / /\n", 2, "cannot be"},
      {"backend a\n http-check expect status 99\n", 2, "'99' is not a status"},
      {"backend a\n http-check expect rstatus (2\n", 2, "missing closing parenthesis"},
      {"backend a\n http-check expect binary 00\n", 2, "'expect binary' is for 'tcp-check'"},
      {"backend a\n http-check expect strin x\n", 2, "did you mean 'string'?"},
      {"backend a\n http-check expect !\n", 2, "wants a pattern"},
      {"backend a\n http-check expect comment x\n", 2, "'expect' without a pattern"},
      {"backend a\n http-check expect string a string b\n", 2, "only one pattern"},
      {"backend a\n http-check expect status 200 ok-status L7RSP\n", 2, "one of 'L7OK'"},
      {"backend a\n http-check expect status 200 on-error %[res.code]\n", 2, "log formats"},
      {"backend a\n http-check expect hdr value x\n", 2, "'hdr' wants 'name'"},
      {"backend a\n http-check send body x\n http-check send uri /\n", 3, "has one request"},
      {"backend a\n http-check send uri /\n http-check connect\n", 3, "needs one before them"},
      {"backend a\n http-check connect\n http-check connect\n", 3, "'expect' is missing"},
      {"backend a\n http-check send hdr A \"b\\r\\nc\"\n", 2, "has one line"},
      {"backend a\n http-check connect via-socks4\n", 2, "not supported yet"},
      {"backend a\n http-check set-var(x) y\n", 2, "is not supported"},
      {"backend a\n tcp-check expect status 200\n", 2, "'expect status' is for 'http-check'"},
      {"backend a\n tcp-check send-binary 5\n", 2, "two digits for each byte"},
      {"backend a\n tcp-check send a b\n", 2, "unexpected 'b'"},
      {"backend a\n tcp-check send-lf %[date]\n", 2, "log formats are not supported"},
      {"backend a\n tcp-check expect rstring [\n", 2, "not a regular expression"},
      {"backend a\n tcp-check conect\n", 2, "did you mean 'connect'?"},
      {"backend a\n tcp-check send x\n tcp-check connect\n", 3, "'connect default'"},
      {"backend a\n tcp-check connect port 0\n", 2, "out of range"},
      {"backend a\n server s 10.0.0.1:80 check-alpn h2,,x\n", 2, "is not a list of protocols"},
      {"backend a\n server s 10.0.0.1:80 verify maybe\n", 2, "one of 'none' and 'required'"},
      {"backend a\n server s 10.0.0.1:80 check check-ssl\n", 2, "'verify none'"},
      {"backend a\n option tcp-check\n tcp-check connect ssl\n server s 10.0.0.1:80 check\n", 4,
       "without a 'ca-file'"},
      {"backend a\n http-check exepct status 200\n", 2, "did you mean 'expect'?"},
      {"backend a\n stats uri x\n", 2, "'x' is not a path"},
      {"global\n log /dev/log local9\n", 2, "unknown log facility 'local9'"},
      {"global\n stats socket here\n", 2, "neither a path nor an address"},
      {"global\n stats socket /x mode 9\n", 2, "not permissions in octal"},
  };
  expect_all(cases, Severity::Error);
}

TEST(BadInput, WhatNeedsLayerSevenSaysWhyAndWhatToDo) {
  const Case cases[] = {
      {"listen a\n bind 192.0.2.10:443 ssl crt /a.pem\n", 2, "needs TLS to end here"},
      {"listen a\n bind 192.0.2.10:443 ssl crt /a.pem\n", 2, "terminate TLS"},
      {"backend a\n server s 10.0.0.1:443 ssl verify none\n", 2, "begins TLS towards the server"},
      {"backend a\n server s 10.0.0.1:80 send-proxy\n", 2, "puts a header"},
      {"backend a\n server s 10.0.0.1:80 send-proxy-v2-ssl\n", 2, "puts a header"},
      {"frontend a\n http-request deny\n", 2, "looks into HTTP"},
      {"frontend a\n redirect scheme https\n", 2, "HAProxy or nginx tier behind"},
      {"backend a\n cookie SRV insert\n", 2, "'balance source' to keep a client on a server"},
      {"backend a\n compression algo gzip\n", 2, "--allow-degraded ignores it"},
      {"backend a\n balance hdr(host)\n", 2, "'balance hdr' looks into HTTP"},
      {"frontend a\n tcp-request content reject\n", 2, "judges the content"},
      {"frontend a\n use_backend b if { src 10.0.0.0/8 }\n", 2, "not supported yet"},
      {"frontend a\n tcp-request connection reject if x\n", 2, "not supported yet"},
      {"backend a\n server s 10.0.0.1:80 source 10.0.0.9\n", 2, "not supported yet"},
      {"backend a\n forwarding dsr\n", 2, "did you mean 'forward'?"},
      {"backend a\n forward nta\n", 2, "did you mean 'nat'?"},
      {"backend a\n forward tunnel gre\n", 2, "wants one of 'ipip' and 'gue'"},
      {"backend a\n forward dsr gue\n", 2, "unexpected 'gue' after 'forward'"},
      {"backend a\n source 10.0.0.1 usesrc clientip\n", 2, "write 'forward nat' instead"},
      {"fcgi-app x\n anything here\n", 1, "FastCGI"},
      {"global\n lua-load /x.lua\n", 2, "runs Lua"},
  };
  expect_all(cases, Severity::Error);
}

TEST(BadInput, NodesAndRedundancy) {
  const Case cases[] = {
      {"redundancy r\n protocol carpp\n", 2, "did you mean 'carp'?"},
      {"redundancy r\n protocol vrrp\n", 2, "'vrrp' wants a version, 2 or 3"},
      {"redundancy r\n protocol vrrp 4\n", 2, "from 2 to 3"},
      {"redundancy r\n protocol vrrp 3\n", 1, "redundancy 'r' has no 'vrid'"},
      {"redundancy r\n protocol vrrp 3\n vhid 5\n", 3, "'vhid' is for CARP"},
      {"redundancy r\n protocol vrrp 3\n vhid 5\n", 3, "write 'vrid'"},
      {"redundancy r\n vrid 5\n", 2, "'vrid' is for VRRP, and redundancy 'r' speaks carp"},
      {"redundancy r\n advskew 5\n protocol vrrp 2\n", 2, "'advskew' is for CARP"},
      {"redundancy r\n priority 5\n", 2, "there the lower one leads"},
      {"redundancy r\n priority 0\n", 2, "from 1 to 255"},
      {"redundancy r\n protocol vrrp 3\n pass x\n", 3, "VRRP 3 has no passwords"},
      {"redundancy r\n protocol vrrp 2\n pass 123456789\n", 3, "has 9 bytes, and VRRP 2 takes 8"},
      {"redundancy r\n protocol vrrp 2\n advert-interval 100ms\n", 3, "in whole seconds"},
      {"redundancy r\n protocol vrrp 3\n advert-interval 15ms\n", 3, "in steps of 10ms"},
      {"redundancy r\n protocol vrrp 3\n advert-interval 41s\n", 3, "from 10ms to 40950ms"},
      {"redundancy r\n protocol vrrp 2\n checksum rfc9568\n", 3, "checksum has one form"},
      {"redundancy r\n protocol vrrp 3\n unicast peer\n", 3, "'peer' wants an address"},
      {"redundancy r\n protocol vrrp 3\n unicast peer lb2\n", 3, "is not an IPv4 address"},
      {"redundancy r\n protocol vrrp 3\n unicast peer 10.0.0.1 10.0.0.1\n", 3, "stands twice"},
      {"redundancy r\n protocol vrrp 3\n garp\n", 3, "'garp' wants a parameter"},
      {"redundancy r\n protocol vrrp 3\n garp count 0\n", 3, "from 1 to 60"},
      {"redundancy r\n protocol vrrp 3\nnode lb3\n redundancy r advskew 5\n", 4,
       "redundancy 'r' speaks vrrp 3, where a node ranks itself by 'priority'"},
      {"node lb3\n redundancy public priority 5\n", 2,
       "redundancy 'public' speaks carp, where a node ranks itself by 'advskew'"},
      {"redundancy r\n vhid 256\n", 2, "256 is out of range, from 1 to 255"},
      {"redundancy r\n vhid 0\n", 2, "from 1 to 255"},
      {"redundancy r\n advskew 255\n", 2, "from 0 to 254"},
      {"redundancy r\n pass 12345678901234567890\n", 2, "has 20 bytes, and CARP takes 19"},
      {"redundancy r\n address 192.0.2.20\n", 2, "is not an address and prefix length"},
      {"redundancy r\n address 2001:db8::1/64\n", 2, "only IPv4 is supported yet"},
      {"redundancy r\n track\n", 2, "'backend', 'port' and 'script'"},
      {"redundancy r\n track port lan\n", 2, "node 'lb1' has no port 'lan'"},
      {"redundancy r\n track port wan weight -5\n", 2, "a weight of CARP has no sign"},
      {"redundancy r\n track port wan weight 241\n", 2, "goes from 0 to 240"},
      {"redundancy r\n protocol vrrp 3\n track port wan weight -254\n", 3, "from -253 to 253"},
      {"redundancy r\n track port wan weight heavy\n", 2, "'heavy' is no weight"},
      {"redundancy r\n track script check\n", 2, "is not the full path of a program"},
      {"redundancy r\n track script /check interval 1ms\n", 2, "from 100ms to 1h"},
      {"redundancy r\n track script /check every 1s\n", 2, "one of 'interval', 'timeout'"},
      {"redundancy r\n notify script\n", 2, "is not the full path of a program"},
      {"redundancy r\n fast-hello 2s\n", 2, "in steps of 10ms, from 10ms to 1s"},
      {"redundancy r\n fast-hello 15ms\n", 2, "in steps of 10ms, from 10ms to 1s"},
      {"redundancy r\n fast-hello 10ms count 2\n", 2, "from 3 to 100"},
      {"redundancy r\n protocol vrrp 3\n unicast peer 10.0.0.1\n fast-hello 10ms\n", 4,
       "goes by multicast"},
      {"redundancy r\n mac mine\n", 2, "one of 'virtual' and 'own'"},
      {"redundancy r\n", 1, "redundancy 'r' has no 'vhid'"},
      {"redundancy r\n", 1, "redundancy 'r' has no 'port'"},
      {"redundancy r\n", 1, "redundancy 'r' has no 'address'"},
      {"redundancy public\n", 1, "there is a redundancy 'public' already"},
      {"redundancy r\n vhid 53\n port wan\n address 192.0.2.20/24\n", 1,
       "vhid 53 on port 'wan' is that of redundancy 'public' already"},
      {"redundancy r\n vhid 54\n port lan\n", 1, "node 'lb2' has no port 'lan'"},
      {"redundancy r\n vhid 54\n port wann\n", 1, "did you mean 'wan'?"},
      {"redundancy r\n floating 10.0.0.1/24 port lan\n", 2, "node 'lb1' has no port 'lan'"},
      {"redundancy r\n address 192.0.2.10/24\n", 2, "192.0.2.10 is an address of group 'public'"},
      {"redundancy r\n address 192.0.3.0/24\n", 2, "is the number of its network"},
      {"redundancy r\n address 192.0.3.255/24\n", 2, "is the broadcast address"},
      {"redundancy r\n address 224.0.0.1/24\n", 2, "is a multicast address"},
      {"redundancy r\n track backend nothing\n", 2, "there is no backend 'nothing'"},
      {"redundancy r\n track backend b at-least 2\nbackend b\n server s 10.0.0.1:1\n", 2,
       "can never hold: it has 1 servers"},
      {"node lb1\n port wan xdp eth1\n", 1, "there is a node 'lb1' already"},
      {"node lb3\n", 1, "node 'lb3' has no 'port'"},
      {"node lb3\n port wan xdpp eth1\n", 2, "did you mean 'xdp'?"},
      {"node lb3\n port wan pci 0000:01:00.0\n", 2, "kind 'pci' are not supported yet"},
      {"node lb3\n port wan xdp averyveryverylongname\n", 2, "is not the name of an interface"},
      {"node lb3\n port wan xdp eth1 fast\n", 2, "options are written KEY=VALUE"},
      {"node lb3\n port wan xdp eth1\n port wan xdp eth2\n", 3, "has a port 'wan' on 'eth1'"},
      {"node lb3\n workers 65\n", 2, "from 1 to 64"},
      {"node lb3\n flows 10\n", 2, "10 is out of range"},
      {"node lb3\n memory 256k\n", 2, "without a unit it is in MiB"},
      {"node lb3\n peer 10.0.0.1\n", 2, "is not an address and a port"},
      {"node lb3\n fence 0\n", 2, "longer than nothing"},
      {"node lb3\n redundancy publik advskew 1\n", 2, "did you mean 'public'?"},
      {"node lb3\n redundancy public advskw 1\n", 2, "did you mean 'advskew'?"},
      {"node lb3\nredundancy public advskew 1\n", 2, "indent it"},
      {"node lb3\n port w xdp e\n peer 10.0.0.1:1\nnode lb4\n port w xdp e\n peer 10.0.0.1:1\n", 4,
       "have the same 'peer' 10.0.0.1:1"},
  };
  expect_all(cases, Severity::Error);
}

TEST(BadInput, PeerKeys) {
  const std::string key(64, 'a');
  const auto said = [&](const std::string& text, std::string_view fragment) {
    EXPECT_TRUE(says(said_about("global\n" + text), Severity::Error, absolute(2), fragment))
        << text << "\n"
        << format_diagnostics(said_about("global\n" + text));
  };
  said(" peer-key\n", "a number");
  said(" peer-key 0 " + key + "\n", "from 1 to 65535");
  said(" peer-key 1\n", "a key of 64 digits");
  said(" peer-key 1 file\n", "the path of a file");
  said(" peer-key 1 file /etc/carpool/none.key\n", "'/etc/carpool/none.key': cannot be read");
  said(" peer-key 1 file /etc/carpool/short.key\n", "key 1 does not have 64 hexadecimal digits");
  said(" peer-key 1 " + key + "0\n", "openssl rand -hex 32");
  said(" peer-key 1 " + std::string(63, 'a') + "g\n", "does not have 64");
  const auto twice = said_about("global\n peer-key 1 " + key + "\n peer-key 1 " + key + "\n");
  EXPECT_TRUE(says(twice, Severity::Error, absolute(3), "there is a 'peer-key 1' already"));
}

// Whatever is wrong with a line that holds a key, the key is not what is printed.
TEST(BadInput, KeysAreNotPrinted) {
  const std::string key = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef";
  for (const std::string& line :
       {" peer-key 1 " + key + "00", " peerkey 1 " + key, " peer-key " + key,
        " peer-key 1 " + key + " " + key, " peer-key 1 " + key.substr(2), " peer-key x" + key}) {
    const auto said = format_diagnostics(said_about("global\n" + line + "\n"));
    EXPECT_NE(said.find("********"), std::string::npos) << said;
    EXPECT_EQ(said.find("0123456789abcdef"), std::string::npos) << said;
  }
}

TEST(BadInput, AcrossSections) {
  const Case cases[] = {
      {"listen a\n bind *:80\n", 2, "only the addresses of a redundancy group are answered for"},
      {"listen a\n bind :80\n", 2, "write one of 192.0.2.10 ('public')"},
      {"listen a\n bind 192.0.2.11:80\n", 2, "192.0.2.11 is not an address of any redundancy"},
      {"listen a\n bind 192.0.2.11:80\n", 2, "192.0.2.10 ('public')"},
      {"listen a\n bind 192.0.2.10\n", 2, "'bind' wants a port"},
      {"listen a\n bind www.example:80\n", 2, "wants an address, not the name"},
      {"listen a\n forward dsr\n bind 192.0.2.10:80\n server s 10.0.0.1:8080\n", 4,
       "leaves ports as they are: clients come to port 80, and server 's' has port 8080"},
      {"listen a\n forward tunnel\n bind 192.0.2.10:80-81\n server s 10.0.0.1:80\n", 4,
       "leave the server's port out"},
      {"listen a\n mode udp\n forward dsr\n proxy-responses 1\n bind 192.0.2.10:53\n", 1,
       "answers do not pass by here"},
      {"listen a\n bind udp@192.0.2.10:53\n", 2, "write 'mode udp'"},
      {"listen a\n dgram-bind 192.0.2.10:53\n", 2, "write 'mode udp' and 'bind'"},
      {"listen a\n mode udp\n server s udp@10.0.0.1:53\n", 3, "write the address alone"},
      {"listen a\n proxy-responses 1\n bind 192.0.2.10:53\n", 2, "datagrams of 'mode udp'"},
      {"frontend a\n mode udp\n bind 192.0.2.10:53\n default_backend b\nbackend b\n", 1,
       "frontend 'a' is 'mode udp', and its backend 'b' is 'mode tcp'"},
      {"listen a\n bind 192.0.2.10:80\nlisten b\n bind 192.0.2.10:80\n", 4,
       "192.0.2.10:80 is bound by frontend 'a' already"},
      {"listen a\n bind 192.0.2.10:80-90\nlisten b\n bind 192.0.2.10:85\n", 4,
       "192.0.2.10:85 is bound by frontend 'a' already"},
      {"listen b\n bind 192.0.2.10:85\nlisten a\n bind 192.0.2.10:80-90\n", 4,
       "is bound by frontend 'b' already"},
      {"listen a\nlisten a\n", 2, "there is a frontend 'a' already"},
      {"backend a\nbackend a\n", 2, "first at test.cfg:12"},
      {"backend a\n server s 10.0.0.1:1\n server s 10.0.0.2:1\n", 3, "a server 's' already"},
      {"frontend a\n default_backend wbe\nbackend web\n", 2, "did you mean 'web'?"},
      {"frontend a\n bind 192.0.2.10:80\n", 1, "has no 'default_backend'"},
      {"backend a\n source 10.0.0.50\n", 2, "connections from it would die with this node"},
      {"backend a\n server s 192.0.2.10:80\n", 2, "connections would come back here"},
      {"listen a\n bind 192.0.2.10:80-81\n server s 10.0.0.1 check\n", 3, "has no port"},
      {"listen a\n bind 192.0.2.10:1-5000\n", 0, "5000 pairs of address and port"},
  };
  expect_all(cases, Severity::Error);
}

TEST(BadInput, Warnings) {
  const Case cases[] = {
      {"backend a\n", 1, "backend 'a' has no servers"},
      {"listen a\n mode http\n", 2, "balances connections, not requests"},
      {"backend a\n mode udp\n server s 10.0.0.1:53 check\n", 3, "'option dns-check'"},
      {"listen a\n option forwardfor\n", 2, "'forward nat'"},
      {"listen a\n maxconn 100\n", 2, "not in effect yet"},
      {"listen a\n server s 10.0.0.1:80\n", 1, "has no 'bind': nothing reaches it"},
      {"listen a\n retries 3\n", 2, "the data plane forwards at once"},
      {"backend a\n tcp-check connect\n", 1, "write 'option tcp-check'"},
      {"backend a\n http-check send\n", 1, "write 'option httpchk'"},
      {"backend a\n external-check command /bin/true\n", 1, "write 'option external-check'"},
      {"global\n nbthread 4\n", 2, "write 'workers N' into the node"},
      {"global\n tune.ssl.default-dh-param 2048\n", 2, "tunes the inside of HAProxy"},
      {"peers p\n peer a 10.0.0.1:1024\n", 1, "superseded by the 'peer' line"},
      {"backend a\n balance first\n server s 10.0.0.1:80\n", 3, "never goes past server 's'"},
      {"backend a\n hash-type map-based\n", 2, "is taken as 'consistent'"},
      {"backend \"a$NOTHING\"\n", 1, "'NOTHING' is not set"},
      {"listen a\n bind 192.0.2.10:80\n stats enable\n server s 10.0.0.1:1\n", 1,
       "among forwarded traffic is not served"},
      {"redundancy r\n vhid 54\n port wan\n address 198.51.100.1/24\n", 1, "has no 'pass'"},
      {"node lb3\n port wan xdp eth1\n", 1, "does not rank itself in redundancy 'public'"},
      {"node lb3\n port wan xdp eth1\n redundancy public advskew 100\n", 3,
       "nodes 'lb2' and 'lb3' have the same advskew 100"},
      {"node lb3\n port wan xdp eth1\n fence 1700ms\n redundancy public advskew 200\n", 1,
       "a peer takes over after 1219 ms already"},
  };
  expect_all(cases, Severity::Warning);
}

TEST(BadInput, ThisNodeMustBeThere) {
  TestWorld world;
  world.node = "lb9";
  EXPECT_TRUE(says(said_about("", world), Severity::Error, 0, "there is no section 'node lb9'"));
  EXPECT_TRUE(says(said_about("", world), Severity::Error, 0, "did you mean 'lb1'?"));
  world.node = "elsewhere";
  EXPECT_TRUE(says(said_about("", world), Severity::Error, 0, "choose one of 'lb1' and 'lb2'"));
}

TEST(BadInput, OverlappingNetworksOnTwoPorts) {
  const auto config = load_text(
      "node lb1\n port wan xdp eth1\n port lan xdp eth2\n"
      "redundancy r\n vhid 1\n port wan\n pass x\n address 10.0.0.1/8\n"
      " floating 10.5.0.1/24 port lan\n");
  ASSERT_TRUE(config);
  EXPECT_TRUE(says(config->warnings, Severity::Warning, 9,
                   "10.5.0.1/24 on port 'lan' overlaps 10.0.0.1/8 on port 'wan'"));
}

TEST(BadInput, EverythingIsReportedAtOnceAndInOrder) {
  const auto said = said_about(
      "backend a\n balance nonsense\n server s1 10.0.0.1:80 wieght 3\n nonsense\n"
      "frontend f\n default_backend b\n bind 192.0.2.99:1\n");
  std::vector<std::uint32_t> error_lines;
  for (const Diagnostic& d : said) {
    if (d.severity == Severity::Error) error_lines.push_back(d.line - kPreludeLines);
  }
  EXPECT_EQ(error_lines, (std::vector<std::uint32_t>{2, 3, 4, 6, 7})) << format_diagnostics(said);
}

TEST(BadInput, WhatCouldNotBeReadIsNotSaidToBeMissing) {
  const auto said = said_about(
      "redundancy r\n vhid 999\n port wan\n pass x\n address 198.51.100.1/24\n"
      "listen a\n bind 192.0.2.99:80\n server s 10.0.0.300:80\n");
  std::vector<std::uint32_t> lines;
  for (const Diagnostic& d : said) {
    if (d.line > kPreludeLines) lines.push_back(d.line - kPreludeLines);
  }
  EXPECT_EQ(lines, (std::vector<std::uint32_t>{2, 7, 8})) << format_diagnostics(said);
}

TEST(BadInput, AMessageLooksLikeACompilers) {
  const auto said = said_about("backend a\n\tserver s 10.0.0.1:80 wieght 5\n");
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(format_diagnostic(said.back()),
            "test.cfg:13:23: error: unknown parameter 'wieght' of 'server'\n"
            "    \tserver s 10.0.0.1:80 wieght 5\n"
            "    \t                     ^\n"
            "  hint: did you mean 'weight'?");
}

TEST(BadInput, TooManyErrorsAreCountedNotListed) {
  std::string text = "backend a\n";
  for (int i = 0; i < 1000; ++i)
    text += " nonsense\n";
  const auto said = said_about(text);
  EXPECT_LE(said.size(), kMaxErrors + 5);
  EXPECT_EQ(said.back().message, "800 more errors are not listed");
}

}  // namespace
}  // namespace carpool::config
