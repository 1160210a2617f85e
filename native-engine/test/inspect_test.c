/*
 * dmtcp_inspect on hostile images: whatever a file claims, with checksums that fit, it is shown or
 * refused, and nothing else happens. Runs under ASan with `make check SANITIZE=1`.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "check.h"
#include "inspect/inspection.h"

#define ROUNDS 300 /* or as many as the first argument says */

static char directory[] = "/tmp/inspect-test-XXXXXX";
static uint64_t random_state = 88172645463325252u;

static uint32_t next_random(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 16) % below;
}

/* One of as many kinds as a process can easily have. */
static void have_things(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un name = { AF_UNIX, "\0inspect-test" };
	socklen_t length = sizeof(address);
	int ends[2], fd, server = socket(AF_INET, SOCK_STREAM, 0);
	struct epoll_event event = { .events = EPOLLIN };

	CHECK(!pipe(ends) && write(ends[1], "queued", 6) == 6);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends) && write(ends[0], "sent", 4) == 4);
	CHECK(!bind(server, (struct sockaddr *)&address, sizeof(address)) && !listen(server, 3));
	CHECK(!getsockname(server, (struct sockaddr *)&address, &length));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
	      accept(server, NULL, NULL) >= 0);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	bind(fd, (struct sockaddr *)&name, sizeof(sa_family_t) + 13); /* taken: unnamed is fine */
	fd = epoll_create1(0);
	CHECK(fd >= 0 && !epoll_ctl(fd, EPOLL_CTL_ADD, ends[0], &event));
	CHECK(eventfd(3, 0) >= 0 && timerfd_create(CLOCK_MONOTONIC, 0) >= 0);
	CHECK(memfd_create("inspect", 0) >= 0 && open("/proc/self/status", O_RDONLY) >= 0);
	CHECK(open("/usr", O_RDONLY | O_DIRECTORY) >= 0 && open("/bin/sh", O_RDONLY) >= 0);
	CHECK(posix_openpt(O_RDWR | O_NOCTTY) >= 0);
	CHECK(mmap(NULL, 1 << 20, PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

/* Written by the engine, of a process that is not our child in its eyes. */
static void make_image(char *path, size_t bytes)
{
	char pid[16];
	int ready[2], status;
	pid_t victim, engine;
	char byte;

	CHECK(!pipe(ready));
	victim = fork();
	if (!victim) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
		have_things();
		CHECK(write(ready[1], "r", 1) == 1);
		for (;;)
			pause();
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	snprintf(pid, sizeof(pid), "%d", victim);
	snprintf(path, bytes, "%s/image", directory);
	engine = fork();
	if (!engine) {
		execlp(getenv("DMTCP_ENGINE"), "dmtcp_engine", "--checkpoint", pid, "--image", path,
		       NULL);
		_exit(127);
	}
	CHECK(waitpid(engine, &status, 0) == engine && status == 0, "%d", status);
	kill(victim, SIGKILL);
	waitpid(victim, &status, 0);
}

struct image {
	uint8_t *bytes; /* whole file; metadata are not compressed in it */
	size_t count;
};

static struct image_header *header_of(struct image *i)
{
	return (struct image_header *)i->bytes;
}

static void seal(struct image *i)
{
	struct image_header *h = header_of(i);

	h->metadata_checksum = XXH3_64bits(i->bytes + h->metadata_offset, h->metadata_stored_bytes);
	h->index_checksum = XXH3_64bits(i->bytes + h->index_offset, h->index_bytes);
	h->header_checksum = XXH3_64bits(h, sizeof(*h) - 8);
}

/* The image with its metadata as they are, at the end. */
static struct image load(const char *path)
{
	struct image_reader *r;
	struct fault fault = { 0 };
	struct image i;
	struct image_header *h;

	CHECK(image_reader_open(&r, path, &fault) == 0, "%s", fault.text);
	i.count = r->header.file_bytes + r->records.bytes;
	i.bytes = malloc(i.count);
	CHECK(i.bytes && pread(r->fd, i.bytes, r->header.file_bytes, 0) ==
				 (ssize_t)r->header.file_bytes);
	memcpy(i.bytes + r->header.file_bytes, r->records.data, r->records.bytes);
	h = header_of(&i);
	memset(i.bytes + h->metadata_offset, 0, h->metadata_stored_bytes);
	h->metadata_offset = r->header.file_bytes;
	h->metadata_stored_bytes = h->metadata_raw_bytes = r->records.bytes;
	h->file_bytes = i.count;
	seal(&i);
	image_reader_close(r);
	return i;
}

static void change(uint8_t *at, size_t bytes)
{
	static const uint64_t values[] = { 0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff,
					   0x7fffffffffffffff, 0xffffffffffffffff, 4096, 0xfff };
	size_t where = next_random(bytes), width = 1u << next_random(4);
	uint64_t value = values[next_random(sizeof(values) / sizeof(*values))];

	if (next_random(3) == 0)
		value = random_state;
	memcpy(at + where, &value, where + width > bytes ? bytes - where : width);
}

static void mutate(struct image *i)
{
	struct image_header *h = header_of(i);
	uint32_t what = next_random(100), times = 1 + next_random(8);

	while (times--) {
		if (what < 70)
			change(i->bytes + h->metadata_offset, h->metadata_stored_bytes);
		else if (what < 85)
			change(i->bytes + h->index_offset, h->index_bytes);
		else if (what < 95)
			change(i->bytes + 12, sizeof(*h) - 12);
		else
			change(i->bytes, i->count);
	}
	if (what < 85)
		seal(i);
	else if (what < 95)
		h->header_checksum = XXH3_64bits(h, sizeof(*h) - 8);
	else if (what > 97)
		i->count = next_random(i->count);
}

static void store(const struct image *i, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, i->bytes, i->count) == (ssize_t)i->count && !close(fd));
}

