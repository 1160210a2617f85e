/* What dmtcp_ssh tells the far side through ssh. */
#include "ssh_request.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "../common/json.h"
#include "../common/proc.h"
#include "runtime_paths.h"

extern char **environ;

/* ---- the credential: docs/control-port.md ---- */

static int credential_directory(char *out, size_t bytes)
{
	const char *own = getenv("DMTCP_CREDENTIAL_DIR"), *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	int length;

	if (own && *own)
		length = snprintf(out, bytes, "%s", own);
	else if (config && *config)
		length = snprintf(out, bytes, "%s/dmtcp-akka/credential", config);
	else
		length = snprintf(out, bytes, "%s/.config/dmtcp-akka/credential",
				  home ? home : "");
	return length < 0 || (size_t)length >= bytes ? -ENAMETOOLONG : 0;
}

static json_t *read_file(const char *directory, const char *name)
{
	char path[PATH_MAX + 16], text[8192];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	n = read(fd, text, sizeof(text));
	close(fd);
	return n > 0 ? json_stringn(text, n) : NULL;
}

static json_t *credential_read(void)
{
	char directory[PATH_MAX];
	json_t *key, *certificate;

	if (credential_directory(directory, sizeof(directory)))
		return NULL;
	key = read_file(directory, "key.pem");
	certificate = read_file(directory, "cert.pem");
	if (key && certificate)
		return json_pack("{s:o, s:o}", "key", key, "certificate", certificate);
	json_decref(key);
	json_decref(certificate);
	return NULL;
}

static int write_file(const char *directory, const char *name, const char *text)
{
	char path[PATH_MAX + 32];
	size_t bytes = strlen(text);
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, bytes) != (ssize_t)bytes || fsync(fd))
		ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

/* Both files appear at once: a directory with them is given its name. */
static int credential_place(const char *directory, const char *key, const char *certificate)
{
	char fresh[PATH_MAX + 16], path[PATH_MAX + 32], parent[PATH_MAX], *slash;
	int ret;

	snprintf(parent, sizeof(parent), "%s", directory);
	slash = strrchr(parent, '/');
	if (slash && slash != parent) {
		*slash = 0;
		runtime_make_directories(parent);
	}
	snprintf(fresh, sizeof(fresh), "%s.%d", directory, (int)getpid());
	if (mkdir(fresh, 0700))
		return -errno;
	ret = write_file(fresh, "key.pem", key);
	if (!ret)
		ret = write_file(fresh, "cert.pem", certificate);
	if (!ret && rename(fresh, directory)) /* over an empty one too */
		ret = -errno;
	if (ret) {
		snprintf(path, sizeof(path), "%s/key.pem", fresh);
		unlink(path);
		snprintf(path, sizeof(path), "%s/cert.pem", fresh);
		unlink(path);
		rmdir(fresh);
	}
	return ret;
}

static int credential_apply(const json_t *credential, struct fault *fault)
{
	const char *key = json_text(credential, "key", NULL);
	const char *certificate = json_text(credential, "certificate", NULL), *own;
	char directory[PATH_MAX];
	json_t *found;
	int ret;

	if (!key || !certificate)
		return 0;
	ret = credential_directory(directory, sizeof(directory));
	if (!ret && !(found = read_file(directory, "cert.pem"))) {
		ret = credential_place(directory, key, certificate);
		/* Another ssh may have come first. */
		found = ret ? read_file(directory, "cert.pem") : NULL;
		if (!found)
			return ret ? fault_set(fault, -ret, "credential-unusable", "%s: %s",
					       directory, strerror(-ret)) : 0;
	}
	if (ret)
		return fault_set(fault, -ret, "credential-unusable", "%s", strerror(-ret));
	own = json_string_value(found);
	if (strcmp(own, certificate))
		ret = fault_set(fault, EEXIST, "credential-unusable",
				"%s holds another credential than the host that calls", directory);
	json_decref(found);
	return ret;
}

/* ---- what else the far side must know ---- */

/* Settings of this computation that hold over there too: all but who and where we are. */
static json_t *settings(void)
{
	static const char *const ours[] = {
		"DMTCP_COMPUTATION_ID", "DMTCP_COORD_HOST", "DMTCP_COORD_PORT", "DMTCP_HOST",
		"DMTCP_PORT", "DMTCP_NOCHECKPOINT", "DMTCP_CHECKPOINT_INTERVAL",
	};
	json_t *out = json_object();

	for (char **e = environ; out && *e; e++) {
		size_t name_bytes = strcspn(*e, "=");
		bool skip = strncmp(*e, "DMTCP_", 6) || !(*e)[name_bytes];
		char name[128];

		for (size_t n = 0; n < sizeof(ours) / sizeof(*ours) && !skip; n++)
			skip = strlen(ours[n]) == name_bytes && !memcmp(*e, ours[n], name_bytes);
		if (skip || name_bytes >= sizeof(name))
			continue;
		memcpy(name, *e, name_bytes);
		name[name_bytes] = 0;
		json_object_set_new(out, name, json_string(*e + name_bytes + 1));
	}
	return out;
}

