/*
 * Who is at the other end. Every link is {kind, label, from, to}; an end is {process, pid, number}
 * or {outside}. Ends with several holders (after a fork) give one link per pair of processes.
 */
#include <stdio.h>
#include <string.h>

#include "inspection.h"

#define LINKS_MAX 20000 /* a page with more is of no use, and pairs grow with the square */

struct graph {
	json_t *by_file;   /* file id -> array of ends that hold it */
	json_t *by_object; /* of pipes: object -> {readers, writers} */
	json_t *links;
	json_t *seen;      /* texts of the links that are there */
};

static json_t *list_in(json_t *object, const char *key)
{
	json_t *list = json_object_get(object, key);

	if (!list) {
		list = json_array();
		json_object_set_new(object, key, list);
	}
	return list;
}

static json_t *end_of(const json_t *image, const json_t *descriptor)
{
	return json_pack("{s:O, s:I, s:O}", "process", json_object_get(image, "uniquePid"), "pid",
			 (json_int_t)json_number(image, "virtualPid", 0), "number",
			 json_object_get(descriptor, "number"));
}

static bool is_process(const json_t *end)
{
	return json_object_get(end, "process") != NULL;
}

static void link_ends(struct graph *g, const char *kind, const char *label, json_t *from,
		      json_t *to)
{
	char key[512];

	snprintf(key, sizeof(key), "%s %s %s-%s%s", kind, label, json_text(from, "process", ""),
		 json_text(to, "process", ""), json_text(to, "outside", ""));
	if (json_array_size(g->links) >= LINKS_MAX || json_object_get(g->seen, key))
		return;
	json_object_set_new(g->seen, key, json_true());
	json_array_append_new(g->links, json_pack("{s:s, s:o, s:O, s:O}", "kind", kind, "label",
						  json_from_text(label), "from", from, "to", to));
}

static void link_outside(struct graph *g, const char *kind, const char *label, json_t *from,
			 const char *who)
{
	json_t *to = json_pack("{s:o}", "outside", json_from_text(who));

	link_ends(g, kind, label, from, to);
	json_decref(to);
}

/* All pairs; the same process at both ends only where there is nobody else. */
static void link_all(struct graph *g, const char *kind, const char *label, json_t *from, json_t *to)
{
	bool any = false;
	json_t *a, *b;
	size_t n, m;

	json_array_foreach(from, n, a)
		json_array_foreach(to, m, b)
			if (strcmp(json_text(a, "process", ""), json_text(b, "process", ""))) {
				link_ends(g, kind, label, a, b);
				any = true;
			}
	if (!any && json_array_size(from) && json_array_size(to))
		link_ends(g, kind, label, json_array_get(from, 0), json_array_get(to, 0));
}

/* ---- pipes ---- */

static void note_pipe(struct graph *g, const json_t *descriptor, json_t *end)
{
	const char *object = json_text(descriptor, "object", ""), *access;
	json_t *pipe = json_object_get(g->by_object, object);

	if (!pipe) {
		pipe = json_pack("{s:[], s:[], s:O}", "readers", "writers", "descriptor",
				 (json_t *)descriptor);
		json_object_set_new(g->by_object, object, pipe);
	}
	access = json_text(descriptor, "access", "");
	if (strcmp(access, "write"))
		json_array_append(json_object_get(pipe, "readers"), end);
	if (strcmp(access, "read"))
		json_array_append(json_object_get(pipe, "writers"), end);
}

static void link_pipe(struct graph *g, json_t *pipe)
{
	json_t *readers = json_object_get(pipe, "readers");
	json_t *writers = json_object_get(pipe, "writers");
	const json_t *descriptor = json_object_get(pipe, "descriptor");
	const char *path = json_text(descriptor, "path", "");
	char who[64];
	json_t *end;
	size_t n;

	if (json_array_size(readers) && json_array_size(writers)) {
		link_all(g, "pipe", path, writers, readers);
		return;
	}
	snprintf(who, sizeof(who), "%s %s", json_array_size(readers) ? "writer" : "reader",
		 json_text(descriptor, "peer", "outside"));
	json_array_foreach(json_array_size(readers) ? readers : writers, n, end)
		link_outside(g, "pipe", path, end, who);
}

/* ---- sockets and terminals ---- */

