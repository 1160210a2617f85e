/* The model for a terminal. */
#include <inttypes.h>
#include <string.h>

#include "inspection.h"

const char *size_text(uint64_t bytes, char *out, size_t capacity)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = bytes;
	int unit = 0;

	while (value >= 1024 && unit < 5) {
		value /= 1024;
		unit++;
	}
	snprintf(out, capacity, unit && value < 100 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}

/* A name may hold anything; a terminal must not obey it. */
static void put(const char *text, FILE *out)
{
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == 127 ? '?' : *text, out);
}

static void line(FILE *out, const char *name, const char *value)
{
	fprintf(out, "  %-14s ", name);
	put(value, out);
	fputc('\n', out);
}

static void print_head(const json_t *image, FILE *out)
{
	char a[24], b[24], text[200];
	const json_t *entry;
	size_t n;

	put(json_text(image, "path", "?"), out);
	fputc('\n', out);
	snprintf(text, sizeof(text), "%.63s (%" PRId64 ") of %.63s, uid %" PRId64,
		 json_text(image, "program", "?"), json_number(image, "virtualPid", 0),
		 json_text(image, "host", "?"),
		 json_number(image, "uid", json_number(image, "owner", 0)));
	line(out, "program", text);
	fprintf(out, "  %-14s", "command");
	json_array_foreach(json_object_get(image, "arguments"), n, entry) {
		fputc(' ', out);
		put(json_string_value(entry), out);
	}
	fputc('\n', out);
	line(out, "directory", json_text(image, "directory", "?"));
	snprintf(text, sizeof(text), "%" PRId64 " of computation %.63s, %" PRId64 " process%s, %s",
		 json_number(image, "generation", 0), json_text(image, "computationId", "?"),
		 json_number(image, "members", 0),
		 json_number(image, "members", 0) == 1 ? "" : "es",
		 json_text(image, "created", "?"));
	line(out, "generation", text);
	line(out, "processor", json_text(image, "processor", "?"));
	snprintf(text, sizeof(text), "%s for %s of memory",
		 size_text(json_number(image, "fileBytes", 0), a, sizeof(a)),
		 size_text(json_number(image, "rawBytes", 0), b, sizeof(b)));
	line(out, "size", text);
	json_array_foreach(json_object_get(image, "compression"), n, entry) {
		snprintf(text, sizeof(text), "%s: %s to %s in %" PRId64 " chunks",
			 json_text(entry, "codec", "?"),
			 size_text(json_number(entry, "rawBytes", 0), a, sizeof(a)),
			 size_text(json_number(entry, "storedBytes", 0), b, sizeof(b)),
			 json_number(entry, "chunks", 0));
		line(out, n ? "" : "compression", text);
	}
	snprintf(text, sizeof(text),
		 "parent %" PRId64 ", group %" PRId64 ", session %" PRId64 ", %s%s",
		 json_number(image, "parent", 0), json_number(image, "group", 0),
		 json_number(image, "session", 0), json_text(image, "state", "?"),
		 json_flag(image, "terminal", false) ? ", with a terminal" : "");
	line(out, "process", text);
}

static void print_threads(const json_t *image, FILE *out)
{
	const json_t *threads = json_object_get(image, "threads"), *thread;
	size_t n;

	fprintf(out, "\n  threads (%zu)\n", json_array_size(threads));
	json_array_foreach(threads, n, thread) {
		fprintf(out, "    %7" PRId64 "  %-8s ", json_number(thread, "tid", 0),
			json_text(thread, "state", "?"));
		put(json_text(thread, "name", ""), out);
		fputc('\n', out);
	}
}

static void print_mappings(const json_t *image, FILE *out)
{
	const json_t *mappings = json_object_get(image, "mappings"), *m;
	char range[64], size[24], saved[24];
	size_t n;

	fprintf(out, "\n  memory (%zu mappings)\n    %-33s %-4s %10s %10s  %s\n",
		json_array_size(mappings), "address", "", "size", "in image", "what");
	json_array_foreach(mappings, n, m) {
		snprintf(range, sizeof(range), "%.16s-%.16s", json_text(m, "start", ""),
			 json_text(m, "end", ""));
		fprintf(out, "    %-33s %s %10s %10s  %s ", range, json_text(m, "protection", ""),
			size_text(json_number(m, "bytes", 0), size, sizeof(size)),
			size_text(json_number(m, "savedBytes", 0), saved, sizeof(saved)),
			json_text(m, "kind", ""));
		put(json_text(m, "path", json_text(m, "name", "")), out);
		fputc('\n', out);
	}
}

static void print_descriptors(const json_t *image, FILE *out)
{
	const json_t *descriptors = json_object_get(image, "descriptors"), *d;
	size_t n;

	fprintf(out, "\n  descriptors (%zu)\n", json_array_size(descriptors));
	json_array_foreach(descriptors, n, d) {
		const char *peer = json_text(d, "peer", "");

		fprintf(out, "    %5" PRId64 "  %-14s %-15s ", json_number(d, "number", 0),
			json_text(d, "protocol", json_text(d, "kind", "?")),
			json_text(d, "access", ""));
		put(json_text(d, "path", json_text(d, "local", "")), out);
		if (json_object_get(d, "remote")) {
			fputs(" - ", out);
			put(json_text(d, "remote", ""), out);
		}
		if (json_object_get(d, "state"))
			fprintf(out, " %s", json_text(d, "state", ""));
		if (*peer && strcmp(peer, "none"))
			fprintf(out, " peer: %s", peer);
		if (json_number(d, "queuedBytes", 0))
			fprintf(out, " queued: %" PRId64, json_number(d, "queuedBytes", 0));
		if (json_object_get(d, "content"))
			fprintf(out, " (%s)", json_text(d, "content", ""));
		fputc('\n', out);
	}
}

static void print_end(const json_t *end, FILE *out)
{
	if (json_object_get(end, "outside")) {
		fputc('(', out);
		put(json_text(end, "outside", ""), out);
		fputc(')', out);
		return;
	}
	fprintf(out, "%" PRId64, json_number(end, "pid", 0));
	if (json_object_get(end, "number"))
		fprintf(out, " fd %" PRId64, json_number(end, "number", 0));
}

static void print_connections(const json_t *model, FILE *out)
{
	const json_t *links = json_object_get(model, "connections"), *link;
	size_t n;

	if (!json_array_size(links))
		return;
	fprintf(out, "connections (%zu)\n", json_array_size(links));
	json_array_foreach(links, n, link) {
		fprintf(out, "  %-14s ", json_text(link, "kind", "?"));
		print_end(json_object_get(link, "from"), out);
		fputs(" -> ", out);
		print_end(json_object_get(link, "to"), out);
		fputs("  ", out);
		put(json_text(link, "label", ""), out);
		fputc('\n', out);
	}
}

void text_print(const json_t *model, FILE *out)
{
	const json_t *images = json_object_get(model, "images"), *image;
	size_t n;

	json_array_foreach(images, n, image) {
		print_head(image, out);
		print_threads(image, out);
		print_mappings(image, out);
		print_descriptors(image, out);
		fputc('\n', out);
	}
	print_connections(model, out);
	if (json_flag(model, "verified", false))
		fprintf(out, "verified: every byte of %zu image%s is as it was written\n",
			json_array_size(images), json_array_size(images) == 1 ? "" : "s");
}
