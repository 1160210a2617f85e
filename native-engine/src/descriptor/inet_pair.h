/* A TCP connection made anew between two sockets of one restart. */
#ifndef INET_PAIR_H
#define INET_PAIR_H

#include "../restart/rebuild.h"
#include "inet_socket.h"

/* A socket with the options that come before bind(2). -errno. */
int inet_new_socket(const struct inet_view *v);
/* To the address that @v had; 0 if it had none. -errno. */
int inet_bind_local(int fd, const struct inet_view *v);
void inet_set_reuse(int fd, int on);
/* The program's own SO_REUSEADDR, which we may have changed to bind. */
void inet_restore_reuse(int fd, const struct inet_view *v);
/*
 * A listener's TCP_DEFER_ACCEPT: the @program's own, or none. With it a client is not there before
 * it has sent something, and those of a restart are quiet at first: tcp(7).
 */
void inet_defer_accept(int listener, const struct inet_view *v, bool program);

/* Has a member the listener that the socket @v may have been accepted from? */
bool inet_has_listener(struct rebuilt_process *p, const struct inet_view *v);
/* ends[0]: as @server, accepted; ends[1]: as @client, or anybody when it is NULL. */
int inet_connect_pair(struct rebuilt_process *p, const struct inet_view *server,
		      const struct inet_view *client, int ends[2]);
/* The address of @listener as a socket of @family says it; where it has none, @server's. */
struct inet_address inet_reachable(int listener, const struct inet_view *server, int family);

/* Is @v a client that met its own port? */
bool inet_is_own_peer(const struct inet_view *v);
int inet_connect_to_itself(const struct inet_view *v, int *fd);

#endif
