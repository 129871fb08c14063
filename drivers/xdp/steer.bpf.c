/* SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0)
 *
 * Shares one network device between the kernel and the data plane. The data plane gets what is for
 * the addresses that it owns (virtual and floating), also where they are a gateway's, ARP that asks
 * for them, the adverts of CARP and VRRP, and the hellos of another carpool. The kernel gets all
 * else, just as if we were not there: its own addresses, IPv6, VLANs, and whatever is malformed.
 */
#include "drivers/xdp/steer.h"

/* libbpf's headers need the kernel's types before them. */
/* clang-format off */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

char steer_license[] SEC("license") = "Dual BSD/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, CARPOOL_STEER_MAX_QUEUES);
  __type(key, __u32); /* receive queue */
  __type(value, __u32);
} xsks_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, CARPOOL_STEER_MAX_ADDRESSES);
  __type(key, __be32);
  __type(value, __u8);
} steered SEC(".maps");

struct steered_mac {
  __u8 bytes[ETH_ALEN];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, CARPOOL_STEER_MAX_MACS);
  __type(key, struct steered_mac);
  __type(value, __u8);
} steered_macs SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, CARPOOL_STEER_OUTCOMES);
  __type(key, __u32);
  __type(value, __u64);
} steer_counters SEC(".maps");

enum {
  kProtocolAdvert = 112,
  kMoreFragments = 0x2000,
  kFragmentOffset = 0x1fff,
  kHardwareEthernet = 1,
};

struct arp_ipv4 { /* RFC 826; linux/if_arp.h needs headers that this target does not have */
  __be16 hardware_type;
  __be16 protocol_type;
  __u8 hardware_length;
  __u8 protocol_length;
  __be16 operation;
  __u8 sender_mac[ETH_ALEN];
  __u8 sender_ip[4];
  __u8 target_mac[ETH_ALEN];
  __u8 target_ip[4];
};

static __always_inline void count(__u32 outcome) {
  __u64* counter = bpf_map_lookup_elem(&steer_counters, &outcome);
  if (counter) *counter += 1; /* per CPU: nobody else writes it */
}

static __always_inline int is_steered(__be32 address) {
  return bpf_map_lookup_elem(&steered, &address) != 0;
}

/* The kernel does not take frames to an address that is not the device's, so nothing is lost to it.
 */
static __always_inline int is_for_our_mac(const struct ethhdr* ethernet) {
  struct steered_mac mac;
  __builtin_memcpy(mac.bytes, ethernet->h_dest, ETH_ALEN);
  return bpf_map_lookup_elem(&steered_macs, &mac) != 0;
}

static __always_inline enum carpool_steer_outcome judge_arp(const void* start, const void* end) {
  const struct arp_ipv4* arp = start;
  if ((const void*)(arp + 1) > end) return CARPOOL_STEER_PASSED;
  if (arp->hardware_type != bpf_htons(kHardwareEthernet) || arp->hardware_length != ETH_ALEN ||
      arp->protocol_type != bpf_htons(ETH_P_IP) || arp->protocol_length != 4) {
    return CARPOOL_STEER_PASSED;
  }
  __be32 target;
  __builtin_memcpy(&target, arp->target_ip, sizeof target);
  return is_steered(target) ? CARPOOL_STEER_ARP : CARPOOL_STEER_PASSED;
}

static __always_inline int is_hello(const struct iphdr* ip, const void* end) {
  if (ip->protocol != IPPROTO_UDP || ip->ihl != 5) return 0;
  if (ip->daddr != bpf_htonl(CARPOOL_STEER_HELLO_ADDRESS)) return 0;
  const struct udphdr* udp = (const void*)(ip + 1);
  return (const void*)(udp + 1) <= end && udp->dest == bpf_htons(CARPOOL_STEER_HELLO_PORT);
}

static __always_inline enum carpool_steer_outcome judge_ipv4(const struct ethhdr* ethernet,
                                                             const void* start, const void* end) {
  const struct iphdr* ip = start;
  if ((const void*)(ip + 1) > end || ip->version != 4 || ip->ihl < 5) return CARPOOL_STEER_PASSED;
  const __u32 length = bpf_ntohs(ip->tot_len);
  if (length < ip->ihl * 4u || length > (__u64)(end - start)) return CARPOOL_STEER_PASSED;
  const int is_whole = !(ip->frag_off & bpf_htons(kMoreFragments | kFragmentOffset));
  if (ip->protocol == kProtocolAdvert)
    return is_whole ? CARPOOL_STEER_ADVERT : CARPOOL_STEER_PASSED;
  if (is_whole && is_hello(ip, end)) return CARPOOL_STEER_ADVERT;
  return is_steered(ip->daddr) || is_for_our_mac(ethernet) ? CARPOOL_STEER_PACKET
                                                           : CARPOOL_STEER_PASSED;
}

static __always_inline enum carpool_steer_outcome judge(const void* start, const void* end) {
  const struct ethhdr* ethernet = start;
  if ((const void*)(ethernet + 1) > end) return CARPOOL_STEER_PASSED;
  if (ethernet->h_proto == bpf_htons(ETH_P_IP)) return judge_ipv4(ethernet, ethernet + 1, end);
  if (ethernet->h_proto == bpf_htons(ETH_P_ARP)) return judge_arp(ethernet + 1, end);
  return CARPOOL_STEER_PASSED;
}

SEC("xdp")
int carpool_steer(struct xdp_md* context) {
  const enum carpool_steer_outcome outcome =
      judge((void*)(long)context->data, (void*)(long)context->data_end);
  if (outcome == CARPOOL_STEER_PASSED) {
    count(CARPOOL_STEER_PASSED);
    return XDP_PASS;
  }
  /* No socket on this queue, as the data plane is gone or does not serve it: the kernel's. */
  const long verdict = bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
  count(verdict == XDP_REDIRECT ? outcome : CARPOOL_STEER_UNCLAIMED);
  return (int)verdict;
}
