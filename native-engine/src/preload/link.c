#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "area.h"

#define LOWEST_NUMBER 820 /* above what programs use, as DMTCP's */
#define ANSWER_BYTES (8u << 20) /* a value of the store as JSON may have it, six bytes for one */
#define TURNS 30000 /* of 1 ms */

static char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];

/* Past wrappers: no plugin is to hear of our descriptors. */
static void close_quietly(int fd)
{
	syscall(SYS_close, fd);
}

/* ---- connections ---- */

const char *link_path(void)
{
	return socket_path;
}

void link_set_path(const char *path)
{
	snprintf(socket_path, sizeof(socket_path), "%s",
		 path && strlen(path) < sizeof(socket_path) ? path : "");
}

/*
 * Which socket it is: a program that closes all descriptors, without asking us, may have the number for
 * something else, at any moment. 0: none.
 */
static ino_t inodes[PLUGIN_LINKS];

static ino_t inode_of(int fd)
{
	struct stat status;
	int error = errno;
	bool found = !fstat(fd, &status) && S_ISSOCK(status.st_mode);

	errno = error;
	return found ? status.st_ino : 0;
}

static bool is_ours(size_t i, int fd)
{
	return plugin_area.links[i] == fd && inodes[i] && inode_of(fd) == inodes[i];
}

static void close_if(int fd, ino_t inode)
{
	if (inode && inode_of(fd) == inode)
		close_quietly(fd);
}

/* Out of the program's way: it may count on the lowest numbers. */
static int move_up(int fd, ino_t inode)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_NUMBER);

	if (high < 0)
		return fd; /* a low limit of open files */
	close_if(fd, inode);
	return high;
}

/* false: there are too many. */
static bool remember(int fd, ino_t inode)
{
	for (size_t i = 0; i < PLUGIN_LINKS; i++) {
		int32_t none = -1;

		if (__atomic_compare_exchange_n(&plugin_area.links[i], &none, fd, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			inodes[i] = inode;
			return true;
		}
	}
	return false;
}

/* true: it is still the one that was opened. */
static bool forget(int fd)
{
	bool ours = false;

	for (size_t i = 0; i < PLUGIN_LINKS; i++) {
		if (plugin_area.links[i] != fd)
			continue;
		ours |= is_ours(i, fd);
		__atomic_store_n(&plugin_area.links[i], -1, __ATOMIC_SEQ_CST);
	}
	return ours;
}

bool link_is_ours(int fd)
{
	for (size_t i = 0; i < PLUGIN_LINKS; i++)
		if (fd >= 0 && is_ours(i, fd))
			return true;
	return false;
}

int link_next(int from)
{
	int next = -1;

	for (size_t i = 0; i < PLUGIN_LINKS; i++) {
		int fd = plugin_area.links[i];

		if (fd >= from && (next < 0 || fd < next) && is_ours(i, fd))
			next = fd;
	}
	return next;
}

int link_open(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	ino_t inode;
	int fd, ret;

	if (!socket_path[0])
		return -ENOENT;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	inode = inode_of(fd);
	fd = move_up(fd, inode);
	strcpy(address.sun_path, socket_path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		ret = -errno;
		close_if(fd, inode);
		return ret;
	}
	if (!remember(fd, inode)) {
		close_if(fd, inode);
		return -EAGAIN;
	}
	return fd;
}

void link_close(int fd)
{
	if (fd >= 0 && forget(fd))
		close_quietly(fd);
}

void link_forget_all(void)
{
	for (int fd; (fd = link_next(0)) >= 0;)
		link_close(fd);
	for (size_t i = 0; i < PLUGIN_LINKS; i++)
		plugin_area.links[i] = -1;
}

/* ---- requests ---- */

static bool reserve(struct text *t, size_t more)
{
	size_t room = t->room ? t->room : 512;
	char *data;

	if (t->failed)
		return false;
	while (room - t->bytes <= more)
		room *= 2;
	if (room == t->room)
		return true;
	data = realloc(t->data, room);
	if (!data) {
		t->failed = true;
		return false;
	}
	t->data = data;
	t->room = room;
	return true;
}

static void add_bytes(struct text *t, const char *bytes, size_t count)
{
	if (!reserve(t, count))
		return;
	memcpy(t->data + t->bytes, bytes, count);
	t->bytes += count;
	t->data[t->bytes] = 0;
}

void text_add(struct text *t, const char *bytes)
{
	add_bytes(t, bytes, strlen(bytes));
}

void text_field(struct text *t, const char *key, const char *value)
{
	text_add(t, ",\"");
	text_add(t, key);
	text_add(t, "\":\"");
	for (; *value; value++) {
		char escaped[8];

		if ((unsigned char)*value < 0x20) {
			snprintf(escaped, sizeof(escaped), "\\u%04x", *value);
			text_add(t, escaped);
			continue;
		}
		if (*value == '"' || *value == '\\')
			add_bytes(t, "\\", 1);
		add_bytes(t, value, 1);
	}
	text_add(t, "\"");
}

void text_number(struct text *t, const char *key, int64_t value)
{
	char number[64];

	snprintf(number, sizeof(number), ",\"%s\":%lld", key, (long long)value);
	text_add(t, number);
}

void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){ 0 };
}

