/* An address of IPv4 or IPv6 with its port. */
#ifndef INET_ADDRESS_H
#define INET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct inet_address { /* part of the image format */
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		uint8_t raw[28];
	};
	uint32_t bytes; /* 0: none */
};

/* In network order; 0: there is no address. */
in_port_t inet_port(const struct inet_address *a);
void inet_set_port(struct inet_address *a, in_port_t port);
bool inet_is_wildcard(const struct inet_address *a);
/* Keeps the family and the port. */
void inet_make_loopback(struct inet_address *a);

#endif
