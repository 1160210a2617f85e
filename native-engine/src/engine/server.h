/* dmtcp_engine as the agent's servant: docs/engine-protocol.md. */
#ifndef SERVER_H
#define SERVER_H

#include "../descriptor/inet_settle.h"
#include "channel.h"
#include "run.h"
#include "watch.h"

struct waiting_write { /* a write request whose answer is still due */
	struct waiting_write *next;
	json_int_t id;
	struct output *output;
	uint64_t deadline_ns;
};

struct server {
	struct channel channel;
	int epoll_fd, wake_fd;
	struct watches watches;
	struct run *run; /* NULL: no round is active */
	struct waiting_write *writes;
	struct inet_remote *remotes; /* of the last round that had any: ascending by key */
	size_t remote_count;
	struct inet_settling settling; /* what rounds have left to do in running programs */
	struct { /* of the last look for this computation, for a moment */
		struct strangers set;
		char computation_id[64];
		unsigned int coordinator_port;
		uint64_t since_ns;
	} strangers;
	uint64_t last_request_ns;
	unsigned int workers;
};

/* Serves until the other side of @fd closes. Everything runs on then. 0 or -errno. */
int server_main(int fd, unsigned int workers);

/* ---- requests.c ---- */

/* Carries out one request; its answer is sent, at once or later (write). */
void server_request(struct server *s, const json_t *request);
void server_answer(struct server *s, json_int_t id, json_t *fields);
void server_refuse(struct server *s, json_int_t id, const struct fault *fault);
/* The same, with the phase that it failed in; NULL: there is only one. */
void server_refuse_in(struct server *s, json_int_t id, const char *phase,
		      const struct fault *fault);

/* ---- requests of a round: round_requests.c ---- */

/*
 * Fills in @answer. @request has been read as far as its id. 0: to be sent; 1: the answer comes later;
 * -errno with a fault.
 */
typedef int (*request_handler)(struct server *s, const json_t *request, json_t *answer,
			       struct fault *fault);

int request_freeze(struct server *s, const json_t *request, json_t *answer, struct fault *fault);
int request_endpoints(struct server *s, const json_t *request, json_t *answer,
		      struct fault *fault);
int request_match(struct server *s, const json_t *request, json_t *answer, struct fault *fault);
int request_release(struct server *s, const json_t *request, json_t *answer, struct fault *fault);
int request_hold(struct server *s, const json_t *request, json_t *answer, struct fault *fault);
int request_drain(struct server *s, const json_t *request, json_t *answer, struct fault *fault);
int request_snapshot(struct server *s, const json_t *request, json_t *answer, struct fault *fault);
int request_refill(struct server *s, const json_t *request, json_t *answer, struct fault *fault);
int request_resume(struct server *s, const json_t *request, json_t *answer, struct fault *fault);
int request_write(struct server *s, const json_t *request, json_t *answer, struct fault *fault);
int request_progress(struct server *s, const json_t *request, json_t *answer, struct fault *fault);
int request_abort(struct server *s, const json_t *request, json_t *answer, struct fault *fault);
int request_end(struct server *s, const json_t *request, json_t *answer, struct fault *fault);
int request_exit(struct server *s, const json_t *request, json_t *answer, struct fault *fault);

int request_stop(struct server *s, const json_t *request, json_t *answer, struct fault *fault);

int codec_by_name(const char *name); /* enum image_codec, or -EINVAL */

/* computationId, roots, namespaces of scan and freeze. -ENOMEM. */
int read_scan_request(const json_t *request, struct scan_request *out, struct fault *fault);

/* What freeze does, and its members into the answer. */
int freeze_round(struct server *s, const json_t *request, struct fault *fault);
void list_members(struct server *s, json_t *answer);
/* How @image, of snapshot or of stop, is to be written; its texts stay @image's. -EINVAL. */
int read_output_options(const json_t *image, struct output_options *out, struct fault *fault);

/*
 * Those that need not be looked at: a checkpoint looks three times within milliseconds, which is most of
 * what the engine does for a small one.
 */
struct strangers *recent_strangers(struct server *s, const struct scan_request *r);

/* Whether the round that @request names is the active one: 0, else -EINVAL with @fault. */
int find_round(struct server *s, const json_t *request, struct fault *fault);
/* Ends twins that are read, answers writes that are done or late. */
void server_writes(struct server *s);
/* When the earliest waiting write is late; UINT64_MAX: none. */
uint64_t server_next_deadline(const struct server *s);
/* Has the agent asked for that, or gone? Its request stays where it is. @server: a struct server. */
bool server_given_up(void *server);
/* Gives the active round up; its waiting writes are refused. */
void server_abort(struct server *s);

#endif
