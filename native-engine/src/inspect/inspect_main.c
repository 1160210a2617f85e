/* dmtcp_inspect: shows and verifies what checkpoint images hold. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../commands/fail.h"
#include "../commands/options.h"
#include "inspection.h"

#define COMMAND "dmtcp_inspect"

struct inspect {
	bool json, html, verify, help, version;
};

static int on_option(void *context, const char *name, const char *value, struct fault *fault)
{
	struct inspect *i = context;

	(void)value;
	(void)fault;
	if (!strcmp(name, "json"))
		i->json = true;
	else if (!strcmp(name, "html"))
		i->html = true;
	else if (!strcmp(name, "verify"))
		i->verify = true;
	else if (!strcmp(name, "help"))
		i->help = true;
	else if (!strcmp(name, "version"))
		i->version = true;
	return 0;
}

static void print_problems(const json_t *problems)
{
	const json_t *entry;
	size_t n;

	json_array_foreach(problems, n, entry) {
		const json_t *error = json_object_get(entry, "error");

		fprintf(stderr, COMMAND ": error: %s [%s]\n    %s\n", json_text(error, "text", ""),
			json_text(error, "id", ""), json_text(error, "remedy", ""));
	}
}

static int inspect(const struct inspect *o, int count, char **arguments)
{
	struct inspection i;
	json_t *model = NULL;
	int status = EXIT_DONE;

	if (inspection_open(&i) == 0) {
		for (int n = 0; n < count; n++)
			inspection_find(&i, arguments[n]);
		inspection_find_manifests(&i);
		if (o->verify)
			inspection_verify(&i);
		model = inspection_model(&i, o->verify);
	}
	if (!model) {
		fprintf(stderr, COMMAND ": error: no memory [out-of-memory]\n");
		inspection_close(&i);
		return fail_code();
	}
	if (o->json) {
		json_dumpf(model, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (o->html) {
		page_print(model, stdout);
	} else {
		text_print(model, stdout);
	}
	print_problems(i.problems);
	if (json_array_size(i.problems))
		status = EXIT_COMMAND_FAILED;
	if (fail_flush(COMMAND, EXIT_FAIL))
		status = fail_code();
	json_decref(model);
	inspection_close(&i);
	return status;
}

/*
 * Options and images in any order. *@images gets room for all arguments; returns how many are
 * images.
 */
static int read_arguments(struct inspect *o, int argc, char **argv, char **images,
			  struct fault *fault)
{
	int count = 0, at = 0;

	while (at < argc - 1) {
		int taken = options_read("inspect", argc - at, argv + at, on_option, o, fault);

		if (taken < 0)
			return taken;
		at += taken;
		if (at < argc)
			images[count++] = argv[at];
	}
	return count;
}

int main(int argc, char **argv)
{
	char **images = calloc(argc + 1, sizeof(*images));
	struct inspect o = { 0 };
	struct fault fault = { 0 };
	int count, status;

	fail_prepare(false);
	count = images ? read_arguments(&o, argc, argv, images, &fault) :
			 fault_set(&fault, ENOMEM, "out-of-memory", "no memory");
	if (count >= 0 && !o.help && !o.version && (!count || (o.json && o.html)))
		count = fault_set(&fault, EINVAL, "bad-option",
				  count ? "--json and --html: only one can be meant" :
					  "no image is given");
	if (count < 0) {
		fail_print(COMMAND, &fault);
		status = EXIT_USAGE;
	} else if (o.help || o.version) {
		(o.help ? options_help : options_version)("inspect");
		status = fail_flush(COMMAND, fail_code());
	} else {
		status = inspect(&o, count, images);
	}
	free(images);
	return status;
}
