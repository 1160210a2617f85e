/*
 * One round on this host, step by step. Everything here belongs to the one thread that does ptrace.
 *
 *   frozen -> (drained) -> snapshots taken -> (refilled) -> resumed -> images written -> ended
 *
 * run_close() is right in every state: what is frozen runs on, what is not finished is removed.
 */
#ifndef RUN_H
#define RUN_H

#include "../common/json.h"
#include "../resource/resource.h"
#include "output.h"
#include "round.h"
#include "scan.h"

struct run {
	struct round round;
	char name[64]; /* given by the agent */
	bool frozen;
	bool keep; /* finished images stay */
	uint64_t started_ns; /* CLOCK_MONOTONIC before the first member was stopped */
	uint64_t frozen_ns;  /* when the last one had stopped */
	unsigned int workers;
	struct output *outputs; /* a list: one image each */
	struct scan_request request; /* what was frozen: run_hold() looks again */
};

/* Told of one refusal. False: no more need be looked for. */
typedef bool (*refusal_fn)(void *context, pid_t pid, const struct fault *why);
/*
 * Before anything is stopped: tells @tell of all that a round of @members, or its restart, would
 * refuse. -ETIMEDOUT at @deadline_ns of CLOCK_MONOTONIC.
 */
int run_look(const struct process_keys *members, uint64_t deadline_ns, refusal_fn tell,
	     void *context, struct fault *fault);
/* The same for what @request finds, without a limit. -EOPNOTSUPP with the first refusal. */
int run_check(const struct scan_request *request, struct fault *fault);

/*
 * Discovers and freezes all members within @timeout_ms, again and again until a pass finds nothing new.
 * On failure all run on. Takes what @request holds.
 */
int run_freeze(struct run **out, struct scan_request *request, const char *name,
	       uint64_t generation, const char *manifest_id, uint32_t timeout_ms,
	       unsigned int workers, struct fault *fault);

/* A thread that runs the hooks of plugins in a member: docs/engine-protocol.md, release. */
struct run_helper {
	struct process_key process;
	pid_t tid;     /* virtual */
	uint64_t area; /* address of its struct plugin_area */
};

/*
 * Lets these threads run, alone in their processes, until run_hold(); a process that has gone or has no
 * such thread is passed over. The number of those that run.
 */
size_t run_release(struct run *r, const struct run_helper *helpers, size_t count);
/* All members stand still again, with what the helpers have started. */
int run_hold(struct run *r, uint32_t timeout_ms, struct fault *fault);

int run_drain(struct run *r, uint32_t timeout_ms, struct fault *fault);

/* Captures one member into @o's image file; the members stay frozen. */
int run_snapshot(struct run *r, pid_t pid, uint64_t start_ticks,
		 const struct output_options *o, struct fault *fault);

void run_refill(struct run *r);

/*
 * Waits until everything that must be read while frozen has been read, then lets all members run.
 * They run also on failure. *@stopped_us: how long they had stood still.
 */
int run_resume(struct run *r, uint64_t *stopped_us, struct fault *fault);

/* Instead of run_resume(): every member ends with @status. */
int run_exit(struct run *r, int status, struct fault *fault);

struct output *run_output(struct run *r, pid_t pid, uint64_t start_ticks);
/* NULL is fine. */
void run_close(struct run *r);

/* The base name of what it executes, for which any of its threads can be asked. -errno. */
int member_program(pid_t pid, char *out, size_t size);
/* The protocol's description of a process: frozen (@p) or not (@p NULL). NULL: it has gone. */
json_t *member_json(pid_t pid, uint64_t start_ticks, const struct process *p);

#endif
