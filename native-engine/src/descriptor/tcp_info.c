/* Apart from the rest: linux/tcp.h knows all of TCP_INFO but clashes with netinet/tcp.h. */
#include "tcp_info.h"

#include <linux/tcp.h>
#include <stddef.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
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
	out->bytes_received = info.tcpi_bytes_received;
	out->segments_in = info.tcpi_segs_in;
	return 0;
}

int64_t tcp_info_window(int fd)
{
	/* tcpi_rcv_wnd, since Linux 6.2, follows the last member that older headers have. */
	const size_t at = offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof(uint32_t);
	uint8_t info[sizeof(struct tcp_info) + 64];
	socklen_t length = sizeof(info);
	uint32_t window;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &length) || length < at + sizeof(window))
		return -1;
	memcpy(&window, info + at, sizeof(window));
	return window;
}

bool tcp_memory_exceeds(FILE *limits, FILE *now)
{
	unsigned long least, pressure = 0, used = 0;
	char line[256], *at;

	if (limits && fscanf(limits, "%lu %lu", &least, &pressure) != 2)
		pressure = 0;
	while (now && fgets(line, sizeof(line), now))
		if (!strncmp(line, "TCP:", 4) && (at = strstr(line, " mem ")))
			used = strtoul(at + 5, NULL, 10);
	return pressure && used >= pressure;
}

bool tcp_memory_is_short(void)
{
	FILE *limits = fopen("/proc/sys/net/ipv4/tcp_mem", "re");
	FILE *now = fopen("/proc/net/sockstat", "re");
	bool is_short = tcp_memory_exceeds(limits, now);

	if (limits)
		fclose(limits);
	if (now)
		fclose(now);
	return is_short;
}
