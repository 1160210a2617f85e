/* A connection to the coordinator or agent of this host: docs/local-protocol.md. */
#ifndef LOCAL_CLIENT_H
#define LOCAL_CLIENT_H

#include <jansson.h>
#include <stdint.h>

#include "../common/fault.h"

struct local_client;

/*
 * Connects to the Unix socket @path within @timeout_ms. On success *@out is owned by the caller
 * and given back with local_close(). -ENOENT, -ECONNREFUSED: nobody serves it; -EPERM: its server
 * is neither this user nor root; -ETIMEDOUT. The fault is coordinator-unreachable.
 */
int local_connect(struct local_client **out, const char *path, uint32_t timeout_ms,
		  struct fault *fault);
void local_close(struct local_client *c); /* NULL is fine */

/* A pidfd of who serves @c, for local_await_end(); -errno: it cannot be told. */
int local_server(const struct local_client *c);
/* Waits until that process has ended, and closes @pidfd. 0, -ETIMEDOUT. */
int local_await_end(int pidfd, uint32_t timeout_ms);

/* Sends one request; does not take over @request. */
int local_send(struct local_client *c, const json_t *request, uint32_t timeout_ms,
	       struct fault *fault);

/*
 * Reads one answer within @timeout_ms. 0: *@answer is a new reference to an object with ok:true or
 * without `ok` (a line in between). -EREMOTEIO: the answer says why not, in @fault; *@answer is
 * NULL. -ETIMEDOUT, -ECONNRESET (closed), -EPROTO.
 */
int local_receive(struct local_client *c, uint32_t timeout_ms, json_t **answer,
		  struct fault *fault);

/*
 * As local_receive, for work of unknown length: goes on waiting as long as the server answers a
 * `status` on a second connection.
 */
int local_receive_patiently(struct local_client *c, json_t **answer, struct fault *fault);

/* Both; @answer may be NULL. */
int local_request(struct local_client *c, const json_t *request, uint32_t timeout_ms,
		  json_t **answer, struct fault *fault);

#endif
