/* The command line of ssh(1): options may stand before and behind the host. */
#include "ssh_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WITH_VALUE "BbcDEeFIiJLlmOoPpQRSWw"
#define WITHOUT_VALUE "1246AaCfGgKkMNnqsTtVvXxYy"
#define OTHER_WORK "GNOQVWs" /* runs no command: tunnels, questions, subsystems */
#define FORWARDING "ADLRwXY"

static void keep(struct ssh_options *o, char *word)
{
	o->kept[o->kept_count++] = word;
}

/* Value of `-o Name=value` or `-o "Name value"` when it is @name, else NULL. */
static const char *setting(const char *text, const char *name)
{
	size_t length = strlen(name);

	text += strspn(text, " \t");
	if (strncasecmp(text, name, length) || !strchr("= \t", text[length]) || !text[length])
		return NULL;
	return text + length + strspn(text + length, "= \t");
}

/* False: the setting has been taken in and is not for the start of the far side. */
static bool read_setting(struct ssh_options *o, const char *text)
{
	const char *value;

	if ((value = setting(text, "RequestTTY"))) {
		if (!o->terminal)
			o->terminal = !strcasecmp(value, "force") ? 2 :
				      !strcasecmp(value, "yes") ? 1 :
				      !strcasecmp(value, "no") ? -1 : 0;
		return false;
	}
	if ((value = setting(text, "StdinNull"))) {
		o->stdin_null |= !strcasecmp(value, "yes");
		return false;
	}
	if ((value = setting(text, "ForkAfterAuthentication"))) {
		o->background |= !strcasecmp(value, "yes");
		return false;
	}
	if ((value = setting(text, "EscapeChar"))) {
		o->escape = strlen(value) == 1 ? *value : 0;
		return true;
	}
	if ((value = setting(text, "LogLevel")))
		o->quiet |= !strcasecmp(value, "quiet") || !strcasecmp(value, "fatal") ||
			    !strcasecmp(value, "error");
	if (setting(text, "RemoteCommand") ||
	    ((value = setting(text, "SessionType")) && strcasecmp(value, "default")))
		o->runs = false;
	if (((value = setting(text, "ForwardAgent")) || (value = setting(text, "ForwardX11"))) &&
	    strcasecmp(value, "no"))
		o->forwards = true;
	if (setting(text, "LocalForward") || setting(text, "RemoteForward") ||
	    setting(text, "DynamicForward") || setting(text, "Tunnel"))
		o->forwards = true;
	return true;
}

/* A letter without a value; true: it is kept. */
static bool read_letter(struct ssh_options *o, char letter)
{
	switch (letter) {
	case 't':
		o->terminal = o->terminal > 0 ? 2 : 1;
		return false;
	case 'T':
		o->terminal = -1;
		return false;
	case 'n':
		o->stdin_null = true;
		return false;
	case 'f':
		o->background = o->stdin_null = true;
		return false;
	case 'q':
		o->quiet = true;
		break;
	}
	return true;
}

/* One word of letters, `-tp22` or `-p` `22`. Words used, or -EINVAL. */
static int read_word(struct ssh_options *o, char **words)
{
	char *word = words[0], *out = word + 1;

	for (char *at = word + 1; *at; at++) {
		char *value = at[1] ? at + 1 : words[1];

		if (strchr(OTHER_WORK, *at))
			o->runs = false;
		if (strchr(FORWARDING, *at))
			o->forwards = true;
		if (strchr(WITHOUT_VALUE, *at)) {
			if (read_letter(o, *at))
				*out++ = *at;
			continue;
		}
		if (!strchr(WITH_VALUE, *at) || !value)
			return -EINVAL;
		if (*at == 'e')
			o->escape = strlen(value) == 1 ? *value : 0;
		if (*at != 'o' || read_setting(o, value)) {
			memmove(out, at, strlen(at) + 1);
			keep(o, word);
			if (!at[1])
				keep(o, value);
		} else if (out > word + 1) {
			*out = 0;
			keep(o, word);
		}
		return at[1] ? 1 : 2;
	}
	*out = 0;
	if (out > word + 1)
		keep(o, word);
	return 1;
}

static char *join(char **words)
{
	size_t bytes = 1;
	char *text;

	for (char **w = words; *w; w++)
		bytes += strlen(*w) + 1;
	text = calloc(1, bytes);
	for (char **w = words; text && *w; w++) {
		if (w != words)
			strcat(text, " ");
		strcat(text, *w);
	}
	return text;
}

/* Options up to the first word that is none; the words used, or -EINVAL. */
static int read_options(struct ssh_options *o, char **words)
{
	int used = 0;

	while (words[used] && words[used][0] == '-' && words[used][1]) {
		int n;

		if (!strcmp(words[used], "--"))
			return used + 1;
		n = read_word(o, words + used);
		if (n < 0)
			return n;
		used += n;
	}
	return used;
}

int ssh_options_read(char **argv, struct ssh_options *o)
{
	size_t words = 0;
	int used;

	*o = (struct ssh_options){ .program = argv[0], .runs = true, .escape = '~' };
	while (argv[words])
		words++;
	o->kept = calloc(words + 2, sizeof(*o->kept));
	if (!o->kept)
		return -ENOMEM;
	argv++;
	used = read_options(o, argv);
	if (used < 0 || !argv[used])
		return -EINVAL;
	o->host = argv[used++];
	if (o->host[0] == '-') /* behind "--"; ssh refuses it, and we would offer it as an option */
		return -EINVAL;
	argv += used;
	used = read_options(o, argv);
	if (used < 0)
		return -EINVAL;
	argv += used;
	if (*argv) {
		o->command = join(argv);
		if (!o->command)
			return -ENOMEM;
	}
	return 0;
}

void ssh_options_free(struct ssh_options *o)
{
	free(o->kept);
	free(o->command);
}
