/* The key-value store from a program: what it keeps, what it calculates and what it refuses. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmtcp.h"

#define LARGEST (1 << 20)
#define KEYS 500

static int failures;

static void check(int fine, const char *what)
{
	if (fine)
		return;
	printf("wrong: %s\n", what);
	failures++;
}

static int set(const char *key, const char *value)
{
	return dmtcp_kvdb_set("limits", key, value);
}

static void keeps(const char *key, const char *value, char *room, size_t bytes)
{
	check(set(key, value) == DMTCP_KVDB_SUCCESS, key);
	memset(room, 'x', bytes);
	check(dmtcp_kvdb_get("limits", key, room, bytes) == DMTCP_KVDB_SUCCESS && !strcmp(room, value), key);
}

static void check_values(char *room)
{
	char all[256], *large = malloc(LARGEST + 1);

	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = 0;
	keeps("text", "a value", room, LARGEST);
	keeps("json", "\"}\\,{\"ok\":false}\n\r\t", room, LARGEST);
	keeps("utf-8", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \xef\x9e\x80 \xed\xa0\x80", room, LARGEST);
	keeps("every byte", all, room, LARGEST);
	keeps(all, "every byte", room, LARGEST);
	memset(large, 'l', LARGEST);
	large[LARGEST] = 0;
	check(set("large", large) == DMTCP_KVDB_INVALID_REQUEST, "more than 1 MiB");
	large[LARGEST - strlen("large")] = 0;
	keeps("large", large, room, LARGEST + 1);
	memset(large, 1, LARGEST - strlen("large"));
	keeps("large", large, room, LARGEST + 1);
	free(large);
}

static void check_rooms(char *room)
{
	set("short", "12345");
	memset(room, 'x', 8);
	check(dmtcp_kvdb_get("limits", "short", room, 6) == DMTCP_KVDB_SUCCESS && !strcmp(room, "12345"),
	      "just enough room");
	memset(room, 'x', 8);
	check(dmtcp_kvdb_get("limits", "short", room, 5) == DMTCP_KVDB_INVALID_REQUEST &&
	      !strcmp(room, "1234") && room[5] == 'x', "one byte too few");
	check(dmtcp_kvdb_get("limits", "short", NULL, 0) == DMTCP_KVDB_SUCCESS, "no room at all");
}

static void check_refusals(char *room)
{
	char id[65];

	memset(id, 'i', 64);
	id[64] = 0;
	check(dmtcp_kvdb_set(id, "k", "v") == DMTCP_KVDB_INVALID_REQUEST, "a name of 64 bytes");
	id[63] = 0;
	check(dmtcp_kvdb_set(id, "k", "v") == DMTCP_KVDB_SUCCESS, "a name of 63 bytes");
	check(dmtcp_kvdb_set("", "k", "v") == DMTCP_KVDB_INVALID_REQUEST, "no name");
	check(set("", "v") == DMTCP_KVDB_INVALID_REQUEST, "no key");
	check(set("k", "") == DMTCP_KVDB_INVALID_REQUEST, "no value");
	check(set("k", NULL) == DMTCP_KVDB_INVALID_REQUEST && set(NULL, "v") == DMTCP_KVDB_INVALID_REQUEST,
	      "NULL");
	check(dmtcp_kvdb_request(99, "limits", "k", "v", NULL, 0) == DMTCP_KVDB_INVALID_REQUEST &&
	      dmtcp_kvdb_request(-1, "limits", "k", "v", NULL, 0) == DMTCP_KVDB_INVALID_REQUEST,
	      "no request");
	check(dmtcp_kvdb_get("no such", "k", room, 8) == DMTCP_KVDB_DB_NOT_FOUND, "no such database");
	check(dmtcp_kvdb_get("limits", "no such", room, 8) == DMTCP_KVDB_KEY_NOT_FOUND, "no such key");
	check(!*room, "what was not found is empty");
}

static void check_numbers(void)
{
	static const struct {
		int request;
		int64_t value, before;
	} steps[] = {
		{ DMTCP_KVDB_INCRBY, 5, 0 },	      { DMTCP_KVDB_INCRBY, -7, 5 },
		{ DMTCP_KVDB_MIN, -3, -2 },	      { DMTCP_KVDB_MIN, 9, -3 },
		{ DMTCP_KVDB_MAX, 12, -3 },	      { DMTCP_KVDB_MAX, -1, 12 },
		{ DMTCP_KVDB_AND, 10, 12 },	      { DMTCP_KVDB_OR, 3, 8 },
		{ DMTCP_KVDB_XOR, 1, 11 },	      { DMTCP_KVDB_SET, INT64_MAX, 10 },
		{ DMTCP_KVDB_SET, INT64_MIN, INT64_MAX }, { DMTCP_KVDB_GET, 0, INT64_MIN },
	};
	int64_t old;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		old = 77;
		check(dmtcp_kvdb_request64(steps[i].request, "limits", "number", steps[i].value, &old) ==
		      DMTCP_KVDB_SUCCESS && old == steps[i].before, "a number");
	}
	check(!dmtcp_kvdb_request64(DMTCP_KVDB_MIN, "limits", "new number", 4, NULL) &&
	      !dmtcp_kvdb_request64(DMTCP_KVDB_GET, "limits", "new number", 0, &old) && old == 4,
	      "a number that was not there");
	check(dmtcp_kvdb_request64(DMTCP_KVDB_INCRBY, "limits", "text", 1, &old) ==
	      DMTCP_KVDB_INVALID_REQUEST, "to calculate with a text");
	check(dmtcp_kvdb_request64(DMTCP_KVDB_GET, "limits", "text", 0, &old) ==
	      DMTCP_KVDB_INVALID_REQUEST && old == 4, "a text as a number");
	check(dmtcp_kvdb_request(DMTCP_KVDB_INCRBY, "limits", "number", "one", NULL, 0) ==
	      DMTCP_KVDB_INVALID_REQUEST, "to add a text");
}

static void check_many(char *room)
{
	char key[32], value[32];

	for (int i = 0; i < KEYS; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		snprintf(value, sizeof(value), "value %d", i);
		check(set(key, value) == DMTCP_KVDB_SUCCESS, key);
	}
	for (int i = 0; i < KEYS; i += 7) {
		snprintf(key, sizeof(key), "key %d", i);
		snprintf(value, sizeof(value), "value %d", i);
		check(!dmtcp_kvdb_get("limits", key, room, 32) && !strcmp(room, value), key);
	}
}

int main(void)
{
	char *room = malloc(LARGEST + 1);

	check_values(room);
	check_rooms(room);
	check_refusals(room);
	check_numbers();
	check_many(room);
	free(room);
	puts(failures ? "failed" : "ok");
	return failures != 0;
}
