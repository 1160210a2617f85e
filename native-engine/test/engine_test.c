/* dmtcp_engine behind its client library: rounds on real processes, and everything that can end one. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "common/json.h"
#include "common/proc.h"
#include "dmtcp_engine.h"
#include "image/image.h"

static char directory[] = "/tmp/engine-test-XXXXXX";
static struct dmtcp_engine *engine;
static json_int_t last_id;
static json_t *event; /* the last one that came */

/* ---- talking to the engine ---- */

static json_t *receive(uint32_t timeout_ms)
{
	static char buffer[1 << 20];
	int64_t n = dmtcp_engine_next(engine, buffer, sizeof(buffer), timeout_ms);

	CHECK(n >= 0, "%s", strerror(-n));
	return n ? json_loadb(buffer, n, 0, NULL) : NULL;
}

static void submit(json_t *request)
{
	char *text;

	json_object_set_new(request, "id", json_integer(++last_id));
	text = json_dumps(request, 0);
	CHECK(!dmtcp_engine_submit(engine, text, strlen(text)));
	free(text);
	json_decref(request);
}

static json_t *answer_of(json_int_t id)
{
	for (;;) {
		json_t *message = receive(20000);

		CHECK(message, "no answer");
		if (json_number(message, "id", -1) == id)
			return message;
		if (json_object_get(message, "event")) {
			json_decref(event);
			event = message;
		} else { /* to a request that was submitted before */
			CHECK(json_number(message, "id", id) < id, "an answer to nothing");
			json_decref(message);
		}
	}
}

static json_t *ask(json_t *request)
{
	submit(request);
	return answer_of(last_id);
}

/* Takes @answer. */
static void expect_ok(json_t *answer)
{
	CHECK(json_flag(answer, "ok", false), "%s", json_dumps(answer, 0));
	json_decref(answer);
}

static void expect_fault(json_t *answer, const char *id)
{
	CHECK(!json_flag(answer, "ok", true), "it went well");
	CHECK(!strcmp(json_text(json_object_get(answer, "error"), "id", ""), id), "%s",
	      json_dumps(answer, 0));
	json_decref(answer);
}

/* ---- victims ---- */

static uint64_t start_of(pid_t pid)
{
	struct proc_stat stat;

	CHECK(!proc_stat(pid, &stat), "process %d", pid);
	return stat.start_ticks;
}

static json_t *process_json(pid_t pid)
{
	return json_pack("{s:i, s:I}", "pid", (int)pid, "startTicks", (json_int_t)start_of(pid));
}

/* A process that answers every byte on its pipe; with @children below it that do nothing. */
struct victim {
	pid_t pid;
	int to, from;
};

static struct victim start_victim(int children)
{
	int to[2], from[2];
	struct victim v;

	CHECK(!pipe2(to, O_CLOEXEC) && !pipe2(from, O_CLOEXEC));
	v.pid = fork();
	if (!v.pid) {
		char c;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0); /* before it has children: they are to end with it */
		dup2(to[0], 0);
		dup2(from[1], 1);
		close_range(3, ~0u, 0); /* the engine's socket above all */
		for (int i = 0; i < children; i++)
			if (!fork())
				for (;;)
					pause();
		if (children)
			signal(SIGTERM, SIG_DFL);
		write(1, "r", 1);
		while (read(0, &c, 1) == 1)
			write(1, &c, 1);
		kill(0, SIGTERM);
		_exit(0);
	}
	v.to = to[1];
	v.from = from[0];
	close(to[0]);
	close(from[1]);
	setpgid(v.pid, v.pid);
	return v;
}

static bool answers(const struct victim *v, char c, int timeout_ms)
{
	struct pollfd p = { .fd = v->from, .events = POLLIN };
	char got = 0;

	if (c)
		CHECK(write(v->to, &c, 1) == 1);
	return poll(&p, 1, timeout_ms) == 1 && read(v->from, &got, 1) == 1 && (!c || got == c);
}

