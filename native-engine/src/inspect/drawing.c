/*
 * The drawings of the page, in their natural size (narrow enough for a phone; deep trees scroll).
 * Colours are classes, whose values page.c has for light and dark.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inspection.h"

#define ROW 34
#define BOX_HEIGHT 26
#define BOX_WIDTH 240 /* a number of 7 digits, 14 letters, a size */
#define INDENT 22
#define MARGIN 6
#define OUTSIDE_MAX 40
#define ARC_MAX 120

void page_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc((unsigned char)*text < ' ' && *text != '\n' ? ' ' : *text, out);
		}
	}
}

/* At most @most characters, not bytes, of UTF-8. */
static void short_text(const char *text, int most, FILE *out)
{
	char cut[256];
	size_t bytes = 0;
	int characters = 0;

	while (text[bytes] && bytes < sizeof(cut) - 8 && characters < most) {
		bytes++;
		while ((text[bytes] & 0xc0) == 0x80 && bytes < sizeof(cut) - 8)
			bytes++;
		characters++;
	}
	memcpy(cut, text, bytes);
	strcpy(cut + bytes, text[bytes] ? "…" : "");
	page_text(cut, out);
}

static void box(const json_t *image, int x, int y, FILE *out)
{
	char size[24];

	fprintf(out, "<g><title>");
	page_text(json_text(image, "path", ""), out);
	fprintf(out,
		"</title><rect class=\"box%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
		"rx=\"6\"/>"
		"<text x=\"%d\" y=\"%d\">",
		strcmp(json_text(image, "state", "running"), "running") ? " idle" : "", x, y,
		BOX_WIDTH, BOX_HEIGHT, x + 8, y + 17);
	fprintf(out, "<tspan class=\"pid\">%" PRId64 "</tspan> ",
		json_number(image, "virtualPid", 0));
	short_text(json_text(image, "program", "?"), 14, out);
	fprintf(out,
		"</text><text class=\"small\" x=\"%d\" y=\"%d\" "
		"text-anchor=\"end\">%s</text></g>\n",
		x + BOX_WIDTH - 8, y + 17,
		size_text(json_number(image, "fileBytes", 0), size, sizeof(size)));
}

/* ---- tree ---- */

struct tree {
	const json_t *images;
	size_t count;
	bool *drawn;
	int row, widest;
	FILE *out;
};

static bool is_child(const struct tree *t, size_t child, const json_t *parent)
{
	const json_t *image = json_array_get(t->images, child);

	return json_number(image, "parent", 0) == json_number(parent, "virtualPid", -1) &&
	       !strcmp(json_text(image, "host", ""), json_text(parent, "host", "")) &&
	       !strcmp(json_text(image, "computationId", ""),
		       json_text(parent, "computationId", ""));
}

static void draw_branch(struct tree *t, size_t index, int depth, int parent_row)
{
	const json_t *image = json_array_get(t->images, index);
	int row = t->row++, x = MARGIN + depth * INDENT, y = MARGIN + row * ROW;

	t->drawn[index] = true;
	if (parent_row >= 0)
		fprintf(t->out, "<path class=\"line\" d=\"M%d %dV%dH%d\"/>\n", x - INDENT / 2 - 1,
			MARGIN + parent_row * ROW + BOX_HEIGHT, y + BOX_HEIGHT / 2, x);
	box(image, x, y, t->out);
	if (x + BOX_WIDTH > t->widest)
		t->widest = x + BOX_WIDTH;
	for (size_t n = 0; n < t->count; n++)
		if (!t->drawn[n] && is_child(t, n, image))
			draw_branch(t, n, depth + 1, row);
}

/* Deep enough for any tree that people make; damaged images may claim more. */
#define DEPTH_MAX 200

static int depth_of(const struct tree *t, size_t index)
{
	int depth = 0;

	for (bool found = true; found && depth < DEPTH_MAX; depth += found) {
		found = false;
		for (size_t n = 0; n < t->count && !found; n++)
			if (n != index && is_child(t, index, json_array_get(t->images, n))) {
				index = n;
				found = true;
			}
	}
	return depth;
}

