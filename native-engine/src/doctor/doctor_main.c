/* dmtcp_doctor: says before it is tried what would be refused, and what to do about it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../commands/fail.h"
#include "../commands/options.h"
#include "findings.h"

#define COMMAND "dmtcp_doctor"

struct doctor {
	struct doctor_options options;
	long pid;
	bool json, help, version;
};

static int on_option(void *context, const char *name, const char *value, struct fault *fault)
{
	struct doctor *d = context;

	if (!strcmp(name, "json"))
		d->json = true;
	else if (!strcmp(name, "ckptdir"))
		d->options.checkpoint_dir = value;
	else if (!strcmp(name, "tmpdir"))
		d->options.tmpdir = value;
	else if (!strcmp(name, "help"))
		d->help = true;
	else if (!strcmp(name, "version"))
		d->version = true;
	else if (!strcmp(name, "pid"))
		return options_number(name, value, 1, 1 << 30, &d->pid, fault);
	return 0;
}

static int examine(const struct doctor *d, char **images, int count)
{
	struct findings f = { .list = json_array() };
	char subject[64] = "this host";
	json_t *all;

	if (d->pid) {
		snprintf(subject, sizeof(subject), "process %ld", d->pid);
		examine_process(&f, d->pid, &d->options);
	} else if (count) {
		snprintf(subject, sizeof(subject), "images");
		examine_images(&f, images, count);
	} else {
		examine_host(&f, &d->options);
	}
	if (d->json) {
		all = findings_json(&f, subject);
		json_dumpf(all, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(all);
	} else {
		findings_print(&f, subject, stdout);
	}
	json_decref(f.list);
	if (fail_flush(COMMAND, EXIT_FAIL))
		return fail_code();
	return f.counts[FINDING_PROBLEM] ? EXIT_COMMAND_FAILED : EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct doctor d = { 0 };
	struct fault fault = { 0 };
	int first;

	fail_prepare(false);
	d.options.checkpoint_dir = getenv("DMTCP_CHECKPOINT_DIR");
	first = options_read("doctor", argc, argv, on_option, &d, &fault);
	if (first >= 0 && (d.help || d.version)) {
		(d.help ? options_help : options_version)("doctor");
		return fail_flush(COMMAND, fail_code());
	}
	if (first >= 0 && d.pid && first < argc)
		first = fault_set(&fault, EINVAL, "bad-option",
				  "--pid and images: only one can be meant");
	if (first < 0) {
		fail_print(COMMAND, &fault);
		return EXIT_USAGE;
	}
	return examine(&d, argv + first, argc - first);
}
