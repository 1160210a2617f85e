#include "descriptor.h"

#include "kinds.h"

/* The first that claims a descriptor has it: special cases stand before what they are cases of. */
const struct file_kind_ops *const descriptor_table[] = {
	&path_only_kind,
	&pty_master_kind,
	&terminal_kind,
	&character_device_kind,
	&proc_file_kind,
	&directory_kind,
	&memfd_kind,
	&mqueue_kind,
	&regular_file_kind,
	&pipe_kind,
	&eventfd_kind,
	&timerfd_kind,
	&signalfd_kind,
	&epoll_kind,
	&pidfd_kind,
	&unix_socket_kind,
	&inet_socket_kind,
	&netlink_kind,
	&inotify_kind,
	&refused_kind,
	NULL,
};
