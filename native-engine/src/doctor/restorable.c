/*
 * Could these images be restarted here? All that dmtcp_restart checks, to the end and not to the
 * first fault.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/proc.h"
#include "../descriptor/file_index.h"
#include "../descriptor/inet_socket.h"
#include "../inspect/inspection.h"
#include "../resource/process_record.h"
#include "../resource/records.h"
#include "../resource/resource.h"
#include "findings.h"

extern const struct resource descriptors_resource;

/* A port that somebody listens on cannot be listened on again. */
static void check_port(struct findings *f, const struct image_reader *image,
		       const struct inet_payload *u)
{
	int fd, on = 1;

	if (u->state != INET_LISTENING || u->type != SOCK_STREAM || !u->local.bytes ||
	    u->local.bytes > sizeof(u->local.raw))
		return;
	fd = socket(u->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &u->local.any, u->local.bytes) && errno == EADDRINUSE) {
		struct fault fault = { 0 };

		fault_set(&fault, EADDRINUSE, "socket-not-restored",
			  "%s (%d) listens on port %u, which is in use here", image->header.program,
			  image->header.virtual_pid, ntohs(u->local.v4.sin_port));
		finding_fault(f, FINDING_WARNING, "port", &fault);
	}
	close(fd);
}

static void check_files(struct findings *f, struct image_reader *image)
{
	const struct record *record = NULL;

	while ((record = record_find(&image->records, RECORD_FILE, record))) {
		struct fault fault = { 0 };
		struct inet_payload u;
		struct file_view v;

		file_view_read(record, &v);
		if (!v.kind) {
			fault_set(&fault, EPROTO, "image-newer-version",
				  "%s: descriptor of unknown kind %u", image->path, v.head.kind);
			finding_fault(f, FINDING_PROBLEM, "file", &fault);
			continue;
		}
		if (v.kind->verify &&
		    v.kind->verify(image, &v.head, v.payload, v.bytes, &fault) < 0)
			finding_fault(f, FINDING_PROBLEM, "file", &fault);
		if (v.head.kind == FILE_INET_SOCKET) {
			file_payload_head(v.payload, v.bytes, &u, sizeof(u));
			check_port(f, image, &u);
		}
	}
}

static void check_image(struct findings *f, struct image_reader *image)
{
	int before = f->counts[FINDING_PROBLEM];
	struct process_record process = { 0 };
	struct fault fault = { 0 };

	if (image->header.owner_uid != geteuid()) {
		fault_set(&fault, EPERM, "image-other-owner",
			  "%s: written by user %u, you are user %u", image->path,
			  image->header.owner_uid, geteuid());
		finding_fault(f, FINDING_PROBLEM, "owner", &fault);
	}
	memset(&fault, 0, sizeof(fault));
	if (process_record_read(image, &process, &fault) < 0)
		finding_fault(f, FINDING_PROBLEM, "image", &fault);
	for (size_t n = 0; resource_table[n]; n++) {
		const struct resource *r = resource_table[n];

		memset(&fault, 0, sizeof(fault));
		if (process.flags & PROCESS_ZOMBIE && !r->zombies)
			continue;
		if (r == &descriptors_resource)
			check_files(f, image);
		else if (r->verify && r->verify(image, &fault) < 0)
			finding_fault(f, FINDING_PROBLEM, r->name, &fault);
	}
	if (before == f->counts[FINDING_PROBLEM])
		finding_add(f, FINDING_FINE, "image", "",
			    "%s (%d), generation %llu: nothing speaks against it",
			    image->header.program, image->header.virtual_pid,
			    (unsigned long long)image->header.generation);
}

static void check_memory(struct findings *f, uint64_t bytes)
{
	uint64_t kib = UINT64_MAX;
	char *text;

	if (proc_read_text(0, "meminfo", &text, NULL) == 0) {
		kib = proc_field_number(text, "MemAvailable", 10, UINT64_MAX);
		free(text);
	}
	if (kib < bytes >> 10)
		finding_add(f, FINDING_WARNING, "memory",
			    "Free some, or restart on a larger machine.",
			    "%llu MiB of memory are in the images, %llu MiB are available here",
			    (unsigned long long)(bytes >> 20), (unsigned long long)(kib >> 10));
}

/* Problems with the files themselves: damage, other versions, missing members. */
static void take_problems(struct findings *f, const struct inspection *i)
{
	const json_t *entry;
	size_t n;

	json_array_foreach(i->problems, n, entry) {
		const json_t *error = json_object_get(entry, "error");
		struct fault fault = { 0 };

		fault_set(&fault, EINVAL, json_text(error, "id", "internal"), "%s",
			  json_text(error, "text", ""));
		finding_fault(f, FINDING_PROBLEM, "image", &fault);
	}
}

static void check_set(struct findings *f, const struct inspection *i)
{
	const struct image_header *first = &i->images[0]->header;

	for (size_t n = 1; n < i->count; n++)
		if (strcmp(i->images[n]->header.manifest_id, first->manifest_id)) {
			struct fault fault = { 0 };

			fault_set(&fault, EINVAL, "image-set-mixed",
				  "%s and %s are not of one checkpoint", i->images[0]->path,
				  i->images[n]->path);
			finding_fault(f, FINDING_PROBLEM, "set", &fault);
			return;
		}
	if (i->count < first->members)
		finding_add(f, FINDING_NOTE, "set", "",
			    "%zu of %u members were given: the others are to "
			    "be restarted on their hosts",
			    i->count, first->members);
}

void examine_images(struct findings *f, char **arguments, int count)
{
	struct inspection i;
	uint64_t bytes = 0;

	if (inspection_open(&i) < 0) {
		finding_add(f, FINDING_PROBLEM, "image", "", "no memory");
		inspection_close(&i);
		return;
	}
	for (int n = 0; n < count; n++)
		inspection_find(&i, arguments[n]);
	inspection_verify(&i);
	take_problems(f, &i);
	for (size_t n = 0; n < i.count; n++) {
		check_image(f, i.images[n]);
		bytes += i.images[n]->header.raw_content_bytes;
	}
	if (i.count)
		check_set(f, &i);
	check_memory(f, bytes);
	inspection_close(&i);
}