static int end_victim(struct victim *v)
{
	int status;

	kill(-v->pid, SIGKILL);
	kill(v->pid, SIGKILL);
	waitpid(v->pid, &status, 0);
	close(v->to);
	close(v->from);
	return status;
}

/* ---- rounds ---- */

static json_t *freeze_request(const char *round, pid_t root)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:[o], s:[], s:i}", "op", "freeze", "round",
			 round, "computationId", "test-1", "generation", 1, "manifestId", "abc",
			 "roots", process_json(root), "namespaces", "timeoutMs", 5000);
}

static json_t *step(const char *op, const char *round)
{
	return json_pack("{s:s, s:s, s:i}", "op", op, "round", round, "timeoutMs", 5000);
}

static json_t *snapshot(const char *round, pid_t pid, const char *image, bool twin)
{
	return json_pack("{s:s, s:s, s:i, s:I, s:s, s:s, s:s, s:i, s:b, s:i}", "op", "snapshot",
			 "round", round, "pid", (int)pid, "startTicks", (json_int_t)start_of(pid),
			 "uniquePid", "1-2-3", "image", image, "codec", "zstd", "members", 1,
			 "copyOnWrite", twin, "timeoutMs", 5000);
}

static json_t *write_request(const char *round, pid_t pid)
{
	return json_pack("{s:s, s:s, s:i, s:I, s:i}", "op", "write", "round", round, "pid",
			 (int)pid, "startTicks", (json_int_t)start_of(pid), "timeoutMs", 20000);
}

static const char *image_path(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/image", directory);
	return path;
}

static void checks_image(void)
{
	struct image_reader *r;
	struct fault fault = { 0 };

	CHECK(!image_reader_open(&r, image_path(), &fault), "%s", fault.text);
	CHECK(!image_reader_verify(r, 2, &fault), "%s", fault.text);
	CHECK(!strcmp(r->header.manifest_id, "abc"));
	CHECK(!strcmp(r->header.computation_id, "test-1"));
	image_reader_close(r);
}

/* No child that the program does not know of: snapshots leave no trace. */
static void has_no_children(pid_t pid)
{
	struct pid_list children = { 0 };

	for (int i = 0; i < 400; i++) {
		children.count = 0;
		proc_children(pid, &children);
		if (!children.count)
			break;
		usleep(5000);
	}
	CHECK(!children.count, "%zu children are left", children.count);
	pid_list_free(&children);
}

static void captures_a_process_that_runs_on(bool twin)
{
	struct victim v = start_victim(0);
	json_t *frozen;

	CHECK(answers(&v, 0, 5000));
	frozen = ask(freeze_request("r1", v.pid));
	CHECK(json_array_size(json_object_get(frozen, "members")) == 1);
	expect_ok(frozen);
	CHECK(!answers(&v, 'a', 50), "it is not frozen");
	expect_fault(ask(freeze_request("r2", v.pid)), "round-busy");
	expect_ok(ask(step("drain", "r1")));
	expect_ok(ask(snapshot("r1", v.pid, image_path(), twin)));
	expect_ok(ask(step("refill", "r1")));
	expect_ok(ask(step("resume", "r1")));
	CHECK(answers(&v, 0, 5000), "it does not run on");
	expect_ok(ask(write_request("r1", v.pid)));
	expect_ok(ask(step("end", "r1")));
	checks_image();
	CHECK(answers(&v, 'b', 5000));
	has_no_children(v.pid);
	CHECK(!unlink(image_path()));
	end_victim(&v);
}

#define REGION_WORDS (8 * 4096 / sizeof(long))

struct seen_region {
	uint64_t start;
	long words[REGION_WORDS];
};

static int place(void *context, uint64_t offset, const void *data, uint64_t bytes)
{
	struct seen_region *s = context;

	memcpy((char *)s->words + (offset - s->start), data, bytes);
	return 0;
}

