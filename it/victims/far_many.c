/*
 * victim: 1,200 TCP connections between hosts, IPv4 and IPv6
 * category: across hosts
 * roles: server client
 */
#include "stream.h"

#define COUNT 1200

static struct stream all[COUNT];

static void check(void)
{
	for (int n = 0; n < COUNT; n++) {
		stream_read(&all[n], 100);
		stream_send(&all[n], 10 + n % 30);
	}
}

int main(int count, char **arguments)
{
	int four = -1, six = -1, result;

	victim_check(count == 5);
	stream_allow_descriptors();
	if (stream_is_server(arguments)) {
		four = stream_listen(arguments, AF_INET, 0, 100);
		six = stream_listen(arguments, AF_INET6, 0, 100);
	}
	for (int n = 0; n < COUNT; n++)
		all[n].fd = four >= 0 ? stream_accept(n % 2 ? six : four) :
				       stream_connect(arguments, n % 2 ? AF_INET6 : AF_INET, 0);
	result = victim_run(check);
	stream_finish(all, COUNT);
	return result;
}
