/* What the XDP program and the process that steers it agree on. C, as it is compiled for both. */
#pragma once

#define CARPOOL_STEER_PROGRAM "carpool_steer"
#define CARPOOL_STEER_SOCKETS "xsks_map" /* the name that DPDK's af_xdp driver looks for */
#define CARPOOL_STEER_ADDRESSES "steered"
#define CARPOOL_STEER_MACS "steered_macs"
#define CARPOOL_STEER_COUNTERS "steer_counters"

enum {
  CARPOOL_STEER_MAX_QUEUES = 64,
  CARPOOL_STEER_MAX_ADDRESSES = 4096,
  CARPOOL_STEER_MAX_MACS = 32,
  /* Where hellos between two carpools go: UDP to this port of the adverts' multicast address. */
  CARPOOL_STEER_HELLO_PORT = 8849,
};
#define CARPOOL_STEER_HELLO_ADDRESS 0xe0000012u /* 224.0.0.18 */

/* Indexes of the per-CPU counters: each packet is counted in exactly one. */
enum carpool_steer_outcome {
  CARPOOL_STEER_PASSED = 0,
  CARPOOL_STEER_PACKET,
  CARPOOL_STEER_ARP,
  CARPOOL_STEER_ADVERT,
  CARPOOL_STEER_UNCLAIMED,
  CARPOOL_STEER_OUTCOMES,
};
