/* Barriers and the key-value store: what processes of a computation do together. */
#include "dmtcp.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contain.h"
#include "helper.h"
#include "link.h"

#define KV_MS 60000
#define MOST_NAME 63

/* ---- barriers ---- */

/* A hook cannot go on without the others; a thread of the program must. */
static void no_barrier(const char *name, const char *why)
{
	char text[512];

	snprintf(text, sizeof(text), "barrier %s: %s", name, why);
	if (contain_is_here())
		contain_leave(text);
	fprintf(stderr, "dmtcp: %s\n", text);
}

static void barrier(const char *name, bool local)
{
	struct text fields = { 0 }, answer = { 0 };
	char why[256] = "the coordinator cannot be reached";
	uint32_t expected = local ? helper_facts.local_helpers : helper_facts.helpers;
	int ret;

	if (!helper_start() || !name || !*name || strlen(name) > MOST_NAME) {
		no_barrier(name ? name : "", "it has no name, a too long one, or there is no coordinator");
		return;
	}
	text_number(&fields, "attachment", helper_facts.attachment);
	text_field(&fields, "name", name);
	text_number(&fields, "expected", expected);
	text_add(&fields, local ? ",\"local\":true" : ",\"local\":false");
	ret = link_ask_once("plugin-barrier", &fields, &answer, 0);
	if (ret == -ECANCELED)
		error_text(&answer, why, sizeof(why));
	text_free(&fields);
	text_free(&answer);
	if (ret)
		no_barrier(name, why);
}

void dmtcp_global_barrier(const char *name)
{
	barrier(name, false);
}

void dmtcp_local_barrier(const char *name)
{
	barrier(name, true);
}

/* ---- key-value store ---- */

static const char *const requests[] = { "get", "set", "incrby", "and", "or", "xor", "min", "max" };

static int response_of(const struct text *answer)
{
	char text[32];

	if (!answer_text(answer, "response", text, sizeof(text)))
		return DMTCP_KVDB_INVALID_REQUEST;
	return !strcmp(text, "success") ? DMTCP_KVDB_SUCCESS :
	       !strcmp(text, "db-not-found") ? DMTCP_KVDB_DB_NOT_FOUND :
	       !strcmp(text, "key-not-found") ? DMTCP_KVDB_KEY_NOT_FOUND :
						DMTCP_KVDB_INVALID_REQUEST;
}

/*
 * JSON has no bytes that are no UTF-8: each travels as a character of the private area, U+F700 and the
 * byte, and so do the bytes of such a character itself. Binary values take three times their room.
 */
#define ESCAPED 0xf700u

/* The length of the character at @p, 0: it is none, or one of those. */
static size_t character(const unsigned char *p)
{
	size_t length = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 :
			(*p & 0xf8) == 0xf0 && *p < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if (length == 3 && ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] >= 0xa0) ||
			    (*p == 0xef && p[1] >= 0x9c && p[1] < 0xa0)))
		return 0; /* too long a form, a surrogate, or U+F700 to U+F7FF */
	if (length == 4 && ((*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] >= 0x90)))
		return 0;
	return length;
}

static void bytes_field(struct text *fields, const char *name, const char *bytes)
{
	const unsigned char *p = (const unsigned char *)bytes;
	char *text = malloc(3 * strlen(bytes) + 1), *out = text;

	if (!text) {
		fields->failed = true;
		return;
	}
	while (*p) {
		size_t length = character(p);

		if (!length) {
			*out++ = (char)0xef;
			*out++ = (char)(0x9c | *p >> 6);
			*out++ = (char)(0x80 | (*p & 0x3f));
			p++;
		}
		for (; length; length--)
			*out++ = (char)*p++;
	}
	*out = 0;
	text_field(fields, name, text);
	free(text);
}

/* In place. */
static void unescape(char *text)
{
	char *out = text;

	for (const unsigned char *p = (const unsigned char *)text; *p;) {
		if (p[0] == 0xef && p[1] >= 0x9c && p[1] < 0xa0 && p[2]) {
			*out++ = (char)((p[1] & 3) << 6 | (p[2] & 0x3f));
			p += 3;
		} else {
			*out++ = (char)*p++;
		}
	}
	*out = 0;
}

/* false: it does not fit; then @out has as much as does. */
static bool value_of(const struct text *answer, char *out, size_t bytes)
{
	size_t length = answer_length(answer, "value");
	char *text = length < SIZE_MAX - 1 ? malloc(length + 1) : NULL;
	bool fits = false;

	if (text && answer_text(answer, "value", text, length + 1)) {
		unescape(text);
		fits = strlen(text) < bytes;
		snprintf(out, bytes, "%s", text);
	}
	free(text);
	return fits;
}

int dmtcp_kvdb_request(int request, const char *id, const char *key, const char *value, char *old,
		       size_t old_bytes)
{
	struct text fields = { 0 }, answer = { 0 };
	int ret = DMTCP_KVDB_INVALID_REQUEST;

	if (old && old_bytes)
		*old = 0;
	if (request < 0 || request > DMTCP_KVDB_MAX || !id || !*id || !key || !*key ||
	    strlen(id) > MOST_NAME || (request != DMTCP_KVDB_GET && (!value || !*value)) ||
	    !helper_start())
		return ret;
	text_field(&fields, "request", requests[request]);
	bytes_field(&fields, "database", id);
	bytes_field(&fields, "key", key);
	bytes_field(&fields, "value", request == DMTCP_KVDB_GET ? "" : value);
	if (!link_ask_once("plugin-kv", &fields, &answer, KV_MS)) {
		ret = response_of(&answer);
		if (old && old_bytes && ret == DMTCP_KVDB_SUCCESS &&
		    !value_of(&answer, old, old_bytes))
			ret = DMTCP_KVDB_INVALID_REQUEST;
	}
	text_free(&fields);
	text_free(&answer);
	return ret;
}

int dmtcp_kvdb_get(const char *id, const char *key, char *value, size_t bytes)
{
	return dmtcp_kvdb_request(DMTCP_KVDB_GET, id, key, NULL, value, bytes);
}

int dmtcp_kvdb_set(const char *id, const char *key, const char *value)
{
	return dmtcp_kvdb_request(DMTCP_KVDB_SET, id, key, value, NULL, 0);
}

int dmtcp_kvdb_request64(int request, const char *id, const char *key, int64_t value, int64_t *old)
{
	char text[24], before[24], *end;
	int64_t number;
	int ret;

	snprintf(text, sizeof(text), "%" PRId64, value);
	ret = dmtcp_kvdb_request(request, id, key, text, old ? before : NULL, sizeof(before));
	if (ret != DMTCP_KVDB_SUCCESS || !old)
		return ret;
	number = strtoll(before, &end, 10);
	if (end == before || *end)
		return DMTCP_KVDB_INVALID_REQUEST; /* that is no number */
	*old = number;
	return ret;
}

/* ---- where we are ---- */

void dmtcp_get_local_ip_addr(struct in_addr *in)
{
	struct addrinfo hints = { .ai_family = AF_INET }, *found = NULL;
	char host[256] = "";

	in->s_addr = htonl(INADDR_LOOPBACK);
	gethostname(host, sizeof(host) - 1);
	if (getaddrinfo(host, NULL, &hints, &found) || !found)
		return;
	*in = ((struct sockaddr_in *)found->ai_addr)->sin_addr;
	freeaddrinfo(found);
}
