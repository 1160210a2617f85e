#include <stdlib.h>

#include "codec.h"
#include "writer.h"

/* 64 images written at once need no more buffers than there are threads at work. */
#define KEPT 8u

static struct {
	pthread_mutex_t lock;
	struct desk *first;
	unsigned int count;
} drawer = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void desk_free(struct desk *d)
{
	codec_free(d->codec);
	free(d->raw);
	free(d->packed);
	free(d->runs.runs);
	free(d);
}

struct desk *desk_take(void)
{
	struct desk *d;

	pthread_mutex_lock(&drawer.lock);
	d = drawer.first;
	if (d) {
		drawer.first = d->next;
		drawer.count--;
	}
	pthread_mutex_unlock(&drawer.lock);
	if (d)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->codec = codec_new();
	d->raw = malloc(IMAGE_CHUNK_BYTES);
	d->packed = malloc(IMAGE_CHUNK_BYTES);
	if (d->codec && d->raw && d->packed)
		return d;
	desk_free(d);
	return NULL;
}

void desk_give(struct desk *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&drawer.lock);
	if (drawer.count < KEPT) {
		d->next = drawer.first;
		drawer.first = d;
		drawer.count++;
		d = NULL;
	}
	pthread_mutex_unlock(&drawer.lock);
	if (d)
		desk_free(d);
}
