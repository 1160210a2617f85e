/*
 * libdmtcp_engine.so: starts dmtcp_engine and exchanges JSON objects with it
 * (docs/engine-protocol.md). Made to be bound by JNA; nothing is printed, no global state, no
 * signal handler, no thread of its own.
 *
 * Threads: one thread at a time in dmtcp_engine_next(), any number in dmtcp_engine_submit();
 * dmtcp_engine_stop() when no other call is in progress. No call blocks longer than its limit.
 *
 * The engine is a child of the calling process in a session of its own; it inherits no descriptor but its
 * socket and neither DMTCP_COMPUTATION_ID nor LD_PRELOAD. When the caller dies, or closes the
 * handle, the engine lets every process run that it holds, removes unfinished files and ends.
 * Only dmtcp_engine_stop() waits for it: nobody else may wait for children of unknown pid.
 */
#ifndef DMTCP_ENGINE_H
#define DMTCP_ENGINE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dmtcp_engine;

/* Longest message in either direction. */
#define DMTCP_ENGINE_MESSAGE_BYTES (64u << 20)

/*
 * Starts the program @path (absolute). The caller owns *@out and gives it back with
 * dmtcp_engine_stop(). -ENOENT, -EACCES and the like: the program cannot be executed; -EMFILE;
 * -ENOMEM; -EAGAIN: no more processes.
 */
int32_t dmtcp_engine_start(const char *path, struct dmtcp_engine **out);

/* Pid of the engine process. */
int32_t dmtcp_engine_pid(const struct dmtcp_engine *engine);

/*
 * Sends one JSON object of @bytes (UTF-8, no terminator). 0, or -EPIPE: the engine has ended;
 * -EMSGSIZE; -ETIMEDOUT: it took nothing for 5 s, the handle is of no more use.
 */
int32_t dmtcp_engine_submit(struct dmtcp_engine *engine, const void *json, uint64_t bytes);

/*
 * Takes the next answer or event, waiting at most @timeout_ms. Its length in bytes (no terminator is
 * added); 0: none came; -EPIPE: the engine has ended and everything it had sent is taken;
 * -ENOBUFS: @capacity is too small, the message stays, dmtcp_engine_pending() tells its length;
 * -EBADMSG: not a message of the engine; -ENOMEM.
 */
int64_t dmtcp_engine_next(struct dmtcp_engine *engine, void *buffer, uint64_t capacity,
			  uint32_t timeout_ms);

/* Length of a message that is completely here already, or 0. Same thread as dmtcp_engine_next(). */
uint64_t dmtcp_engine_pending(const struct dmtcp_engine *engine);

/*
 * Closes the socket, waits at most @timeout_ms for the engine to end, and frees @engine, in every
 * case. Its wait(2) status (0: ended well), or -ETIMEDOUT: it still works; it will end by itself
 * and stay a zombie until the caller ends. NULL is fine.
 */
int32_t dmtcp_engine_stop(struct dmtcp_engine *engine, uint32_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
