/*
 * An engine is killed while it holds what has been read out of a full connection: every byte comes
 * back in its order before a thread of the program runs on.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "common/json.h"
#include "common/proc.h"
#include "dmtcp_engine.h"

#define LIMIT_MS 20000
#define IDLE_THREADS 20 /* more than guards have places for bursts */
#define WORDS (8u << 20)

static struct dmtcp_engine *engine;
static json_int_t last_id;

static json_t *ask(json_t *request)
{
	static char buffer[1 << 20];
	json_t *answer;
	int64_t n;
	char *text;

	json_object_set_new(request, "id", json_integer(++last_id));
	text = json_dumps(request, 0);
	CHECK(!dmtcp_engine_submit(engine, text, strlen(text)));
	free(text);
	json_decref(request);
	n = dmtcp_engine_next(engine, buffer, sizeof(buffer), LIMIT_MS);
	CHECK(n > 0, "no answer");
	answer = json_loadb(buffer, n, 0, NULL);
	CHECK(json_number(answer, "id", 0) == last_id);
	return answer;
}

static void expect_ok(json_t *answer)
{
	CHECK(json_flag(answer, "ok", false), "%s", json_dumps(answer, 0));
	json_decref(answer);
}

/* ---- the program ---- */

static int ends[2];
static uint32_t urgent = WORDS; /* an urgent byte is sent in front of this word */

static void *send_all(void *unused)
{
	static uint32_t words[16384];

	for (uint32_t next = 0; next < WORDS;) {
		size_t sent = 0;

		if (next == urgent && send(ends[0], "u", 1, MSG_OOB) != 1)
			_exit(5);

		for (size_t k = 0; k < sizeof(words) / sizeof(*words); k++)
			words[k] = next++;
		while (sent < sizeof(words)) {
			ssize_t n = send(ends[0], (char *)words + sent, sizeof(words) - sent, 0);

			if (n < 0)
				_exit(2);
			sent += n;
		}
	}
	return unused;
}

static void *idle(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static int receive_all(void)
{
	for (uint32_t next = 0, word; next < WORDS; next++)
		for (size_t got = 0; got < sizeof(word) || word != next;) {
			/* it ends at urgent data, MSG_WAITALL or not */
			ssize_t n = got < sizeof(word) ? recv(ends[1], (char *)&word + got,
							      sizeof(word) - got, MSG_WAITALL) : 0;

			if (n <= 0)
				return 3;
			got += n;
		}
	return 0;
}

static void connect_ends(void)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
	socklen_t bytes = sizeof(address);
	int listener = socket(AF_INET6, SOCK_STREAM, 0);

	CHECK(!listen(listener, 1));
	CHECK(!getsockname(listener, (struct sockaddr *)&address, &bytes));
	ends[0] = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK(!connect(ends[0], (struct sockaddr *)&address, bytes));
	ends[1] = accept(listener, NULL, NULL);
	CHECK(ends[1] >= 0);
	close(listener);
}

/* Reads when a byte comes on @go. */
static pid_t start_program(int *go)
{
	int pipes[2];
	pid_t pid;

	connect_ends();
	CHECK(!pipe2(pipes, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		pthread_t thread;
		char byte;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(pipes[0], 0);
		close_range(3, ends[0] - 1, 0);
		close_range(ends[1] + 1, ~0u, 0);
		for (int n = 0; n < IDLE_THREADS; n++)
			pthread_create(&thread, NULL, idle, NULL);
		pthread_create(&thread, NULL, send_all, NULL);
		_exit(read(0, &byte, 1) == 1 ? receive_all() : 4);
	}
	close(pipes[0]);
	*go = pipes[1];
	return pid;
}

static int queue_bytes(int fd, unsigned long which)
{
	int bytes = 0;

	CHECK(!ioctl(fd, which, &bytes));
	return bytes;
}

static void await_full(void)
{
	int before = -1, now = 0;

	for (int turn = 0; turn < 200 && (now != before || now < 100000); turn++) {
		before = now;
		usleep(100000);
		now = queue_bytes(ends[0], SIOCOUTQ);
	}
	CHECK(now == before && now >= 100000, "it is not full: %d", now);
}

/* ---- the round ---- */

static json_t *freeze_request(pid_t pid)
{
	struct proc_stat stat;

	CHECK(!proc_stat(pid, &stat));
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:[{s:i, s:I}], s:[], s:i}", "op", "freeze",
			 "round", "r", "computationId", "test-1", "generation", 1, "manifestId",
			 "abc", "roots", "pid", (int)pid, "startTicks",
			 (json_int_t)stat.start_ticks, "namespaces", "timeoutMs", 5000);
}

static json_t *step(const char *op)
{
	return json_pack("{s:s, s:s, s:i}", "op", op, "round", "r", "timeoutMs", LIMIT_MS);
}

static void drain(pid_t pid)
{
	expect_ok(ask(freeze_request(pid)));
	expect_ok(ask(step("drain")));
	/* In the engine's keeping: nothing may have been left where it was. */
	CHECK(!queue_bytes(ends[0], SIOCOUTQ) && !queue_bytes(ends[1], SIOCINQ));
}

static void thaw(void)
{
	expect_ok(ask(step("refill")));
	expect_ok(ask(step("resume")));
	expect_ok(ask(step("end")));
}

static void finish(pid_t pid, int go)
{
	int status;

	CHECK(write(go, "g", 1) == 1);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "%d", status);
	close(go);
	close(ends[0]);
	close(ends[1]);
}

/* Killed while their keepers have everything. */
static void lose_engines(const char *path)
{
	int go, unread;
	pid_t pid = start_program(&go);

	await_full();
	unread = queue_bytes(ends[1], SIOCINQ);
	for (int round = 0; round < 2; round++) {
		CHECK(!dmtcp_engine_start(path, &engine));
		drain(pid);
		thaw();
		drain(pid);
		CHECK(!kill(dmtcp_engine_pid(engine), SIGKILL));
		CHECK(dmtcp_engine_stop(engine, 5000) == SIGKILL);
		await_full();
	}
	CHECK(queue_bytes(ends[1], SIOCINQ) < unread + (4 << 20), "it has become more and more");
	finish(pid, go);
}

/* In the queue, or still with the sender: a read ends there. */
static void bear_urgent(const char *path, uint32_t word)
{
	int go;
	pid_t pid;

	urgent = word;
	pid = start_program(&go);
	await_full();
	CHECK(!dmtcp_engine_start(path, &engine));
	for (int round = 0; round < 2; round++) {
		expect_ok(ask(freeze_request(pid)));
		expect_ok(ask(step("drain")));
		thaw();
	}
	CHECK(!dmtcp_engine_stop(engine, 5000));
	finish(pid, go);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : getenv("DMTCP_ENGINE");
	char absolute[4096];

	CHECK(path && realpath(path, absolute), "the engine's path is missing");
	lose_engines(absolute);
	bear_urgent(absolute, 16384);
	bear_urgent(absolute, 40 * 16384);
	puts("ok");
	return 0;
}