static json_t *own_addresses(void)
{
	json_t *out = json_array();
	struct ifaddrs *all, *i;

	if (getifaddrs(&all))
		return out;
	for (i = all; out && i; i = i->ifa_next) {
		char text[NI_MAXHOST];

		if (!i->ifa_addr || i->ifa_flags & IFF_LOOPBACK ||
		    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		if (!getnameinfo(i->ifa_addr, i->ifa_addr->sa_family == AF_INET6 ? 28 : 16, text,
				 sizeof(text), NULL, 0, NI_NUMERICHOST) && !strchr(text, '%'))
			json_array_append_new(out, json_string(text));
	}
	freeifaddrs(all);
	return out;
}

/* The coordinator as the far side is to name it; null: as the address that it sees us come from. */
static json_t *coordinator_host(void)
{
	const char *host = getenv("DMTCP_COORD_HOST");

	if (!host || !*host || !strcasecmp(host, "localhost") || !strncmp(host, "127.", 4) ||
	    !strcmp(host, "::1"))
		return json_null();
	return json_string(host);
}

json_t *ssh_terminal_read(int fd)
{
	struct winsize size = { 0 };
	json_t *characters, *out;
	struct termios modes;

	if (tcgetattr(fd, &modes))
		return NULL;
	ioctl(fd, TIOCGWINSZ, &size);
	characters = json_array();
	for (int n = 0; characters && n < NCCS; n++)
		json_array_append_new(characters, json_integer(modes.c_cc[n]));
	out = json_pack("{s:[i,i,i,i], s:[I,I,I,I], s:o}", "size", size.ws_row, size.ws_col,
			size.ws_xpixel, size.ws_ypixel, "flags", (json_int_t)modes.c_iflag,
			(json_int_t)modes.c_oflag, (json_int_t)modes.c_cflag,
			(json_int_t)modes.c_lflag, "characters", characters);
	return out;
}

static int64_t element(const json_t *array, size_t n)
{
	return json_integer_value(json_array_get(array, n));
}

void ssh_terminal_apply(int fd, const json_t *terminal)
{
	const json_t *size = json_object_get(terminal, "size");
	const json_t *flags = json_object_get(terminal, "flags");
	const json_t *characters = json_object_get(terminal, "characters");
	struct winsize window = { element(size, 0), element(size, 1), element(size, 2),
				  element(size, 3) };
	struct termios modes;

	if (tcgetattr(fd, &modes) || json_array_size(flags) != 4)
		return;
	modes.c_iflag = element(flags, 0);
	modes.c_oflag = element(flags, 1);
	modes.c_cflag = element(flags, 2);
	modes.c_lflag = element(flags, 3);
	for (size_t n = 0; n < NCCS && n < json_array_size(characters); n++)
		modes.c_cc[n] = element(characters, n);
	tcsetattr(fd, TCSANOW, &modes);
	ioctl(fd, TIOCSWINSZ, &window);
}

/* A command is bytes, which need not be text. */
static json_t *hexadecimal(const char *command)
{
	size_t bytes = strlen(command);
	char *text = malloc(2 * bytes + 1);
	json_t *out;

	if (!text)
		return NULL;
	text[0] = 0;
	for (size_t n = 0; n < bytes; n++)
		sprintf(text + 2 * n, "%02x", (unsigned char)command[n]);
	out = json_string(text);
	free(text);
	return out;
}

char *ssh_request_command(const json_t *request)
{
	const char *text = json_text(request, "command", NULL);
	size_t bytes = text ? strlen(text) / 2 : 0;
	char *command = text ? calloc(1, bytes + 1) : NULL;

	for (size_t n = 0; command && n < bytes; n++) {
		unsigned int byte = 0;

		sscanf(text + 2 * n, "%2x", &byte);
		command[n] = byte;
	}
	return command;
}

json_t *ssh_request_make(const struct ssh_options *o, bool terminal,
			 const struct ssh_tokens *tokens, uint16_t port, struct fault *fault)
{
	const char *coordinator_port = getenv("DMTCP_COORD_PORT"), *name = getenv("TERM");
	json_t *out, *part;
	char text[4 * SSH_TOKEN_BYTES + 1];

	ssh_tokens_print(tokens, text);
	out = json_pack("{s:s, s:i, s:o, s:o, s:s, s:o, s:b, s:b}", "token", text, "port", port,
			"addresses", own_addresses(), "coordinatorHost", coordinator_host(),
			"coordinatorPort", coordinator_port ? coordinator_port : "7779",
			"settings", settings(), "terminal", terminal, "stay", o->forwards);
	if (!out) {
		fault_set(fault, ENOMEM, "out-of-memory", "the request to the far side");
		return NULL;
	}
	if (o->command)
		json_object_set_new(out, "command", hexadecimal(o->command));
	if ((part = credential_read()))
		json_object_set_new(out, "credential", part);
	if (terminal && (part = ssh_terminal_read(STDIN_FILENO)))
		json_object_set_new(out, "modes", part);
	if (terminal && name)
		json_object_set_new(out, "terminalName", json_string(name));
	return out;
}

int ssh_request_apply(const json_t *request, struct fault *fault)
{
	const json_t *value;
	const char *name;

	json_object_foreach(json_object_get(request, "settings"), name, value)
		if (!strncmp(name, "DMTCP_", 6) && json_is_string(value))
			setenv(name, json_string_value(value), 1);
	return credential_apply(json_object_get(request, "credential"), fault);
}
