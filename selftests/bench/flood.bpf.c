// SPDX-License-Identifier: GPL-2.0-only
/* Makes each live frame of a BPF_PROG_RUN the next packet of the next stream, and sends it out. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FLOOD_UDP 34 /* Ethernet and IPv4 */
#define FLOOD_SEQ 12 /* from the UDP header to the number */

char LICENSE[] SEC("license") = "GPL";

/* Set before loading. */
const volatile __u32 interface = 0;
const volatile __u32 streams = 1;

__u64 sent = 0;

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__be16 *sport = data + FLOOD_UDP;
	__be32 *seq = data + FLOOD_UDP + FLOOD_SEQ;
	__u64 n = sent++;

	if ((void *)(seq + 1) > end || !streams)
		return XDP_ABORTED;
	*sport = bpf_htons((__u16)(10000 + n % streams));
	*seq = bpf_htonl((__u32)(n / streams + 1));
	return bpf_redirect(interface, 0);
}
