/* An XDP program of somebody else. */
/* libbpf's headers need the kernel's types before them. */
/* clang-format off */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

SEC("xdp")
int pass_all(struct xdp_md* context) {
  (void)context;
  return XDP_PASS;
}
