/* Compressed code comes back as it was, and a store that is damaged anywhere gives nothing. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../src/image/code_cache.h"
#include "../src/image/code_store.h"
#include "../src/image/codec.h"
#include "../src/image/image.h"
#include "check.h"

#define HEADER_BYTES 32 /* the first entry is behind it, its key first */
#define FILE_BYTES_MAX (1 << 20)

static uint8_t file[FILE_BYTES_MAX];
static char path[] = "/tmp/code_store_test.XXXXXX";

static void put(const uint8_t *bytes, size_t count)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	CHECK(fd >= 0);
	CHECK(write(fd, bytes, count) == (ssize_t)count);
	close(fd);
}

/* Loads it in a process of its own, for what has been loaded stays. */
static bool gives(const struct code_key *key)
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0);
	if (!child) {
		size_t bytes;

		code_store_load(path);
		_exit(code_cache_find(key, &bytes) ? 0 : 3);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status) == 0;
}

int main(void)
{
	char *programs[] = { "/bin/true" };
	uint8_t *raw = malloc(IMAGE_CHUNK_BYTES);
	struct fault fault = { 0 };
	struct code_key key, again;
	const void *stored;
	ssize_t bytes;
	size_t found;
	int fd = mkstemp(path);

	CHECK(fd >= 0 && raw);
	close(fd);
	CHECK(code_store_make(path, programs, 1, &fault) == 0, "%s", fault.text);
	fd = open(path, O_RDONLY);
	bytes = read(fd, file, sizeof(file));
	close(fd);
	CHECK(bytes > HEADER_BYTES + (ssize_t)sizeof(key) && bytes < FILE_BYTES_MAX);
	memcpy(&key, file + HEADER_BYTES, sizeof(key));
	CHECK(gives(&key));

	for (ssize_t at = 0; at < bytes; at += at < 128 ? 1 : 997) {
		file[at] ^= 4;
		put(file, (size_t)bytes);
		CHECK(!gives(&key), "byte %zd", at);
		file[at] ^= 4;
	}
	for (ssize_t cut = 0; cut < bytes; cut += 1499) {
		put(file, (size_t)cut);
		CHECK(!gives(&key), "cut at %zd", cut);
	}

	put(file, (size_t)bytes);
	code_store_load(path);
	stored = code_cache_find(&key, &found);
	CHECK(stored);
	CHECK(codec_decompress(codec_new(), CODEC_ZSTD, stored, found, raw, key.raw_bytes) == 0);
	code_key_of(&again, raw, key.raw_bytes, CODEC_ZSTD, key.level);
	CHECK(!memcmp(&again, &key, sizeof(key)));
	programs[0] = "/etc/passwd";
	CHECK(code_store_make(path, programs, 1, &fault) < 0);
	unlink(path);
	puts("ok");
	return 0;
}
