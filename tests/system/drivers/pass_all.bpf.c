/* An XDP program of somebody else. */
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>

SEC("xdp")
int pass_all(struct xdp_md* context) {
  (void)context;
  return XDP_PASS;
}
