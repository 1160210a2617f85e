/* Which coordinator a command talks to, and starting one when there is none. */
#ifndef START_COORDINATOR_H
#define START_COORDINATOR_H

#include <stdbool.h>

#include "local_client.h"

#define COORDINATOR_DEFAULT_PORT 7779u

enum coordinator_mode {
	COORDINATOR_ANY,  /* the one that runs, else a new one */
	COORDINATOR_JOIN, /* the one that runs */
	COORDINATOR_NEW,  /* a new one; without a port on one that is free */
};

/* Zero is "as the environment says, else the default", for every field. */
struct coordinator_choice {
	const char *host;
	const char *port; /* decimal, as the user wrote it */
	enum coordinator_mode mode;
	const char *tmpdir;
	const char *log_file;       /* of a coordinator that is started */
	const char *checkpoint_dir; /* where a coordinator that is started writes its script */
};

struct coordinator_address {
	char host[256]; /* as the user named it */
	char key[256];  /* the same for all names of an address that is not ours */
	unsigned int port;  /* 0 only before a new one was started */
	bool port_chosen;   /* by option or environment */
	bool on_this_host;
};

/* Option, else DMTCP_COORD_*, else the older names, else localhost:7779. -EINVAL: bad number. */
int coordinator_resolve(const struct coordinator_choice *choice,
			struct coordinator_address *address, struct fault *fault);

/*
 * Connects to the local socket through which that coordinator is reached: its own, or the one of
 * this host's agent. Starts nothing.
 */
int coordinator_connect(const struct coordinator_choice *choice,
			const struct coordinator_address *address, struct local_client **out,
			struct fault *fault);

/*
 * Does it serve its socket and, an agent, reach the coordinator? @status, where it is not NULL, is
 * what it answered, the caller's.
 */
bool coordinator_answers(const struct coordinator_choice *choice,
			 const struct coordinator_address *address, json_t **status);

/* Path of the local socket of that coordinator: @bytes of PATH_MAX. -ENAMETOOLONG. */
int coordinator_socket(const struct coordinator_choice *choice,
		       const struct coordinator_address *address, char *out, size_t bytes);

/*
 * The same by the rules of @choice->mode, starting a coordinator in the background where they say
 * so. @address then holds the port that it listens on.
 */
int coordinator_reach(const struct coordinator_choice *choice,
		      struct coordinator_address *address, struct local_client **out,
		      struct fault *fault);

/*
 * coordinator_reach, then the first request on the connection. A coordinator whose last program has
 * just ended may leave without an answer: then the next one is reached, or started. On success
 * *@client is the caller's.
 */
int coordinator_request(const struct coordinator_choice *choice,
			struct coordinator_address *address, const json_t *request,
			uint32_t timeout_ms, struct local_client **client, json_t **answer,
			struct fault *fault);

/* Writes the port to @path, as `--port-file` promises: decimal, 0600, complete or not there. */
int coordinator_write_port_file(const char *path, unsigned int port, struct fault *fault);

#endif
