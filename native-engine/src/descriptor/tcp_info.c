/* Apart from the rest: linux/tcp.h knows all of TCP_INFO but clashes with netinet/tcp.h. */
#include "tcp_info.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int tcp_info_read(int fd, struct tcp_summary *out)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length))
		return -1;
	out->state = info.tcpi_state;
	/* Of a listener: room in its queue, clients in it. tcp_get_info() in net/ipv4/tcp.c. */
	out->backlog = info.tcpi_sacked;
	out->waiting = info.tcpi_unacked;
	out->bytes_sent = info.tcpi_bytes_sent;
	out->segments_in = info.tcpi_segs_in;
	return 0;
}
