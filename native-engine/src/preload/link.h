/*
 * Connections of the library to the agent of this host (docs/local-protocol.md): requests and flat
 * answers without a JSON library, since this is loaded into every program.
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text { /* grows; failed: without memory, what is in it is not complete */
	char *data;
	size_t bytes, room;
	bool failed;
};

void text_add(struct text *t, const char *bytes);
/* `,"key":"value"` with what JSON wants escaped. */
void text_field(struct text *t, const char *key, const char *value);
void text_number(struct text *t, const char *key, int64_t value);
void text_free(struct text *t);

/* Where the agent is: set from the environment, and anew by a restart. "": nowhere. */
void link_set_path(const char *path);
const char *link_path(void);

/*
 * A descriptor, or -errno: -ENOENT, -ECONNREFUSED: nobody is there; -EAGAIN: there are too many.
 * Close it with link_close().
 */
int link_open(void);
void link_close(int fd);
/* Closes all, in a forked child: they are the parent's. */
void link_forget_all(void);
bool link_is_ours(int fd);
/* The lowest of them from @from on, -1: none. */
int link_next(int from);

/*
 * Sends {"op":@op @fields} and receives the answer into @answer within @timeout_ms (0: without a limit, for
 * what waits for somebody else). 0; -ECANCELED: refused, error_text() tells why; -EPIPE:
 * the agent, or the connection over a restart, has gone; -ETIMEDOUT; -ENOMEM.
 */
int link_ask(int fd, const char *op, const struct text *fields, struct text *answer,
	     uint32_t timeout_ms);
/* The same on a connection of its own. */
int link_ask_once(const char *op, const struct text *fields, struct text *answer,
		  uint32_t timeout_ms);

/* A field of the answer. false: it is not there, or does not fit into @bytes. */
bool answer_text(const struct text *answer, const char *key, char *out, size_t bytes);
/* Its length without the terminator, SIZE_MAX: not there. */
size_t answer_length(const struct text *answer, const char *key);
int64_t answer_number(const struct text *answer, const char *key, int64_t missing);
bool answer_flag(const struct text *answer, const char *key);
/* The text of the error of a refusal. */
void error_text(const struct text *answer, char *out, size_t bytes);

#endif
