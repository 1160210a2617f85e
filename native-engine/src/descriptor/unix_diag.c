#include "unix_diag.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/array.h"

#define REPLY_BYTES (1 << 18)
#define REPLY_LIMIT_S 5

static struct unix_info *add_socket(struct unix_table *t)
{
	struct unix_info *more = array_grow(t->sockets, t->count, &t->capacity, sizeof(*more));

	if (!more)
		return NULL;
	t->sockets = more;
	memset(&t->sockets[t->count], 0, sizeof(*t->sockets));
	return &t->sockets[t->count++];
}

static void read_attribute(struct unix_info *s, const struct rtattr *a)
{
	const void *data = RTA_DATA(a);
	size_t bytes = RTA_PAYLOAD(a);

	switch (a->rta_type) {
	case UNIX_DIAG_NAME:
		s->name_bytes = bytes < sizeof(s->name) ? bytes : sizeof(s->name);
		memcpy(s->name, data, s->name_bytes);
		break;
	case UNIX_DIAG_VFS: {
		const struct unix_diag_vfs *file = data;

		s->has_file = true;
		s->file_device = file->udiag_vfs_dev;
		s->file_inode = file->udiag_vfs_ino;
		break;
	}
	case UNIX_DIAG_PEER:
		s->has_peer = true;
		memcpy(&s->peer, data, sizeof(s->peer));
		break;
	case UNIX_DIAG_ICONS:
		s->waiting = malloc(bytes + 1);
		if (!s->waiting)
			break;
		memcpy(s->waiting, data, bytes);
		s->waiting_count = bytes / sizeof(uint32_t);
		break;
	case UNIX_DIAG_RQLEN: {
		const struct unix_diag_rqlen *queues = data;

		s->queue = queues->udiag_rqueue;
		s->backlog = queues->udiag_wqueue;
		break;
	}
	case UNIX_DIAG_SHUTDOWN:
		s->shutdown = *(const uint8_t *)data;
		break;
	}
}

static int read_socket(struct unix_table *t, const struct nlmsghdr *header)
{
	const struct unix_diag_msg *message = NLMSG_DATA(header);
	int left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*message));
	const struct rtattr *a = (const struct rtattr *)(message + 1);
	struct unix_info *s = add_socket(t);

	if (!s)
		return -ENOMEM;
	s->inode = message->udiag_ino;
	s->type = message->udiag_type;
	s->state = message->udiag_state;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		read_attribute(s, a);
	return 0;
}

static int ask(int fd)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_req request;
	} message = {
		.header = {
			.nlmsg_len = sizeof(message),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.request = {
			.sdiag_family = AF_UNIX,
			.udiag_states = ~0u,
			.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER |
				      UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN,
		},
	};
	struct timeval limit = { .tv_sec = REPLY_LIMIT_S };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return send(fd, &message, sizeof(message), 0) < 0 ? -errno : 0;
}

/* Reads the whole dump. */
static int receive(int fd, struct unix_table *t)
{
	char *reply = malloc(REPLY_BYTES);
	int ret = reply ? 1 : -ENOMEM;

	while (ret > 0) {
		ssize_t bytes = recv(fd, reply, REPLY_BYTES, 0);
		struct nlmsghdr *header = (struct nlmsghdr *)reply;
		size_t left = bytes;

		if (bytes < 0) {
			ret = -errno;
			break;
		}
		for (; ret > 0 && NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
			if (header->nlmsg_type == NLMSG_DONE)
				ret = 0;
			else if (header->nlmsg_type == NLMSG_ERROR)
				ret = ((struct nlmsgerr *)NLMSG_DATA(header))->error ?: -EPROTO;
			else
				ret = read_socket(t, header) ?: 1;
		}
	}
	free(reply);
	return ret;
}

static int compare_sockets(const void *a, const void *b)
{
	const struct unix_info *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

int unix_table_read(struct unix_table *t, struct fault *fault)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), ret;

	if (fd < 0)
		return fault_set(fault, errno, "internal", "socket diagnosis: %s", strerror(errno));
	ret = ask(fd);
	if (!ret)
		ret = receive(fd, t);
	close(fd);
	if (ret)
		return fault_set(fault, -ret, "internal", "list of Unix sockets: %s",
				strerror(-ret));
	qsort(t->sockets, t->count, sizeof(*t->sockets), compare_sockets);
	return 0;
}

void unix_table_free(struct unix_table *t)
{
	for (size_t n = 0; n < t->count; n++)
		free(t->sockets[n].waiting);
	free(t->sockets);
	free(t->renamed.path);
	memset(t, 0, sizeof(*t));
}

const struct unix_info *unix_table_find(const struct unix_table *t, uint64_t inode)
{
	struct unix_info key = { .inode = inode };

	return t->count ? bsearch(&key, t->sockets, t->count, sizeof(key), compare_sockets) : NULL;
}