/* All forms of output; returns whether it could be read. */
static bool inspect(const char *path)
{
	struct inspection i;
	char *text = NULL, *json;
	size_t bytes = 0;
	json_t *model;
	bool good;
	FILE *out;

	CHECK(inspection_open(&i) == 0);
	inspection_find(&i, path);
	inspection_find_manifests(&i);
	inspection_verify(&i);
	model = inspection_model(&i, true);
	CHECK(model);
	json = json_dumps(model, JSON_COMPACT);
	CHECK(json, "what is not JSON");
	out = open_memstream(&text, &bytes);
	text_print(model, out);
	page_print(model, out);
	CHECK(!fclose(out) && strlen(text) == bytes);
	good = i.count == 1 && !json_array_size(i.problems);
	CHECK(good || json_array_size(i.problems), "neither shown nor refused");
	free(text);
	free(json);
	json_decref(model);
	inspection_close(&i);
	return good;
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;
	char path[128], mutant[128];
	struct image original, copy;
	unsigned int shown = 0;

	CHECK(getenv("DMTCP_ENGINE"));
	CHECK(mkdtemp(directory));
	make_image(path, sizeof(path));
	CHECK(inspect(path));
	original = load(path);
	snprintf(mutant, sizeof(mutant), "%s/mutant.dmtcp", directory);
	store(&original, mutant);
	CHECK(inspect(mutant));
	copy.bytes = malloc(original.count);
	for (unsigned int n = 0; n < rounds; n++) {
		copy.count = original.count;
		memcpy(copy.bytes, original.bytes, original.count);
		mutate(&copy);
		store(&copy, mutant);
		shown += inspect(mutant);
	}
	/* Changed values within sound records are shown: else nothing but refusals were tested. */
	CHECK(shown > rounds / 4, "%u", shown);
	unlink(mutant);
	unlink(path);
	rmdir(directory);
	free(copy.bytes);
	free(original.bytes);
	puts("ok");
	return 0;
}