static int send_all(int fd, const char *data, size_t bytes)
{
	while (bytes) {
		ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return -EPIPE;
		data += sent;
		bytes -= sent;
	}
	return 0;
}

/* One line. The socket is given one request at a time: nothing comes behind it. */
static int receive_line(int fd, struct text *line, uint32_t timeout_ms)
{
	uint64_t deadline = monotonic_ms() + timeout_ms;

	line->bytes = 0;
	while (!line->bytes || line->data[line->bytes - 1] != '\n') {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = monotonic_ms();
		ssize_t got;
		int ret;

		if (timeout_ms && now >= deadline)
			return -ETIMEDOUT;
		ret = poll(&p, 1, timeout_ms ? (int)(deadline - now) : -1);
		if (ret <= 0)
			continue;
		if (line->bytes > ANSWER_BYTES || !reserve(line, 4096))
			return -ENOMEM;
		got = recv(fd, line->data + line->bytes, 4096, MSG_DONTWAIT);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			return -EPIPE;
		line->bytes += got;
	}
	line->data[--line->bytes] = 0;
	return 0;
}

int link_ask(int fd, const char *op, const struct text *fields, struct text *answer,
	     uint32_t timeout_ms)
{
	struct text line = { 0 };
	int ret;

	if (!link_is_ours(fd))
		return -EPIPE;
	text_add(&line, "{\"op\":\"");
	text_add(&line, op);
	text_add(&line, "\"");
	if (fields && fields->data)
		add_bytes(&line, fields->data, fields->bytes);
	text_add(&line, "}\n");
	if (line.failed || (fields && fields->failed)) {
		ret = -ENOMEM;
		goto out;
	}
	ret = send_all(fd, line.data, line.bytes);
	if (!ret)
		ret = receive_line(fd, answer, timeout_ms);
	if (!ret && !answer_flag(answer, "ok"))
		ret = -ECANCELED;
out:
	text_free(&line);
	return ret;
}

int link_ask_once(const char *op, const struct text *fields, struct text *answer,
		  uint32_t timeout_ms)
{
	const struct timespec turn = { .tv_nsec = 1000000 };
	int fd = link_open(), ret;

	/* Many threads ask at once: one after the other. */
	for (int i = 0; fd == -EAGAIN && i < TURNS; i++) {
		nanosleep(&turn, NULL);
		fd = link_open();
	}
	if (fd < 0)
		return fd;
	ret = link_ask(fd, op, fields, answer, timeout_ms);
	link_close(fd);
	return ret;
}

/* ---- answers ---- */

/* Behind the string that begins at @p, or NULL. */
static const char *skip_string(const char *p)
{
	for (p++; *p && *p != '"'; p++)
		if (*p == '\\' && !*++p)
			return NULL;
	return *p ? p + 1 : NULL;
}

