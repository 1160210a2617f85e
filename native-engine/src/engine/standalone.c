#include "standalone.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "../common/file.h"
#include "../common/proc.h"
#include "../descriptor/inet_settle.h"
#include "../mtcp/answer.h"
#include "../trace/wait.h"

#define PATH_BYTES 4096

/* Names of one checkpoint; all of them live as long as the call. */
struct names {
	char computation_id[64];
	char manifest_id[40];
	char host[64];
	char manifest[PATH_BYTES], staged[PATH_BYTES];
	uint64_t generation;
};

static int random_hex(char *to, size_t digits)
{
	uint8_t bytes[32];

	if (getrandom(bytes, digits / 2, 0) != (ssize_t)digits / 2)
		return -EIO;
	for (size_t i = 0; i < digits / 2; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

uint64_t standalone_next_generation(const char *image)
{
	struct image_reader *before;
	uint64_t generation;

	if (image_reader_open(&before, image, NULL) < 0)
		return 1;
	generation = before->header.generation + 1;
	image_reader_close(before);
	return generation;
}

/* The computation keeps its id over its life: it is named by the root's pid and start. */
static int make_names(struct names *n, const struct standalone_options *o, uint64_t start_ticks,
		      struct fault *fault)
{
	json_t *before;

	memset(n, 0, sizeof(*n));
	gethostname(n->host, sizeof(n->host) - 1);
	snprintf(n->computation_id, sizeof(n->computation_id), "%x-%d-%" PRIx64,
		 (unsigned int)gethostid(), proc_virtual_pid(o->pid, "status"), start_ticks);
	if (random_hex(n->manifest_id, 32) < 0)
		return fault_set(fault, EIO, "internal", "no random bytes");
	if (o->image) {
		n->generation = standalone_next_generation(o->image);
		return 0;
	}
	if (snprintf(n->manifest, sizeof(n->manifest), "%s/dmtcp_manifest_%s.json", o->directory,
		     n->computation_id) >= PATH_BYTES - 16)
		return fault_set(fault, ENAMETOOLONG, "image-unwritable", "%s: name too long",
				 o->directory);
	strcpy(n->staged, n->manifest);
	strcat(n->staged, ".temp");
	before = json_load_file(n->manifest, 0, NULL);
	n->generation = json_number(before, "generation", 0) + 1;
	json_decref(before);
	return 0;
}

struct image_name {
	char unique_pid[64];
	char familiar[PATH_BYTES], temporary[PATH_BYTES];
};

static int name_image(struct image_name *i, const struct names *n,
		      const struct standalone_options *o, const struct process *p,
		      const char *program, struct fault *fault)
{
	snprintf(i->unique_pid, sizeof(i->unique_pid), "%x-%d-%" PRIx64, (unsigned int)gethostid(),
		 p->virtual_pid, p->start_ticks);
	if (o->image) {
		if (snprintf(i->familiar, sizeof(i->familiar), "%s", o->image) >= PATH_BYTES - 16)
			return fault_set(fault, ENAMETOOLONG, "image-unwritable",
					 "%s: name too long", o->image);
		strcpy(i->temporary, i->familiar);
		strcat(i->temporary, ".temp");
		return 0;
	}
	if (snprintf(i->familiar, sizeof(i->familiar), "%s/ckpt_%s_%s.dmtcp", o->directory,
		     program, i->unique_pid) >= PATH_BYTES - 16)
		return fault_set(fault, ENAMETOOLONG, "image-unwritable", "%s: name too long",
				 o->directory);
	strcpy(i->temporary, i->familiar);
	snprintf(i->temporary + strlen(i->temporary), 16, ".g%05" PRIu64, n->generation);
	return 0;
}

static int capture_all(struct run *run, const struct names *n, const struct standalone_options *o,
		       struct image_name *images, json_t *described, struct fault *fault)
{
	size_t count = run->round.member_count;

	for (size_t i = 0; i < count; i++) {
		const struct process *p = run->round.members[i];
		json_t *member = member_json(p->pid, p->start_ticks, p);
		struct output_options options = {
			.codec = o->codec, .level = o->level, .members = count,
			.open_files = o->open_files, .copy_on_write = o->copy_on_write };
		int ret;

		if (!member)
			return fault_set(fault, ESRCH, "no-such-process", "process %d has died",
					 p->pid);
		json_array_append_new(described, member);
		ret = name_image(&images[i], n, o, p, json_text(member, "program", "unknown"),
				 fault);
		options.unique_pid = images[i].unique_pid;
		options.image = images[i].temporary;
		if (!ret)
			ret = run_snapshot(run, p->pid, p->start_ticks, &options, fault);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* All files at once; every output has its own thread. */
static int write_all(struct run *run, uint64_t deadline_ns, struct fault *fault)
{
	struct timespec little = { 0, 500000 };
	bool all;
	int ret = 0;

	for (struct output *o = run->outputs; o && !ret; o = o->next)
		ret = output_finish_start(o, -1, fault);
	if (ret < 0)
		return ret;
	do {
		all = true;
		nanosleep(&little, NULL);
		for (struct output *o = run->outputs; o; o = o->next) {
			int state = atomic_load(&o->state);

			if (state >= OUTPUT_READ)
				twin_kill(&o->twin);
			all &= state == OUTPUT_DONE;
		}
		if (!all && monotonic_ns() > deadline_ns)
			return fault_set(fault, ETIMEDOUT, "write-timeout",
					 "the images were not on disk in time");
		twin_collect(NULL);
	} while (!all);
	for (struct output *o = run->outputs; o; o = o->next)
		if (o->result < 0)
			return fault_set(fault, -o->result, o->fault.id, "%s", o->fault.text);
	return 0;
}

/* The fields of docs/manifest.md. */
static json_t *make_manifest(const struct names *n, struct run *run,
			     const struct image_name *images, json_t *described)
{
	json_t *list = json_array();
	size_t i, count = json_array_size(described);
	struct timespec now;
	char created[40];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now.tv_sec, &tm));
	for (i = 0; i < count; i++) {
		json_t *m = json_array_get(described, i);
		struct output *o = run_output(run, json_number(m, "pid", 0),
					      json_number(m, "startTicks", 0));
		struct proc_stat stat;

		json_array_append_new(list, json_pack(
			"{s:s, s:o, s:s, s:O, s:O, s:O, s:b, s:I, s:I, s:s}", "host", n->host,
			"path", json_from_text(images[i].familiar), "uniquePid",
			images[i].unique_pid, "virtualPid", json_object_get(m, "virtualPid"),
			"virtualParent", json_object_get(m, "virtualParent"), "program",
			json_object_get(m, "program"), "terminal",
			!proc_stat(o->pid, &stat) && stat.terminal != 0, "bytes",
			(json_int_t)o->summary.file_bytes, "rawBytes",
			(json_int_t)o->summary.raw_bytes, "digest", o->summary.digest));
	}
	return json_pack("{s:i, s:s, s:I, s:s, s:i, s:s, s:{s:s, s:i}, s:i, s:o}", "formatVersion",
			 1, "computationId", n->computation_id, "generation",
			 (json_int_t)n->generation, "manifestId", n->manifest_id, "members",
			 (int)count, "created", created, "coordinator", "host", "", "port", 0,
			 "interval", 0, "images", list);
}

static int commit_alone(const struct image_name *image, struct fault *fault)
{
	if (rename(image->temporary, image->familiar))
		return file_write_fault(fault, errno, image->familiar);
	file_sync_directory_of(image->familiar);
	return 0;
}

/* The rename of the manifest is the commit; after it nothing may fail that matters. */
static int commit(const struct names *n, const struct image_name *images, size_t count,
		  json_t *manifest, struct fault *fault)
{
	int ret = json_write_file(n->staged, manifest, fault);

	if (ret < 0)
		return ret;
	if (rename(n->staged, n->manifest)) {
		ret = file_write_fault(fault, errno, n->manifest);
		unlink(n->staged);
		return ret;
	}
	for (size_t i = 0; i < count; i++)
		if (rename(images[i].temporary, images[i].familiar))
			return file_write_fault(fault, errno, images[i].familiar);
	file_sync_directory_of(n->manifest);
	return 0;
}

static void finish_twins(void)
{
	struct timespec little = { 0, 2000000 };
	uint64_t deadline = monotonic_ns() + 5000000000ull;

	while (twin_collect(NULL) + trace_release_late() && monotonic_ns() < deadline)
		nanosleep(&little, NULL);
}

/* Senders fill what they were offered within moments, if they ever do. */
static void finish_settling(struct inet_settling *l)
{
	uint64_t deadline = monotonic_ns() + 100000000ull, next;

	while ((next = inet_settling_next(l)) < deadline) {
		const struct timespec little = { 0, 1000000 };

		inet_settling_turn(l);
		nanosleep(&little, NULL);
	}
	inet_settling_free(l);
}

int standalone_checkpoint(const struct standalone_options *o, struct standalone_result *result,
			  struct fault *fault)
{
	uint64_t deadline = monotonic_ns() + o->limit_ms * 1000000;
	struct scan_request what = { .alone = o->image != NULL };
	struct image_name *images = NULL;
	json_t *described = json_array(), *manifest = NULL;
	struct inet_settling settling = { 0 };
	struct run *run = NULL;
	struct proc_stat root;
	struct names names;
	int ret;

	memset(result, 0, sizeof(*result));
	if (proc_stat(o->pid, &root) < 0)
		return fault_set(fault, ESRCH, "no-such-process", "process %d does not exist",
				 o->pid);
	ret = make_names(&names, o, root.start_ticks, fault);
	if (!ret && process_keys_add(&what.roots, o->pid, root.start_ticks) < 0)
		ret = fault_set(fault, ENOMEM, "out-of-memory", "no memory");
	if (!ret)
		ret = run_check(&what, fault);
	if (!ret)
		ret = run_freeze(&run, &what, "standalone", names.generation, names.manifest_id,
				 o->timeout_ms, o->workers, fault);
	if (ret < 0)
		goto out;
	run->round.settling = &settling;
	strcpy(run->round.computation_id, names.computation_id);
	run->round.restart_word.address = o->restart_word;
	run->round.restart_word.value = MTCP_RESTARTED;
	images = calloc(run->round.member_count, sizeof(*images));
	result->images = run->round.member_count;
	if (!images)
		ret = fault_set(fault, ENOMEM, "out-of-memory", "no memory");
	if (!ret)
		ret = run_drain(run, o->timeout_ms, fault);
	if (!ret)
		ret = capture_all(run, &names, o, images, described, fault);
	/* To be killed only after the commit: so it stays frozen until then. */
	if (!ret && !o->kill)
		ret = run_resume(run, &result->stopped_us, fault);
	if (!ret)
		ret = write_all(run, deadline, fault);
	if (!ret && o->image) {
		ret = commit_alone(images, fault);
	} else if (!ret) {
		manifest = make_manifest(&names, run, images, described);
		ret = commit(&names, images, result->images, manifest, fault);
	}
	if (!ret) {
		run->keep = true;
		result->generation = names.generation;
		for (struct output *out = run->outputs; out; out = out->next)
			result->file_bytes += out->summary.file_bytes;
		if (o->kill)
			ret = run_exit(run, 0, fault);
	}
out:
	run_close(run);
	finish_twins();
	finish_settling(&settling);
	free(images);
	json_decref(described);
	json_decref(manifest);
	scan_request_free(&what);
	return ret;
}
