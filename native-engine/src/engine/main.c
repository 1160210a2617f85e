/*
 * dmtcp_engine: freezes, captures and ends processes for the agent of this host
 * (`--socket FD`, docs/engine-protocol.md), or does one checkpoint by itself (`--checkpoint PID`).
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../descriptor/pipe.h"
#include "../image/code_store.h"
#include "../mtcp/answer.h"
#include "answer.h"
#include "server.h"
#include "standalone.h"

#define FREEZE_LIMIT_MS 10000u

static const char usage[] =
	"Usage: dmtcp_engine --socket FD\n"
	"       dmtcp_engine --checkpoint PID --dir DIR [--codec zstd|gzip|lz4|none] [--kill]\n"
	"                    [--copy-on-write] [--open-files] [--timeout MS (of the freeze)] "
	"[--limit MS]\n"
	"       dmtcp_engine --checkpoint PID --image FILE [--answer ADDRESS] [as above]\n"
	"       dmtcp_engine --store-code FILE LIBRARY...\n"
	"\n"
	"The second form writes a checkpoint of process PID and all its descendants to DIR,\n"
	"the third one of process PID alone to FILE, and tells it in its struct mtcp_answer at "
	"ADDRESS.\n"
	"The last form is for the build of the tree: it compresses libraries beforehand.\n";

static unsigned int processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > 64 ? 64 : n;
}

/*
 * A signal must not end the engine while it holds threads (SIGKILL can: then the kernel lets
 * them run on); a file-size limit or a closed socket is reported, not died of.
 */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTSTP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* ignored, it would take away the ends of traced threads */
}

/* Rather a program than the one that has it in its hands; lowering needs privilege: no matter. */
static void be_spared_by_oom(void)
{
	FILE *f = fopen("/proc/self/oom_score_adj", "we");

	if (!f)
		return;
	fputs("-500", f);
	fclose(f);
}

/* A frozen process costs a handful of descriptors, and so does its image. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve(const char *number)
{
	char *end;
	long fd = strtol(number, &end, 10);

	if (*end || fd < 3) {
		fprintf(stderr, "dmtcp_engine: %s is no descriptor\n", number);
		return 2;
	}
	/* What the agent has open is its own, also what it forgot to mark close-on-exec. */
	syscall(SYS_close_range, fd + 1, ~0u, 0);
	pipe_keep_spare();
	be_spared_by_oom();
	return server_main(fd, processors()) < 0;
}

/* libmtcp has started us: it reads the answer, nobody else listens. */
static int checkpoint_for(struct standalone_options *o, uint64_t answer)
{
	struct standalone_result result = { 0 };
	struct fault fault = { 0 };
	int ret = answer_open(o->pid, answer, standalone_next_generation(o->image), &fault);

	if (ret < 0) {
		fprintf(stderr, "dmtcp_engine: %s: %s\n", fault.id, fault.text);
		return 1;
	}
	o->restart_word = answer + offsetof(struct mtcp_answer, state);
	ret = standalone_checkpoint(o, &result, &fault);
	answer_send(o->pid, answer, ret, &result, &fault);
	return ret < 0;
}

static int checkpoint(struct standalone_options *o)
{
	struct standalone_result result;
	struct fault fault = { 0 };
	char directory[PATH_MAX];

	if (!o->image && !realpath(o->directory, directory)) {
		fprintf(stderr, "dmtcp_engine: %s: %s\n", o->directory, strerror(errno));
		return 1;
	}
	if (!o->image)
		o->directory = directory;
	if (standalone_checkpoint(o, &result, &fault) < 0) {
		fprintf(stderr, "dmtcp_engine: %s: %s\n%s\n", fault.id, fault.text,
			fault_remedy(fault.id));
		return 1;
	}
	printf("generation %" PRIu64 ", %zu images, %" PRIu64 " bytes, stopped for %" PRIu64
	       " us\n", result.generation, result.images, result.file_bytes, result.stopped_us);
	return 0;
}

static int make_store(const char *path, char **files, size_t count)
{
	struct fault fault = { 0 };

	if (code_store_make(path, files, count, &fault) == 0)
		return 0;
	fprintf(stderr, "dmtcp_engine: %s\n", fault.text);
	return 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "checkpoint", required_argument, NULL, 'c' },
		{ "dir", required_argument, NULL, 'd' },
		{ "image", required_argument, NULL, 'i' },
		{ "answer", required_argument, NULL, 'a' },
		{ "codec", required_argument, NULL, 'z' },
		{ "kill", no_argument, NULL, 'k' },
		{ "copy-on-write", no_argument, NULL, 'w' },
		{ "open-files", no_argument, NULL, 'o' },
		{ "timeout", required_argument, NULL, 't' },
		{ "limit", required_argument, NULL, 'l' },
		{ "store-code", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct standalone_options o = { .directory = ".", .codec = CODEC_ZSTD,
					.workers = processors(), .timeout_ms = FREEZE_LIMIT_MS };
	const char *socket_number = NULL, *store = NULL;
	uint64_t answer = 0;
	int codec, c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 's':
			socket_number = optarg;
			break;
		case 'c':
			o.pid = atoi(optarg);
			break;
		case 'd':
			o.directory = optarg;
			break;
		case 'i':
			o.image = optarg;
			break;
		case 'a':
			answer = strtoull(optarg, NULL, 16);
			break;
		case 'z':
			codec = codec_by_name(optarg);
			if (codec < 0) {
				fprintf(stderr, "dmtcp_engine: unknown codec %s\n", optarg);
				return 2;
			}
			o.codec = codec;
			break;
		case 'k':
			o.kill = true;
			break;
		case 'w':
			o.copy_on_write = true;
			break;
		case 'o':
			o.open_files = true;
			break;
		case 't':
			o.timeout_ms = atoi(optarg);
			break;
		case 'l':
			o.limit_ms = strtoull(optarg, NULL, 10);
			break;
		case 'p':
			store = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (!o.limit_ms)
		o.limit_ms = 10ull * o.timeout_ms;
	if (store)
		return make_store(store, argv + optind, (size_t)(argc - optind));
	block_signals();
	raise_descriptor_limit();
	code_store_load_own();
	if (socket_number)
		return serve(socket_number);
	if (answer && !o.image) {
		fputs(usage, stderr);
		return 2;
	}
	if (o.pid > 0)
		return answer ? checkpoint_for(&o, answer) : checkpoint(&o);
	fputs(usage, stderr);
	return 2;
}
