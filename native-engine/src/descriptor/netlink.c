/*
 * Netlink sockets: protocol, port number, groups. What is queued is the kernel's answer: dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kinds.h"
#include "socket_options.h"

#define GROUP_WORDS 8

struct netlink_payload {
	uint32_t bytes; /* of this struct */
	int32_t type, protocol;
	uint32_t port;
	uint32_t groups[GROUP_WORDS]; /* bit 0 of the first is group 1 */
	uint32_t options;
	/* tail: options */
};

static bool netlink_claims(const struct descriptor_view *d)
{
	return S_ISSOCK(d->status.st_mode) && !strcmp(d->protocol, "NETLINK");
}

static int netlink_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			   struct buffer *payload)
{
	struct netlink_payload r = { .bytes = sizeof(r) };
	struct sockaddr_nl address = { 0 };
	struct buffer options = { 0 };
	socklen_t length = sizeof(address);

	(void)c;
	(void)file_id;
	getsockname(d->borrowed, (struct sockaddr *)&address, &length);
	r.port = address.nl_pid;
	length = sizeof(r.type);
	getsockopt(d->borrowed, SOL_SOCKET, SO_TYPE, &r.type, &length);
	length = sizeof(r.protocol);
	getsockopt(d->borrowed, SOL_SOCKET, SO_PROTOCOL, &r.protocol, &length);
	length = sizeof(r.groups);
	getsockopt(d->borrowed, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, r.groups, &length);
	r.options = socket_options_capture(d->borrowed, AF_NETLINK, r.type, &options);
	buffer_append(payload, &r, sizeof(r));
	buffer_append(payload, options.data, options.bytes);
	payload->failed |= options.failed;
	buffer_free(&options);
	return 0;
}

static int netlink_restore(struct rebuilt_process *p, const struct file_record *f,
			   const void *payload, size_t bytes, int *fd)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	const struct socket_option *options;
	struct netlink_payload r;
	size_t left;

	file_payload_head(payload, bytes, &r, sizeof(r));
	options = file_payload_tail(payload, bytes, &left);
	if (r.options > left / sizeof(*options))
		return -EPROTO;
	*fd = socket(AF_NETLINK, r.type | SOCK_CLOEXEC | (f->flags & O_NONBLOCK), r.protocol);
	if (*fd < 0)
		return fault_set(p->fault, errno, "socket-not-restored", "netlink protocol %d: %s",
				 r.protocol, strerror(errno));
	address.nl_pid = r.port;
	/* The number may be another's by now: then the kernel chooses. */
	if (r.port && bind(*fd, (struct sockaddr *)&address, sizeof(address))) {
		address.nl_pid = 0;
		bind(*fd, (struct sockaddr *)&address, sizeof(address));
	}
	for (unsigned int group = 1; group <= GROUP_WORDS * 32; group++)
		if (r.groups[(group - 1) / 32] >> ((group - 1) % 32) & 1)
			setsockopt(*fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
	socket_options_restore(*fd, options, r.options, true);
	socket_options_restore(*fd, options, r.options, false);
	return 0;
}

const struct file_kind_ops netlink_kind = {
	.kind = FILE_NETLINK,
	.name = "netlink socket",
	.claims = netlink_claims,
	.capture = netlink_capture,
	.restore = netlink_restore,
};
