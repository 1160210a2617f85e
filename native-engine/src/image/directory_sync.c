#include "directory_sync.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../common/file.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t done;
	char path[4096]; /* a file of the directory that the numbers are about */
	size_t directory_bytes;
	uint64_t wanted, synced; /* rising numbers of calls */
	unsigned int callers;
	bool syncing;
	int result;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER };

/* With the lock: makes the numbers be about the directory of @path, if they can be. */
static bool join(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t bytes = slash ? slash - path : 0;

	if (shared.callers && (bytes != shared.directory_bytes ||
			       memcmp(path, shared.path, bytes)))
		return false;
	if (!shared.callers) {
		snprintf(shared.path, sizeof(shared.path), "%s", path);
		shared.directory_bytes = bytes;
	}
	shared.callers++;
	return true;
}

/*
 * 64 images that are complete at about the same time need one or two fsyncs of their directory: one that
 * begins after a call began is good for it.
 */
int directory_sync_of(const char *path)
{
	uint64_t mine;
	int ret = 0;

	pthread_mutex_lock(&shared.lock);
	if (!join(path)) {
		pthread_mutex_unlock(&shared.lock);
		return file_sync_directory_of(path);
	}
	mine = ++shared.wanted;
	while (shared.synced < mine) {
		uint64_t covered = shared.wanted;

		if (shared.syncing) {
			pthread_cond_wait(&shared.done, &shared.lock);
			continue;
		}
		shared.syncing = true;
		pthread_mutex_unlock(&shared.lock);
		ret = file_sync_directory_of(path);
		pthread_mutex_lock(&shared.lock);
		shared.syncing = false;
		shared.synced = covered;
		shared.result = ret;
		pthread_cond_broadcast(&shared.done);
	}
	ret = shared.result;
	shared.callers--;
	pthread_mutex_unlock(&shared.lock);
	return ret;
}
