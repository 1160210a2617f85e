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

static const struct {
	const char *name, *usage, *about;
} commands[] = {
#include "commands_table.h"
};

static const struct {
	const char *words, *argument, *json, *where, *help;
} verbs[] = {
#include "verbs_table.h"
};

static const struct {
	const char *name, *number, *commands, *help;
} exit_codes[] = {
#include "exit_codes_table.h"
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define ROW_COUNT COUNT(rows)
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

/* A row without names is about a variable only. */
static bool is_option(const struct row *r)
{
	return strcmp(r->names, "-") != 0;
}

static const struct row *find_long(const char *command, const char *name, size_t bytes)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (listed(rows[i].commands, command, strlen(command)) &&
		    is_option(&rows[i]) && listed(rows[i].names, name, bytes))
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

/* `-qj`: letters without a value behind one dash. False: it is something else. */
static bool is_bundle(const char *command, const char *option)
{
	if (option[0] != '-' || !option[1] || option[1] == '-' || !option[2])
		return false;
	for (const char *letter = option + 1; *letter; letter++) {
		const struct row *r = find_short(command, *letter);

		if (!r || takes_argument(r))
			return false;
	}
	return true;
}

int options_try(const char *command, const char *option, const char *next, options_sink sink,
		void *context, struct fault *fault)
{
	const struct row *r;
	const char *value = NULL;
	int ret;

	if (option[0] != '-' || !option[1])
		return 0;
	if (is_bundle(command, option)) {
		for (option++; *option; option++) {
			ret = tell(find_short(command, *option), NULL, sink, context, fault);
			if (ret < 0)
				return ret;
		}
		return 1;
	}
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
	if (!r)
		return 0;
	if (value && !takes_argument(r))
		return fault_set(fault, EINVAL, "bad-option", "%s takes no value", option);
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
		taken = options_try(command, argv[i], i + 1 < argc ? argv[i + 1] : NULL, sink,
				    context, fault);
		if (taken == 0)
			return fault_set(fault, EINVAL, "bad-option",
					 "dmtcp_%s has no option %s", command, argv[i]);
		if (taken < 0)
			return taken;
		i += taken;
	}
	return i;
}

/* Words from @indent on; the cursor stands at @column. */
static void print_wrapped(const char *text, int column, int indent)
{
	if (column >= indent && indent) {
		putchar('\n');
		column = 0;
	}
	printf("%*s", indent - column, "");
	column = indent;
	while (*text) {
		int n = (int)strcspn(text, " ");

		if (column + n > HELP_WIDTH) {
			printf("\n%*s", indent, "");
			column = indent;
		}
		printf("%.*s%s", n, text, text[n] ? " " : "");
		column += n + 1;
		text += n + (text[n] == ' ');
	}
	putchar('\n');
}

/* @names separated by commas, each with @prefix before it; returns the columns. */
static int print_names(const char *names, const char *prefix)
{
	int column = 0;

	while (*names) {
		int n = (int)strcspn(names, ",");

		column += printf("%s%.*s%s", prefix, n, names, names[n] ? ", " : "");
		names += n + (names[n] == ',');
	}
	return column;
}

static void print_option(const struct row *r)
{
	int column = r->shortcut[0] == '-' ? printf("  ") : printf("  -%s, ", r->shortcut);
	char environment[160] = "", help[400];

	column += print_names(r->names, "--");
	if (takes_argument(r))
		column += printf(" %s", r->argument);
	if (r->environment[0] != '-')
		snprintf(environment, sizeof(environment), " [%s]", r->environment);
	snprintf(help, sizeof(help), "%s%s", r->help, environment);
	print_wrapped(help, column, HELP_COLUMN);
}

static void print_variable(const struct row *r)
{
	int column = printf("  %s", r->environment);

	if (takes_argument(r))
		column += printf("=%s", r->argument);
	print_wrapped(r->help, column, HELP_COLUMN);
}

static void print_usage(const char *command, const char *usage)
{
	const char *start = "Usage:";

	while (*usage) {
		const char *end = strstr(usage, " | ");
		int n = end ? (int)(end - usage) : (int)strlen(usage);

		printf("%s dmtcp_%s %.*s\n", start, command, n, usage);
		start = "      ";
		usage += n + (end ? 3 : 0);
	}
}

static void print_verbs(void)
{
	printf("\nCommands:\n");
	for (size_t i = 0; i < COUNT(verbs); i++) {
		int column;

		if (!listed(verbs[i].where, "command", 7))
			continue;
		column = printf("  ") + print_names(verbs[i].words, "");
		if (strcmp(verbs[i].argument, "-"))
			column += printf(" %s", verbs[i].argument);
		print_wrapped(verbs[i].help, column, HELP_COLUMN);
	}
}

static void print_rows(const char *command, bool options, const char *heading)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (!listed(rows[i].commands, command, strlen(command)) ||
		    is_option(&rows[i]) != options)
			continue;
		printf("%s", heading);
		heading = "";
		if (options)
			print_option(&rows[i]);
		else
			print_variable(&rows[i]);
	}
}

static void print_exit_codes(const char *command)
{
	printf("\nExit status:\n");
	for (size_t i = 0; i < COUNT(exit_codes); i++)
		if (listed(exit_codes[i].commands, command, strlen(command)))
			print_wrapped(exit_codes[i].help,
				      printf("  %s", exit_codes[i].number), 6);
}

void options_help(const char *command)
{
	for (size_t i = 0; i < COUNT(commands); i++) {
		if (strcmp(commands[i].name, command))
			continue;
		print_usage(command, commands[i].usage);
		print_wrapped(commands[i].about, 0, 0);
	}
	if (!strcmp(command, "command"))
		print_verbs();
	print_rows(command, true,
		   "\nOptions (in brackets: environment variables that do the same):\n");
	print_rows(command, false, "\nEnvironment:\n");
	print_exit_codes(command);
}

const char *options_verb(const char *word)
{
	for (size_t i = 0; *word && i < COUNT(verbs); i++)
		if (listed(verbs[i].where, "command", 7) &&
		    listed(verbs[i].words, word, strlen(word)))
			return verbs[i].json;
	return NULL;
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

/* DMTCP_..._PLUGIN and DMTCP_DISABLE_ALL_PLUGINS, not DMTCP_PLUGIN, which is a list. */
static bool is_switch(const struct row *r)
{
	return !takes_argument(r) && strstr(r->environment, "_PLUGIN") != NULL;
}

int options_check_switches(const char *command, struct fault *fault)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const char *value;

		if (!listed(rows[i].commands, command, strlen(command)) || !is_switch(&rows[i]))
			continue;
		value = getenv(rows[i].environment);
		if (value && strcmp(value, "0") && strcmp(value, "1"))
			return fault_set(fault, EINVAL, "bad-option",
					 "%s is '%s': 0 or 1 is wanted", rows[i].environment, value);
	}
	return 0;
}

bool options_environment_flag(const char *name, bool otherwise)
{
	const char *value = getenv(name);

	if (!value || !*value)
		return otherwise;
	return strcmp(value, "0") != 0;
}
