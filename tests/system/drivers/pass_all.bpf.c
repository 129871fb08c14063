/* An XDP program of somebody else. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass_all(struct xdp_md *context) {
  (void)context;
  return XDP_PASS;
}
