#include "inet_address.h"

in_port_t inet_port(const struct inet_address *a)
{
	return !a->bytes ? 0 : a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port;
}

void inet_set_port(struct inet_address *a, in_port_t port)
{
	if (a->any.sa_family == AF_INET6)
		a->v6.sin6_port = port;
	else
		a->v4.sin_port = port;
}

bool inet_is_wildcard(const struct inet_address *a)
{
	return a->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr) :
					      a->v4.sin_addr.s_addr == INADDR_ANY;
}

void inet_make_loopback(struct inet_address *a)
{
	if (a->any.sa_family == AF_INET6)
		a->v6.sin6_addr = in6addr_loopback;
	else
		a->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}
