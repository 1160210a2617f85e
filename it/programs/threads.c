// program: C with threads, VARIANT
// run: sh -c VARIANT -O1 -pthread -o threads threads.c && exec ./threads
// variants: gcc -static;musl-gcc;musl-gcc -static
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 8 };

static pthread_barrier_t begin, end;
static unsigned long part[WORKERS];
static volatile unsigned long round_number;
static _Thread_local unsigned long rounds_seen;

static void *work(void *argument)
{
	unsigned long id = (unsigned long)argument;

	for (;;) {
		pthread_barrier_wait(&begin);
		rounds_seen++;
		part[id] = 0;
		for (unsigned long i = 0; i < 100000; i++)
			part[id] += (i ^ id) + (rounds_seen - round_number);
		pthread_barrier_wait(&end);
	}
	return NULL;
}

int main(void)
{
	unsigned long n = 0, want[WORKERS] = {0}, *kept = NULL;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_barrier_init(&begin, NULL, WORKERS + 1);
	pthread_barrier_init(&end, NULL, WORKERS + 1);
	for (unsigned long id = 0; id < WORKERS; id++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, work, (void *)id))
			return 1;
		for (unsigned long i = 0; i < 100000; i++)
			want[id] += i ^ id;
	}
	while (access("finish", F_OK)) {
		struct timespec pause = {.tv_nsec = 30000000};

		round_number++;
		pthread_barrier_wait(&begin);
		pthread_barrier_wait(&end);
		for (int id = 0; id < WORKERS; id++) {
			if (part[id] != want[id]) {
				printf("bad: %lu instead of %lu\n", part[id], want[id]);
				return 1;
			}
		}
		kept = realloc(kept, (n + 1) * 4096);
		kept[n * 512] = n;
		if (kept[n / 2 * 512] != n / 2) {
			printf("bad: kept %lu\n", n / 2);
			return 1;
		}
		nanosleep(&pause, NULL);
		printf("tick %lu\n", ++n);
	}
	puts("ok");
	return 3;
}