static void link_peer(struct graph *g, const json_t *descriptor, json_t *end)
{
	const char *peer = json_text(descriptor, "peer", "none");
	const char *file = json_text(descriptor, "file", "");
	const char *peer_file = json_text(descriptor, "peerFile", "");
	const char *kind = json_text(descriptor, "protocol", json_text(descriptor, "kind", "?"));
	const char *local = json_text(descriptor, "local", "");
	const char *remote = json_text(descriptor, "remote", "");
	json_t *other = json_object_get(g->by_file, peer_file);
	char label[600];

	snprintf(label, sizeof(label), "%s%s%s", local, *local && *remote ? " - " : "", remote);
	if (other && strcmp(peer, "none")) {
		/* Both ends tell of a pair: once is enough. */
		if (strcmp(file, peer_file) <= 0 || strcmp(kind, "unix stream"))
			link_all(g, kind, label, json_object_get(g->by_file, file), other);
	} else if (!strcmp(peer, "outside") || !strcmp(peer, "gone")) {
		link_outside(g, kind, label, end, *remote ? remote : peer);
	} else if (!strcmp(peer, "member")) {
		link_outside(g, kind, label, end, "a member whose image was not given");
	}
}

/* ---- memory ---- */

static bool is_shared(const json_t *mapping)
{
	const char *protection = json_text(mapping, "protection", "----");

	return strlen(protection) == 4 && protection[3] == 's' &&
	       json_object_get(mapping, "file") &&
	       (protection[1] == 'w' || strcmp(json_text(mapping, "kind", ""), "file"));
}

static void link_memory(struct graph *g, const json_t *images)
{
	json_t *mappers = json_object(), *list, *other;
	const json_t *image, *mapping;
	const char *file;
	size_t n, m;

	json_array_foreach(images, n, image)
		json_array_foreach(json_object_get(image, "mappings"), m, mapping) {
			json_t *end;

			if (!is_shared(mapping))
				continue;
			end = json_pack("{s:O, s:I, s:O}", "process",
					json_object_get(image, "uniquePid"), "pid",
					(json_int_t)json_number(image, "virtualPid", 0), "mapping",
					mapping);
			json_array_append_new(list_in(mappers, json_text(mapping, "file", "")),
					      end);
		}
	json_object_foreach(mappers, file, list) {
		const json_t *first = json_array_get(list, 0);
		const json_t *what = json_object_get(first, "mapping");

		/* A star around the first: who shares with whom is then told once for each. */
		json_array_foreach(list, n, other)
			if (strcmp(json_text(first, "process", ""),
				   json_text(other, "process", "")))
				link_ends(g, "shared memory", json_text(what, "path", "anonymous"),
					  (json_t *)first, other);
	}
	json_decref(mappers);
}

static void drop_mappings(json_t *links)
{
	static const char *const ends[] = { "from", "to" };
	const json_t *link;
	size_t n;

	json_array_foreach(links, n, link)
		for (int i = 0; i < 2; i++)
			json_object_del(json_object_get(link, ends[i]), "mapping");
}

json_t *connections_of(const json_t *images)
{
	struct graph g = { json_object(), json_object(), json_array(), json_object() };
	const json_t *image, *descriptor;
	const char *object;
	json_t *pipe;
	size_t n, m;

	json_array_foreach(images, n, image)
		json_array_foreach(json_object_get(image, "descriptors"), m, descriptor) {
			json_t *end = end_of(image, descriptor);

			json_array_append(list_in(g.by_file, json_text(descriptor, "file", "")),
					  end);
			if (!strcmp(json_text(descriptor, "kind", ""), "pipe"))
				note_pipe(&g, descriptor, end);
			json_decref(end);
		}
	json_array_foreach(images, n, image)
		json_array_foreach(json_object_get(image, "descriptors"), m, descriptor) {
			json_t *end = end_of(image, descriptor);

			if (strcmp(json_text(descriptor, "kind", ""), "pipe") && is_process(end))
				link_peer(&g, descriptor, end);
			json_decref(end);
		}
	json_object_foreach(g.by_object, object, pipe)
		link_pipe(&g, pipe);
	link_memory(&g, images);
	drop_mappings(g.links);
	json_decref(g.by_file);
	json_decref(g.by_object);
	json_decref(g.seen);
	return g.links;
}
