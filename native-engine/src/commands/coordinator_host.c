/* Which host is meant by the name of a coordinator's. */
#include "coordinator_host.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_loopback(const char *host)
{
	return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
	       strcmp(host, "::1") == 0;
}

static bool is_own_name(const char *host)
{
	char own[256];
	size_t short_bytes;

	if (gethostname(own, sizeof(own)))
		return false;
	own[sizeof(own) - 1] = '\0';
	short_bytes = strcspn(own, ".");
	return strcasecmp(host, own) == 0 ||
	       (strlen(host) == short_bytes && strncasecmp(host, own, short_bytes) == 0);
}

/* As a number, the same for all spellings of it. */
static bool address_text(const struct sockaddr *address, char *out, size_t bytes)
{
	socklen_t size = address->sa_family == AF_INET6 ? 28 : 16;

	return (address->sa_family == AF_INET || address->sa_family == AF_INET6) &&
	       getnameinfo(address, size, out, bytes, NULL, 0, NI_NUMERICHOST) == 0;
}

static bool is_own_address(const char *number)
{
	struct ifaddrs *all, *i;
	bool found = false;

	if (getifaddrs(&all))
		return false;
	for (i = all; i && !found; i = i->ifa_next) {
		char text[NI_MAXHOST];

		found = i->ifa_addr && address_text(i->ifa_addr, text, sizeof(text)) &&
			strcmp(text, number) == 0;
	}
	freeifaddrs(all);
	return found;
}

/* Any fixed order will do. */
static bool is_before(const char *number, const char *other)
{
	bool is_six = strchr(number, ':'), other_six = strchr(other, ':');

	return is_six == other_six ? strcmp(number, other) < 0 : other_six;
}

bool coordinator_host_here(const char *host, char *key, size_t bytes)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL, *i;
	char first[NI_MAXHOST] = "", number[NI_MAXHOST];
	bool here = is_loopback(host) || is_own_name(host);

	snprintf(key, bytes, "%s", host);
	if (here || getaddrinfo(host, NULL, &hints, &all))
		return here;
	for (i = all; i && !here; i = i->ai_next) {
		if (!address_text(i->ai_addr, number, sizeof(number)))
			continue;
		here = is_loopback(number) || is_own_address(number);
		if (!*first || is_before(number, first))
			strcpy(first, number);
	}
	freeaddrinfo(all);
	if (*first)
		snprintf(key, bytes, "%s", first);
	return here;
}
