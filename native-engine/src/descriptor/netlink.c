/*
 * Netlink sockets: protocol, port number, groups, options. What is queued is the kernel's: dropped,
 * after some time for the program to read its answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "../engine/round.h"
#include "../restart/rebuild.h"
#include "inventory.h"
#include "kinds.h"
#include "socket_options.h"

#define GROUP_WORDS 8
#define SEEN 64
#define LEFT_MS 1000 /* the waits of one round are shorter */

struct netlink_payload {
	uint32_t bytes; /* of this struct */
	int32_t type, protocol;
	uint32_t port;
	uint32_t groups[GROUP_WORDS]; /* bit 0 of the first is group 1 */
	uint32_t options;
	uint32_t unread; /* an answer of the kernel's waits */
	/* tail: options */
};

static bool netlink_claims(const struct descriptor_view *d)
{
	return S_ISSOCK(d->status.st_mode) && !strcmp(d->protocol, "NETLINK");
}

/* The kernel's answer to a question, or news for a group that nobody may ever read? */
static bool has_answer(int fd, struct nlmsghdr *head)
{
	struct sockaddr_nl from = { 0 };
	struct iovec part = { head, sizeof(*head) };
	struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof(from),
				  .msg_iov = &part, .msg_iovlen = 1 };
	struct pollfd state = { .fd = fd, .events = POLLIN };

	memset(head, 0, sizeof(*head));
	/* Not when an error waits: the next call is told it, once. */
	return poll(&state, 1, 0) > 0 && state.revents == POLLIN &&
	       recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT) >= 0 && !from.nl_groups;
}

/* Has this answer been there for so long that nobody is about to read it, such as an ACK? */
static bool is_left(uint64_t inode, const struct nlmsghdr *head)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct seen {
		uint64_t inode, since_ms;
		uint32_t number, type;
	} table[SEEN]; /* what does not fit in is waited for again */
	struct seen *s = &table[inode % SEEN];
	uint64_t now_ms = monotonic_ms();
	bool left;

	pthread_mutex_lock(&lock);
	if (s->inode != inode || s->number != head->nlmsg_seq || s->type != head->nlmsg_type)
		*s = (struct seen){ inode, now_ms, head->nlmsg_seq, head->nlmsg_type };
	left = now_ms - s->since_ms >= LEFT_MS;
	pthread_mutex_unlock(&lock);
	return left;
}

static bool is_awaited(const struct inventory_entry *e)
{
	struct nlmsghdr head;
	int fd = inventory_borrow(e);
	bool awaited;

	if (fd < 0)
		return false;
	awaited = has_answer(fd, &head) && !is_left(e->view.status.st_ino, &head);
	close(fd);
	return awaited;
}

/*
 * Nobody can put an answer back into the queue, and its program would wait for it for ever. It reads
 * it right after the question.
 */
static bool netlink_unsettled(struct round *r)
{
	struct inventory *i = r->descriptors;
	bool found = false;

	for (size_t n = 0; n < i->count && !found; n++)
		found = i->entries[n].kind == &netlink_kind && i->entries[n].first &&
			is_awaited(&i->entries[n]);
	return found;
}

static int netlink_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			   struct buffer *payload)
{
	struct netlink_payload r = { .bytes = sizeof(r) };
	struct sockaddr_nl address = { 0 };
	struct nlmsghdr head;
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
	r.unread = has_answer(d->borrowed, &head);
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
	if (r.unread && p->rebuild->notes_fd >= 0)
		dprintf(p->rebuild->notes_fd,
			"dmtcp_restart: process %d: answers of the kernel that it had not read from a "
			"netlink socket are lost\n", p->image->header.virtual_pid);
	return 0;
}

const struct file_kind_ops netlink_kind = {
	.kind = FILE_NETLINK,
	.name = "netlink socket",
	.claims = netlink_claims,
	.unsettled = netlink_unsettled,
	.capture = netlink_capture,
	.restore = netlink_restore,
};
