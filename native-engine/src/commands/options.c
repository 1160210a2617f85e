/* The command line: the rows of config's options.tsv, which also says what --help prints. */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "version.h"

struct row {
	const char *commands, *names, *shortcut, *argument, *environment, *help;
};

static const struct row rows[] = {
#include "options_table.h"
};

#define ROW_COUNT (sizeof(rows) / sizeof(*rows))
#define HELP_COLUMN 34
#define HELP_WIDTH 98

/* Is @word one of the comma-separated @list? */
static bool listed(const char *list, const char *word, size_t bytes)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		if (n == bytes && strncmp(list, word, n) == 0)
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

static bool takes_argument(const struct row *r)
{
	return strcmp(r->argument, "-") != 0;
}

static const struct row *find_long(const char *command, const char *name, size_t bytes)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (listed(rows[i].commands, command, strlen(command)) &&
		    listed(rows[i].names, name, bytes))
			return &rows[i];
	return NULL;
}

static const struct row *find_short(const char *command, char letter)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (listed(rows[i].commands, command, strlen(command)) && letter != '-' &&
		    rows[i].shortcut[0] == letter)
			return &rows[i];
	return NULL;
}

static int tell(const struct row *r, const char *value, options_sink sink, void *context,
		struct fault *fault)
{
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(r->names, ","), r->names);
	return sink(context, name, value, fault);
}

/* `--name`, `--name=value`, `--name value`, `-pN`, `-p N`. Returns how many arguments it took. */
static int read_one(const char *command, const char *option, const char *next, options_sink sink,
		    void *context, struct fault *fault)
{
	const struct row *r;
	const char *value = NULL;
	int ret;

	if (option[1] == '-') {
		size_t bytes = strcspn(option + 2, "=");

		r = find_long(command, option + 2, bytes);
		if (option[2 + bytes])
			value = option + 2 + bytes + 1;
	} else {
		r = find_short(command, option[1]);
		if (option[2])
			value = option + 2;
		if (option[1] == 'h' && !value && (!r || !next || next[0] == '-'))
			r = find_long(command, "help", 4);
	}
	if (!r || (value && !takes_argument(r)))
		return fault_set(fault, EINVAL, "bad-option", "invalid argument: %s", option);
	if (takes_argument(r) && !value && !next)
		return fault_set(fault, EINVAL, "bad-option", "%s needs a value: %s", option,
				 r->argument);
	ret = tell(r, takes_argument(r) && !value ? next : value, sink, context, fault);
	if (ret < 0)
		return ret;
	return takes_argument(r) && !value ? 2 : 1;
}

int options_read(const char *command, int argc, char **argv, options_sink sink, void *context,
		 struct fault *fault)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-' && argv[i][1]) {
		int taken;

		if (strcmp(argv[i], "--") == 0)
			return i + 1;
		taken = read_one(command, argv[i], i + 1 < argc ? argv[i + 1] : NULL, sink,
				 context, fault);
		if (taken < 0)
			return taken;
		i += taken;
	}
	return i;
}

/* Words from column HELP_COLUMN on; the cursor stands at @column. */
static void print_wrapped(const char *text, int column)
{
	if (column >= HELP_COLUMN) {
		putchar('\n');
		column = 0;
	}
	printf("%*s", HELP_COLUMN - column, "");
	column = HELP_COLUMN;
	while (*text) {
		int n = (int)strcspn(text, " ");

		if (column + n > HELP_WIDTH) {
			printf("\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		}
		printf("%.*s%s", n, text, text[n] ? " " : "");
		column += n + 1;
		text += n + (text[n] == ' ');
	}
	putchar('\n');
}

static void print_row(const struct row *r)
{
	const char *names = r->names;
	int column = r->shortcut[0] == '-' ? printf("  ") : printf("  -%s, ", r->shortcut);
	char environment[160] = "", help[400];

	while (*names) {
		int n = (int)strcspn(names, ",");

		column += printf("--%.*s%s", n, names, names[n] ? ", " : "");
		names += n + (names[n] == ',');
	}
	if (takes_argument(r))
		column += printf(" %s", r->argument);
	if (r->environment[0] != '-')
		snprintf(environment, sizeof(environment), " [%s]", r->environment);
	snprintf(help, sizeof(help), "%s%s", r->help, environment);
	print_wrapped(help, column);
}

void options_help(const char *command, const char *usage, const char *about)
{
	printf("Usage: dmtcp_%s %s\n%s\nOptions (in brackets: environment variables that do the "
	       "same):\n", command, usage, about);
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (listed(rows[i].commands, command, strlen(command)))
			print_row(&rows[i]);
	printf("\nExit status: that of the program where there is one; else 0, 1 (usage), 2 (command "
	       "failed),\n99 or DMTCP_FAIL_RC for any other failure.\n");
}

void options_version(const char *command)
{
	printf("dmtcp_%s (dmtcp-akka) %s\n", command, DMTCP_AKKA_VERSION);
}

int options_number(const char *name, const char *text, long low, long high, long *out,
		   struct fault *fault)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	if (end == text || *end || errno || *out < low || *out > high)
		return fault_set(fault, EINVAL, "bad-option",
				 "%s: '%s' is not a number from %ld to %ld", name, text, low, high);
	return 0;
}

bool options_environment_flag(const char *name, bool otherwise)
{
	const char *value = getenv(name);

	if (!value || !*value)
		return otherwise;
	return strcmp(value, "0") != 0;
}