void drawing_tree(const json_t *images, FILE *out)
{
	struct tree t = { .images = images, .count = json_array_size(images), .out = out };
	char *body = NULL;
	size_t bytes = 0;

	t.drawn = calloc(t.count + 1, sizeof(*t.drawn));
	t.out = open_memstream(&body, &bytes);
	if (t.drawn && t.out) {
		/* Those without a parent here first, then what damaged images leave. */
		for (int pass = 0; pass < 2; pass++)
			for (size_t n = 0; n < t.count; n++)
				if (!t.drawn[n] && (pass || !depth_of(&t, n)))
					draw_branch(&t, n, 0, -1);
	}
	if (t.out)
		fclose(t.out);
	if (body)
		fprintf(out,
			"<div class=\"scroll\"><svg role=\"img\" aria-label=\"tree of processes\" "
			"width=\"%d\" height=\"%d\">%s</svg></div>\n",
			t.widest + MARGIN, t.row * ROW + 2 * MARGIN, body);
	free(body);
	free(t.drawn);
}

/* ---- connections: rows of processes, then of what is outside, and arcs beside them ---- */

static int row_of_process(const json_t *images, const json_t *end)
{
	const json_t *image;
	size_t n;

	json_array_foreach(images, n, image)
		if (!strcmp(json_text(image, "uniquePid", ""), json_text(end, "process", "?")))
			return n;
	return -1;
}

static int row_of(const json_t *images, json_t *outside, const json_t *end)
{
	const char *who = json_text(end, "outside", NULL);
	const json_t *known;
	size_t n;

	if (!who)
		return row_of_process(images, end);
	json_array_foreach(outside, n, known)
		if (!strcmp(json_string_value(known), who))
			return json_array_size(images) + n;
	if (n >= OUTSIDE_MAX)
		return -1;
	json_array_append_new(outside, json_string(who));
	return json_array_size(images) + n;
}

static const char *class_of(const char *kind)
{
	if (!strcmp(kind, "pipe"))
		return "pipe";
	if (!strcmp(kind, "shared memory"))
		return "memory";
	if (!strncmp(kind, "unix", 4))
		return "unix";
	if (!strcmp(kind, "tcp") || !strcmp(kind, "udp"))
		return "inet";
	return "other";
}

/* Between the same two rows several links lie beside one another. */
static void draw_arc(const json_t *link, int from, int to, int step, FILE *out)
{
	int x = MARGIN + BOX_WIDTH, y1 = MARGIN + from * ROW + BOX_HEIGHT / 2;
	int y2 = MARGIN + to * ROW + BOX_HEIGHT / 2, reach = 28 + 13 * abs(to - from) + 8 * step;

	y1 += (step % 5 - 2) * 4;
	y2 += (step % 5 - 2) * 4;

	if (reach > ARC_MAX)
		reach = ARC_MAX - step % 8;
	if (from == to) {
		y1 -= 8;
		y2 += 8;
	}
	fprintf(out, "<path class=\"arc %s\" d=\"M%d %dC%d %d %d %d %d %d\"><title>",
		class_of(json_text(link, "kind", "")), x, y1, x + reach, y1, x + reach, y2, x, y2);
	page_text(json_text(link, "kind", ""), out);
	fputc(' ', out);
	page_text(json_text(link, "label", ""), out);
	fputs("</title></path>\n", out);
}

static void draw_arcs(const json_t *model, json_t *outside, FILE *out)
{
	const json_t *images = json_object_get(model, "images"), *link;
	json_t *seen = json_object();
	size_t n;

	json_array_foreach(json_object_get(model, "connections"), n, link) {
		int from = row_of(images, outside, json_object_get(link, "from"));
		int to = row_of(images, outside, json_object_get(link, "to"));
		char pair[64];
		int64_t step;

		if (from < 0 || to < 0)
			continue;
		snprintf(pair, sizeof(pair), "%d-%d", from < to ? from : to, from < to ? to : from);
		step = json_number(seen, pair, 0);
		json_object_set_new(seen, pair, json_integer(step + 1));
		draw_arc(link, from, to, step, out);
	}
	json_decref(seen);
}

