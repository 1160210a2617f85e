/* Memory without locks: no block is given to two at once, whatever their size. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmtcpalloc.h"

#define THREADS 4
#define TURNS 20000
#define HELD 32

static void must(int fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "%s\n", what);
	exit(1);
}

struct block {
	unsigned char *at;
	size_t bytes;
};

static void give(struct block *b, unsigned char mark)
{
	for (size_t i = 0; i < b->bytes; i++)
		must(b->at[i] == mark, "somebody else has written into a block");
	dmtcp_memory_give(b->at, b->bytes);
}

static void *work(void *number)
{
	unsigned char mark = 1 + (uintptr_t)number;
	struct block held[HELD] = { { 0 } };
	unsigned int seed = mark;

	for (int i = 0; i < TURNS; i++) {
		struct block *b = &held[rand_r(&seed) % HELD];

		if (b->at)
			give(b, mark);
		b->bytes = 1 + rand_r(&seed) % (i % 100 ? 300 : 100000);
		b->at = dmtcp_memory_take(b->bytes);
		must(b->at && (uintptr_t)b->at % 16 == 0, "a block is not aligned, or not there");
		memset(b->at, mark, b->bytes);
	}
	for (size_t i = 0; i < HELD; i++)
		if (held[i].at)
			give(&held[i], mark);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		must(!pthread_create(&threads[i], NULL, work, (void *)i), "pthread_create");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	dmtcp_memory_give(NULL, 1);
	must(!dmtcp_memory_take(SIZE_MAX / 2), "more than there is");
	puts("ok");
	return 0;
}
