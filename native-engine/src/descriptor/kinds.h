/* The kinds of files, one source file each; descriptor_table.c puts them in order. */
#ifndef KINDS_H
#define KINDS_H

#include "descriptor.h"

extern const struct file_kind_ops path_only_kind;
extern const struct file_kind_ops pty_master_kind;
extern const struct file_kind_ops terminal_kind;
extern const struct file_kind_ops character_device_kind;
extern const struct file_kind_ops directory_kind;
extern const struct file_kind_ops regular_file_kind;
extern const struct file_kind_ops proc_file_kind;
extern const struct file_kind_ops pipe_kind;
extern const struct file_kind_ops memfd_kind;
extern const struct file_kind_ops eventfd_kind;
extern const struct file_kind_ops signalfd_kind;
extern const struct file_kind_ops timerfd_kind;
extern const struct file_kind_ops epoll_kind;
extern const struct file_kind_ops pidfd_kind;
extern const struct file_kind_ops unix_socket_kind;
extern const struct file_kind_ops inet_socket_kind;
extern const struct file_kind_ops netlink_kind;
extern const struct file_kind_ops inotify_kind;
extern const struct file_kind_ops mqueue_kind;
extern const struct file_kind_ops refused_kind;

#endif