/* Behind any value. */
static const char *skip_value(const char *p)
{
	int depth = 0;

	do {
		if (*p == '"') {
			p = skip_string(p);
			if (!p)
				return NULL;
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		else if (!depth && *p == ',')
			return p;
		if (depth < 0 || !*p)
			return p;
		p++;
	} while (depth || (*p != ',' && *p != '}' && *p != ']' && *p));
	return p;
}

/* The value of a field of the object that begins at @p (no blanks: the agent writes none). */
static const char *find_value(const char *p, const char *key)
{
	size_t length = strlen(key);

	while (p && *p++ && *p == '"') {
		const char *name = p + 1, *behind = skip_string(p);

		if (!behind || *behind != ':')
			return NULL;
		if ((size_t)(behind - 1 - name) == length && !memcmp(name, key, length))
			return behind + 1;
		p = skip_value(behind + 1);
		if (!p || *p != ',')
			return NULL;
	}
	return NULL;
}

static size_t put_utf8(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = 0xc0 | code >> 6;
		out[1] = 0x80 | (code & 0x3f);
		return 2;
	}
	if (code < 0x10000) {
		out[0] = 0xe0 | code >> 12;
		out[1] = 0x80 | (code >> 6 & 0x3f);
		out[2] = 0x80 | (code & 0x3f);
		return 3;
	}
	out[0] = 0xf0 | code >> 18;
	out[1] = 0x80 | (code >> 12 & 0x3f);
	out[2] = 0x80 | (code >> 6 & 0x3f);
	out[3] = 0x80 | (code & 0x3f);
	return 4;
}

static uint32_t hex4(const char *p)
{
	char digits[5] = { 0 };

	strncpy(digits, p, 4);
	return strtoul(digits, NULL, 16);
}

/* One character of a string at *@p, as 1 to 4 bytes. */
static size_t take_character(const char **p, char *out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *found;
	uint32_t code;

	if (**p != '\\') {
		out[0] = *(*p)++;
		return 1;
	}
	(*p)++;
	if (**p != 'u') {
		found = strchr(from, **p);
		out[0] = found ? to[found - from] : **p;
		(*p)++;
		return 1;
	}
	code = hex4(*p + 1);
	*p += strnlen(*p, 5);
	if (code >= 0xd800 && code < 0xdc00 && !strncmp(*p, "\\u", 2)) {
		code = 0x10000 + ((code - 0xd800) << 10) + (hex4(*p + 2) - 0xdc00);
		*p += strnlen(*p, 6);
	}
	return put_utf8(code, out);
}

/* Its length, SIZE_MAX when it is no string; with @out as much as fits. */
static size_t read_string(const char *value, char *out, size_t bytes)
{
	size_t length = 0;

	if (!value || *value++ != '"')
		return SIZE_MAX;
	while (*value && *value != '"') {
		char character[4];
		size_t n = take_character(&value, character);

		if (out && length + n < bytes)
			memcpy(out + length, character, n);
		length += n;
	}
	if (out && bytes)
		out[length < bytes ? length : bytes - 1] = 0;
	return length;
}

bool answer_text(const struct text *answer, const char *key, char *out, size_t bytes)
{
	return answer->data && read_string(find_value(answer->data, key), out, bytes) < bytes;
}

size_t answer_length(const struct text *answer, const char *key)
{
	return answer->data ? read_string(find_value(answer->data, key), NULL, 0) : SIZE_MAX;
}

int64_t answer_number(const struct text *answer, const char *key, int64_t missing)
{
	const char *value = answer->data ? find_value(answer->data, key) : NULL;

	return value && (*value == '-' || (*value >= '0' && *value <= '9')) ?
		       strtoll(value, NULL, 10) : missing;
}

bool answer_flag(const struct text *answer, const char *key)
{
	const char *value = answer->data ? find_value(answer->data, key) : NULL;

	return value && !strncmp(value, "true", 4);
}

void error_text(const struct text *answer, char *out, size_t bytes)
{
	const char *error = answer->data ? find_value(answer->data, "error") : NULL;

	out[0] = 0;
	if (error)
		read_string(find_value(error, "text"), out, bytes);
}