/* A program that counts in memory of three kinds at once: no kind may be later than another. */
static void takes_all_memory_at_one_instant(void)
{
	static const int advice[] = { MADV_NORMAL, MADV_DONTFORK, MADV_WIPEONFORK };
	static struct seen_region seen;
	struct image_reader *r;
	struct fault fault = { 0 };
	long first = 0;
	int ready[2];
	uint64_t addresses[3];
	pid_t pid;

	CHECK(!pipe2(ready, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		volatile long *region[3];

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close_range(3, ready[1] - 1, 0);
		for (int k = 0; k < 3; k++) {
			region[k] = mmap(NULL, REGION_WORDS * sizeof(long), PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			madvise((void *)region[k], REGION_WORDS * sizeof(long), advice[k]);
			addresses[k] = (uintptr_t)region[k];
		}
		for (long i = 1;; i++) {
			for (size_t w = 0; w < REGION_WORDS; w += 256)
				for (int k = 0; k < 3; k++)
					region[k][w] = i;
			if (i == 1000 && write(ready[1], addresses, sizeof(addresses)) < 0)
				_exit(1);
		}
	}
	close(ready[1]);
	CHECK(read(ready[0], addresses, sizeof(addresses)) == sizeof(addresses));
	close(ready[0]);
	expect_ok(ask(freeze_request("r1", pid)));
	expect_ok(ask(snapshot("r1", pid, image_path(), true)));
	expect_ok(ask(step("resume", "r1")));
	expect_ok(ask(write_request("r1", pid)));
	expect_ok(ask(step("end", "r1")));
	CHECK(!image_reader_open(&r, image_path(), &fault), "%s", fault.text);
	for (int k = 0; k < 3; k++) {
		seen.start = addresses[k];
		CHECK(!image_reader_content(r, 0, addresses[k], sizeof(seen.words), 1, place, &seen,
					    &fault), "%s", fault.text);
		if (!k)
			first = seen.words[0];
		CHECK(first >= 1000);
		for (size_t w = 0; w < REGION_WORDS; w += 256)
			CHECK(seen.words[w] <= first && seen.words[w] >= first - 1,
			      "region %d has %ld where another has %ld", k, seen.words[w], first);
		memset(&seen, 0, sizeof(seen));
	}
	image_reader_close(r);
	CHECK(!unlink(image_path()));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void abort_leaves_nothing(bool after_resume)
{
	struct victim v = start_victim(0);

	CHECK(answers(&v, 0, 5000));
	expect_ok(ask(freeze_request("r1", v.pid)));
	expect_ok(ask(snapshot("r1", v.pid, image_path(), true)));
	if (after_resume) {
		expect_ok(ask(step("resume", "r1")));
		submit(write_request("r1", v.pid));
	}
	expect_ok(ask(step("abort", "r1")));
	CHECK(access(image_path(), F_OK), "the image was left");
	CHECK(answers(&v, 'a', 5000));
	has_no_children(v.pid);
	end_victim(&v);
}

static void finds_the_whole_tree(void)
{
	struct victim v = start_victim(5);
	json_t *frozen;

	CHECK(answers(&v, 0, 5000));
	frozen = ask(freeze_request("r1", v.pid));
	CHECK(json_array_size(json_object_get(frozen, "members")) == 6);
	expect_ok(frozen);
	expect_ok(ask(step("abort", "r1")));
	CHECK(answers(&v, 'x', 5000));
	end_victim(&v);
}

static bool scan_finds(pid_t pid)
{
	json_t *scan = json_pack("{s:s, s:s, s:[], s:[]}", "op", "scan", "computationId", "test-1",
				 "roots", "namespaces"), *found, *one;
	bool is_there = false;
	size_t i;

	found = ask(scan);
	json_array_foreach(json_object_get(found, "members"), i, one)
		is_there |= json_number(one, "pid", 0) == pid;
	expect_ok(found);
	return is_there;
}

/* The engine has just seen that it is no member. */
static void finds_who_becomes_a_member_after_a_look(void)
{
	char *const arguments[] = { "sleep", "60", NULL };
	char *const marked[] = { "DMTCP_COMPUTATION_ID=test-1", NULL };
	int go[2], status;
	char name[64] = "";
	pid_t pid;

	CHECK(!pipe2(go, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		char c;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (read(go[0], &c, 1) == 1)
			execve("/bin/sleep", arguments, marked);
		_exit(1);
	}
	CHECK(!scan_finds(pid) && !scan_finds(pid));
	expect_ok(ask(json_pack("{s:s, s:i, s:I}", "op", "watch", "pid", (int)pid, "startTicks",
				(json_int_t)start_of(pid))));
	CHECK(write(go[1], "x", 1) == 1);
	for (int i = 0; i < 5000 && strcmp(name, "sleep"); i++) {
		struct proc_stat stat;

		CHECK(!proc_stat(pid, &stat));
		snprintf(name, sizeof(name), "%s", stat.comm);
		usleep(1000);
	}
	CHECK(scan_finds(pid), "it is taken for a stranger still");
	expect_ok(ask(json_pack("{s:s, s:i, s:I}", "op", "unwatch", "pid", (int)pid, "startTicks",
				(json_int_t)start_of(pid))));
	CHECK(!kill(pid, SIGKILL) && waitpid(pid, &status, 0) == pid);
	close(go[0]);
	close(go[1]);
}

static void reports_the_end_of_a_process(void)
{
	struct victim v = start_victim(0);
	json_t *watch = process_json(v.pid), *none;

	CHECK(answers(&v, 0, 5000));
	json_decref(event);
	event = NULL;
	json_object_set_new(watch, "op", json_string("watch"));
	none = json_deep_copy(watch);
	expect_ok(ask(watch));
	kill(v.pid, SIGKILL);
	while (!event)
		event = receive(5000);
	CHECK(!strcmp(json_text(event, "event", ""), "exited"));
	CHECK(json_number(event, "pid", 0) == v.pid);
	json_object_set_new(none, "startTicks", json_integer(1));
	expect_fault(ask(none), "no-such-process");
	end_victim(&v);
}

static void ends_processes_with_the_given_status(void)
{
	struct victim v = start_victim(0);
	json_t *killed;
	int status;

	CHECK(answers(&v, 0, 5000));
	killed = ask(json_pack("{s:s, s:[o], s:i}", "op", "kill", "members", process_json(v.pid),
			       "exitStatus", 7));
	CHECK(json_number(killed, "killed", 0) == 1);
	expect_ok(killed);
	CHECK(waitpid(v.pid, &status, 0) == v.pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7, "status %x", status);
	close(v.to);
	close(v.from);
}

/* From the freeze to the resume in one request: @program is what the agent takes it for. */
static json_t *stop_request(const char *round, pid_t pid, const char *image, const char *program)
{
	json_t *request = freeze_request(round, pid), *one = process_json(pid);

	json_object_set_new(request, "op", json_string("stop"));
	json_object_set_new(request, "drainMs", json_integer(5000));
	json_object_set_new(request, "copyOnWrite", json_true());
	json_object_set_new(one, "program", json_string(program));
	json_object_set_new(one, "uniquePid", json_string("1-2-3"));
	json_object_set_new(one, "image", json_string(image));
	json_object_set_new(request, "images", json_pack("[o]", one));
	return request;
}

static void captures_in_one_request(void)
{
	struct victim v = start_victim(0);
	json_t *stopped;

	CHECK(answers(&v, 0, 5000));
	stopped = ask(stop_request("s1", v.pid, image_path(), "engine_test"));
	CHECK(!strcmp(json_text(stopped, "reached", ""), "resume"), "%s", json_dumps(stopped, 0));
	CHECK(json_number(stopped, "stoppedMicros", 0) > 0);
	json_decref(stopped);
	CHECK(!strcmp(json_text(event, "event", ""), "phase") &&
	      !strcmp(json_text(event, "phase", ""), "snapshot") &&
	      json_number(event, "request", -1) == last_id);
	CHECK(answers(&v, 'a', 5000), "it does not run on");
	expect_ok(ask(write_request("s1", v.pid)));
	expect_fault(ask(write_request("s1", v.pid)), "internal"); /* each has one answer */
	expect_ok(ask(step("end", "s1")));
	checks_image();
	CHECK(!unlink(image_path()));
	end_victim(&v);
}

/* Children, or an exec since: the agent has to name them before anything is written. */
static void only_freezes_whom_the_agent_does_not_know(int children, const char *program)
{
	struct victim v = start_victim(children);
	json_t *stopped;

	CHECK(answers(&v, 0, 5000));
	stopped = ask(stop_request("s2", v.pid, image_path(), program));
	CHECK(!strcmp(json_text(stopped, "reached", ""), "freeze"), "%s", json_dumps(stopped, 0));
	CHECK(json_array_size(json_object_get(stopped, "members")) == (size_t)children + 1);
	json_decref(stopped);
	CHECK(!answers(&v, 'a', 50), "it is not frozen");
	expect_ok(ask(step("abort", "s2")));
	CHECK(access(image_path(), F_OK), "an image was begun");
	CHECK(answers(&v, 0, 5000), "it does not run on");
	end_victim(&v);
}

static void a_stop_that_fails_lets_them_run_on(void)
{
	struct victim v = start_victim(0);
	json_t *answer, *stop;

	CHECK(answers(&v, 0, 5000));
	answer = ask(stop_request("s3", v.pid, "/nonexistent/image", "engine_test"));
	CHECK(!strcmp(json_text(json_object_get(answer, "error"), "phase", ""), "snapshot"), "%s",
	      json_dumps(answer, 0));
	expect_fault(answer, "image-unwritable");
	CHECK(answers(&v, 'a', 5000), "it does not run on");
	expect_fault(ask(step("abort", "s3")), "internal"); /* it is over already */

	/* The abort is there before the engine begins: the stop is cut short. */
	stop = stop_request("s4", v.pid, image_path(), "engine_test");
	CHECK(!kill(dmtcp_engine_pid(engine), SIGSTOP));
	submit(stop);
	submit(step("abort", "s4"));
	CHECK(!kill(dmtcp_engine_pid(engine), SIGCONT));
	expect_fault(answer_of(last_id - 1), "round-cancelled");
	expect_fault(answer_of(last_id), "internal");
	CHECK(access(image_path(), F_OK), "the image was left");
	CHECK(answers(&v, 'b', 5000), "it does not run on");
	end_victim(&v);
}

static void ends_members_after_the_images_are_written(void)
{
	struct victim v = start_victim(0);
	int status;

	CHECK(answers(&v, 0, 5000));
	expect_ok(ask(freeze_request("r1", v.pid)));
	expect_ok(ask(snapshot("r1", v.pid, image_path(), false)));
	expect_ok(ask(write_request("r1", v.pid)));
	expect_ok(ask(step("exit", "r1")));
	expect_ok(ask(step("end", "r1")));
	checks_image();
	CHECK(waitpid(v.pid, &status, 0) == v.pid && WIFEXITED(status) && !WEXITSTATUS(status));
	CHECK(!unlink(image_path()));
	close(v.to);
	close(v.from);
}

static void survives_the_death_of_a_member(void)
{
	struct victim v = start_victim(0);

	CHECK(answers(&v, 0, 5000));
	expect_ok(ask(freeze_request("r1", v.pid)));
	kill(v.pid, SIGKILL);
	expect_fault(ask(snapshot("r1", v.pid, image_path(), false)), "no-such-process");
	expect_ok(ask(step("abort", "r1")));
	CHECK(access(image_path(), F_OK), "the image was left");
	end_victim(&v);
}

static void names_a_directory_that_cannot_be_written(void)
{
	struct victim v = start_victim(0);

	CHECK(answers(&v, 0, 5000));
	expect_ok(ask(freeze_request("r1", v.pid)));
	expect_fault(ask(snapshot("r1", v.pid, "/proc/none/image", false)), "image-unwritable");
	expect_ok(ask(step("abort", "r1")));
	CHECK(answers(&v, 'a', 5000));
	end_victim(&v);
}

/* Whether its agent or the engine itself dies: the program runs on, and twins are gone. */
static void death_of_the_engine_frees_everything(const char *path, bool kill_it)
{
	struct victim v = start_victim(0), other = start_victim(0);
	json_t *frozen;

	CHECK(answers(&v, 0, 5000) && answers(&other, 0, 5000));
	expect_ok(ask(freeze_request("r1", v.pid)));
	expect_ok(ask(snapshot("r1", v.pid, image_path(), true)));
	if (kill_it)
		kill(dmtcp_engine_pid(engine), SIGKILL);
	CHECK(dmtcp_engine_stop(engine, 5000) == (kill_it ? SIGKILL : 0));
	CHECK(answers(&v, 'a', 5000), "it does not run on");
	if (!kill_it) {
		CHECK(access(image_path(), F_OK), "the image was left");
		has_no_children(v.pid);
	} else { /* its snapshot has died with it; a zombie without signal is left */
		struct pid_list children = { 0 };
		struct proc_stat stat;

		usleep(100000);
		proc_children(v.pid, &children);
		CHECK(children.count <= 1);
		if (children.count)
			CHECK(!proc_stat(children.pids[0], &stat) && stat.state == 'Z');
		pid_list_free(&children);
		unlink(image_path());
	}
	CHECK(!dmtcp_engine_start(path, &engine));
	/* What the last engine has left behind goes with the next round, and is no member. */
	frozen = ask(freeze_request("r1", v.pid));
	CHECK(json_array_size(json_object_get(frozen, "members")) == 1);
	expect_ok(frozen);
	expect_ok(ask(step("abort", "r1")));
	has_no_children(v.pid);
	end_victim(&v);
	end_victim(&other);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : getenv("DMTCP_ENGINE");
	char absolute[4096];
	struct dmtcp_engine *none;

	CHECK(path && realpath(path, absolute), "the engine's path is missing");
	CHECK(mkdtemp(directory));
	CHECK(dmtcp_engine_start("/nonexistent", &none) == -ENOENT);
	CHECK(!dmtcp_engine_start(absolute, &engine));
	expect_ok(ask(json_pack("{s:s}", "op", "hello")));
	expect_fault(ask(json_pack("{s:s}", "op", "nonsense")), "internal");
	captures_a_process_that_runs_on(false);
	captures_a_process_that_runs_on(true);
	takes_all_memory_at_one_instant();
	abort_leaves_nothing(false);
	abort_leaves_nothing(true);
	captures_in_one_request();
	only_freezes_whom_the_agent_does_not_know(2, "engine_test");
	only_freezes_whom_the_agent_does_not_know(0, "another");
	a_stop_that_fails_lets_them_run_on();
	finds_the_whole_tree();
	finds_who_becomes_a_member_after_a_look();
	reports_the_end_of_a_process();
	ends_processes_with_the_given_status();
	ends_members_after_the_images_are_written();
	survives_the_death_of_a_member();
	names_a_directory_that_cannot_be_written();
	death_of_the_engine_frees_everything(absolute, false);
	death_of_the_engine_frees_everything(absolute, true);
	CHECK(!dmtcp_engine_stop(engine, 5000));
	json_decref(event);
	CHECK(!rmdir(directory));
	puts("ok");
	return 0;
}
