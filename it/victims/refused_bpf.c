/*
 * victim: a BPF map
 * category: descriptors
 * refused: process \d+: descriptor \d+ \(anon_inode:bpf-map\) cannot be captured: it is a BPF object
 * needs: root
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>

#include "victim.h"

static int fd;

static void check(void)
{
	victim_check(fcntl(fd, F_GETFD) >= 0);
}

int main(void)
{
	union bpf_attr attributes = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1,
	};

	fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes));
	if (fd < 0)
		victim_unavailable("bpf: %s", strerror(errno));
	return victim_run(check);
}
