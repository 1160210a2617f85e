/* Messages between the agent and the engine: a 32-bit length (little endian), then JSON. */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "../common/json.h"

struct channel {
	int fd;
	bool closed; /* the other side has gone, or does not read */
	uint8_t *data;
	size_t bytes, capacity;
};

int channel_open(struct channel *c, int fd); /* -errno */
void channel_free(struct channel *c);
/* Reads what has come, without waiting. Sets c->closed at the end. */
void channel_receive(struct channel *c);
/* The next complete message, NULL when there is none (yet). What is no JSON object closes it. */
json_t *channel_next(struct channel *c);
/* Whether @wanted is true of a message that has come and is not taken yet. */
typedef bool (*message_test)(const json_t *message, const void *context);
bool channel_holds(const struct channel *c, message_test wanted, const void *context);
/* Takes @message. Waits at most 5 s, then the channel counts as closed. */
void channel_send(struct channel *c, json_t *message);

#endif
