#include "controlplane/redundancy/announce.h"

#include <cstring>

#include "dataplane/net/headers.h"

namespace carpool {

ArpFrame build_gratuitous_arp(const MacAddress& mac, Ipv4Address ip, GratuitousArp form) {
  const EthernetHeader ethernet{MacAddress::broadcast(), mac, kEtherTypeArp};
  const bool request = form == GratuitousArp::kRequest;
  ArpHeader arp;
  arp.operation = request ? kArpRequest : kArpReply;
  arp.sender_mac = mac;
  arp.sender_ip = ip;
  arp.target_mac = request ? MacAddress{} : mac;
  arp.target_ip = ip;

  ArpFrame frame{};
  std::memcpy(frame.data(), &ethernet, sizeof ethernet);
  std::memcpy(frame.data() + sizeof ethernet, &arp, sizeof arp);
  return frame;
}

}  // namespace carpool
