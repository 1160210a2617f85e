/*
 * dmtcp_doctor: can this host, this running program, this image be checkpointed and restarted here?
 *
 *   host.c       kernel interfaces, limits, directories: asked by using them
 *   namespace_probe.c, trace_probe.c   what takes a process of our own to find out
 *   round_trip.c a small program, really checkpointed and restarted
 *   running.c    a process and its descendants, without stopping them
 *   restorable.c images
 */
#ifndef FINDINGS_H
#define FINDINGS_H

#include <stdio.h>
#include <sys/types.h>

#include "../common/fault.h"
#include "../common/json.h"

enum finding_level { FINDING_FINE, FINDING_NOTE, FINDING_WARNING, FINDING_PROBLEM };

struct findings {
	json_t *list; /* array of {check, level, text, error, remedy} */
	int counts[FINDING_PROBLEM + 1];
};

/* @check: a short name that scripts may look for. @remedy: "" where nothing is to be done. */
void finding_add(struct findings *f, enum finding_level level, const char *check,
		 const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* A failure with an id: its remedy is that of errors.tsv. */
void finding_fault(struct findings *f, enum finding_level level, const char *check,
		   const struct fault *fault);
void findings_print(const struct findings *f, const char *subject, FILE *out);
json_t *findings_json(const struct findings *f, const char *subject);

struct doctor_options {
	const char *checkpoint_dir; /* NULL: the working directory */
	const char *tmpdir;
};

void examine_host(struct findings *f, const struct doctor_options *o);
void examine_process(struct findings *f, pid_t pid, const struct doctor_options *o);
void examine_images(struct findings *f, char **arguments, int count);

void probe_tracing(struct findings *f);
void probe_namespaces(struct findings *f);
/* In @directory, which is left as it was. */
void probe_round_trip(struct findings *f, const char *directory);

#endif