void drawing_connections(const json_t *model, FILE *out)
{
	const json_t *images = json_object_get(model, "images"), *image, *who;
	json_t *outside = json_array();
	char *arcs = NULL;
	size_t bytes, n, rows = json_array_size(images);
	FILE *body = open_memstream(&arcs, &bytes);

	if (body) {
		draw_arcs(model, outside, body);
		fclose(body);
	}
	fprintf(out,
		"<div class=\"scroll\"><svg role=\"img\" aria-label=\"connections\" width=\"%d\" "
		"height=\"%zu\">\n",
		2 * MARGIN + BOX_WIDTH + ARC_MAX - 10,
		2 * MARGIN + (rows + json_array_size(outside)) * ROW);
	json_array_foreach(images, n, image)
		box(image, MARGIN, MARGIN + n * ROW, out);
	json_array_foreach(outside, n, who) {
		int y = MARGIN + (rows + n) * ROW;

		fprintf(out, "<g><title>");
		page_text(json_string_value(who), out);
		fprintf(out, "</title><rect class=\"box outside\" x=\"%d\" y=\"%d\" width=\"%d\" "
			"height=\"%d\" rx=\"6\"/><text x=\"%d\" y=\"%d\">", MARGIN, y, BOX_WIDTH,
			BOX_HEIGHT, MARGIN + 8, y + 17);
		short_text(json_string_value(who), 24, out);
		fputs("</text></g>\n", out);
	}
	fputs(arcs ? arcs : "", out);
	fputs("</svg></div>\n", out);
	free(arcs);
	json_decref(outside);
}

/* ---- memory: every mapping in the order of addresses, as wide as the root of its size ---- */

static const char *memory_class(const char *kind)
{
	static const struct {
		const char *kind, *class;
	} known[] = {
		{ "code", "m-code" },
		{ "library data", "m-data" },
		{ "heap", "m-heap" },
		{ "stack", "m-stack" },
		{ "anonymous", "m-anonymous" },
		{ "reserved", "m-reserved" },
		{ "shared memory", "m-shared" },
		{ "System V segment", "m-shared" },
		{ "file", "m-file" },
	};

	for (size_t n = 0; n < sizeof(known) / sizeof(*known); n++)
		if (!strcmp(known[n].kind, kind))
			return known[n].class;
	return "m-anonymous";
}

void drawing_memory(const json_t *image, FILE *out)
{
	const json_t *mappings = json_object_get(image, "mappings"), *m;
	double total = 0, x = 0;
	char size[24];
	size_t n;

	json_array_foreach(mappings, n, m)
		total += sqrt((double)json_number(m, "bytes", 0) + 1);
	if (total <= 0)
		return;
	fputs("<svg class=\"bar\" role=\"img\" aria-label=\"memory map\" "
	      "viewBox=\"0 0 1000 40\" preserveAspectRatio=\"none\">", out);
	json_array_foreach(mappings, n, m) {
		double width = sqrt((double)json_number(m, "bytes", 0) + 1) * 1000 / total;

		fprintf(out,
			"<rect class=\"%s\" x=\"%.2f\" y=\"0\" width=\"%.2f\" "
			"height=\"40\"><title>",
			memory_class(json_text(m, "kind", "")), x, width);
		page_text(json_text(m, "kind", ""), out);
		fprintf(out, " %s ", size_text(json_number(m, "bytes", 0), size, sizeof(size)));
		page_text(json_text(m, "path", json_text(m, "name", "")), out);
		fputs("</title></rect>", out);
		x += width;
	}
	fputs("</svg>\n", out);
}
