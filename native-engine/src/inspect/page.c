/* The model as one page that needs nothing else: no script, nothing loaded. */
#include <inttypes.h>
#include <string.h>

#include "inspection.h"

static const char style[] =
	":root{color-scheme:light dark;--back:#fff;--text:#1d2330;--soft:#5a6478;--edge:#d5dae3;"
	"--card:#f5f7fa;--box:#e8eefb;--idle:#e9e9ee;--outside:#fff4dc;--bad:#b3261e;--good:#1b7a3d;"
	"--pipe:#2563c9;--unix:#7a3fc0;--inet:#c2570c;--memory:#1b8a5a;--other:#6b7280;"
	"--code:#4776d0;--data:#8fb0e8;--heap:#d9822b;--stack:#c43d6b;--anonymous:#e0b04a;"
	"--reserved:#c9ced8;--shared:#2f9e6e;--file:#8b62c9}\n"
	"@media(prefers-color-scheme:dark){:root{--back:#12151c;--text:#e6e9f0;--soft:#a0a9ba;"
	"--edge:#333b4a;--card:#1b202a;--box:#22304d;--idle:#2b2e38;--outside:#3d3218;--bad:#ff8a80;"
	"--good:#6fd896;--pipe:#7fb0ff;--unix:#c39bff;--inet:#ffab6b;--memory:#63d6a0;--other:#aab2c0;"
	"--code:#5d8cf0;--data:#37568f;--heap:#e59a4c;--stack:#e2648f;--anonymous:#b98a2e;"
	"--reserved:#454c5a;--shared:#3fb883;--file:#a57fe0}}\n"
	"*{box-sizing:border-box}body{margin:0 auto;padding:1rem;max-width:72rem;background:var(--back);"
	"color:var(--text);font:15px/1.5 system-ui,sans-serif}h1{font-size:1.5rem;margin:.2rem 0}"
	"h2{font-size:1.15rem;margin:1.6rem 0 .5rem}h3{font-size:1rem;margin:0 0 .4rem;overflow-wrap:anywhere}"
	"p{margin:.3rem 0}.soft{color:var(--soft)}.bad{color:var(--bad)}.good{color:var(--good)}\n"
	".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem}"
	".card,section.process{background:var(--card);border:1px solid var(--edge);border-radius:8px;"
	"padding:.6rem .8rem;min-width:0}section.process{margin:.8rem 0}"
	".card b{display:block;font-size:1.2rem;overflow-wrap:anywhere}\n"
	".scroll{overflow-x:auto;max-width:100%}svg{display:block}svg text{fill:var(--text);font-size:13px}"
	"svg .small{fill:var(--soft);font-size:11px}.pid{font-weight:600}.box{fill:var(--box);"
	"stroke:var(--edge)}.idle{fill:var(--idle)}.outside{fill:var(--outside)}.line{fill:none;"
	"stroke:var(--soft)}.arc{fill:none;stroke-width:1.8}.pipe{stroke:var(--pipe)}"
	".unix{stroke:var(--unix)}.inet{stroke:var(--inet)}.memory{stroke:var(--memory)}"
	".other{stroke:var(--other)}\n"
	".bar{width:100%;height:40px;border-radius:6px;margin:.4rem 0}"
	".m-code{fill:var(--code)}.m-data{fill:var(--data)}.m-heap{fill:var(--heap)}"
	".m-stack{fill:var(--stack)}.m-anonymous{fill:var(--anonymous)}.m-reserved{fill:var(--reserved)}"
	".m-shared{fill:var(--shared)}.m-file{fill:var(--file)}.bar rect{stroke:var(--card);stroke-width:.4}\n"
	".key{display:flex;flex-wrap:wrap;gap:.2rem .9rem;font-size:.85rem}.key i{display:inline-block;"
	"width:.8rem;height:.8rem;border-radius:3px;margin-right:.3rem;vertical-align:-1px}"
	"table{border-collapse:collapse;font-size:.85rem;width:100%}td,th{text-align:left;padding:.15rem "
	".6rem .15rem 0;border-top:1px solid var(--edge);white-space:nowrap}td.n,th.n{text-align:right}"
	"td.a{font-family:ui-monospace,monospace}summary{cursor:pointer;padding:.3rem 0}"
	"code{overflow-wrap:anywhere}\n";

static void card(const char *value, const char *name, FILE *out)
{
	fputs("<div class=\"card\"><b>", out);
	page_text(value, out);
	fprintf(out, "</b><span class=\"soft\">%s</span></div>\n", name);
}

static void cell(const char *text, FILE *out)
{
	fputs("<td>", out);
	page_text(text, out);
	fputs("</td>", out);
}

static void number(int64_t value, FILE *out)
{
	fprintf(out, "<td class=\"n\">%" PRId64 "</td>", value);
}

static int64_t sum(const json_t *images, const char *key)
{
	const json_t *image;
	int64_t total = 0;
	size_t n;

	json_array_foreach(images, n, image)
		total += json_number(image, key, 0);
	return total;
}

static void print_cards(const json_t *images, FILE *out)
{
	const json_t *first = json_array_get(images, 0), *image;
	size_t threads = 0, descriptors = 0, n;
	char text[64];

	json_array_foreach(images, n, image) {
		threads += json_array_size(json_object_get(image, "threads"));
		descriptors += json_array_size(json_object_get(image, "descriptors"));
	}
	fputs("<div class=\"cards\">\n", out);
	snprintf(text, sizeof(text), "%" PRId64, json_number(first, "generation", 0));
	card(text, "generation", out);
	snprintf(text, sizeof(text), "%zu of %" PRId64, json_array_size(images),
		 json_number(first, "members", 0));
	card(text, "processes", out);
	snprintf(text, sizeof(text), "%zu", threads);
	card(text, "threads", out);
	snprintf(text, sizeof(text), "%zu", descriptors);
	card(text, "descriptors", out);
	card(size_text(sum(images, "rawBytes"), text, sizeof(text)), "memory saved", out);
	card(size_text(sum(images, "fileBytes"), text, sizeof(text)), "size of images", out);
	fputs("</div>\n", out);
}

static void print_problems(const json_t *model, FILE *out)
{
	const json_t *entry;
	size_t n;

	if (json_flag(model, "verified", false))
		fputs("<p class=\"good\">Verified: every byte is as it was written.</p>\n", out);
	json_array_foreach(json_object_get(model, "problems"), n, entry) {
		const json_t *error = json_object_get(entry, "error");

		fputs("<p class=\"bad\">", out);
		page_text(json_text(error, "text", ""), out);
		fputs(" <span class=\"soft\">", out);
		page_text(json_text(error, "remedy", ""), out);
		fputs("</span></p>\n", out);
	}
}

static void print_links(const json_t *model, FILE *out)
{
	static const char *const ends[] = { "from", "to" };
	const json_t *links = json_object_get(model, "connections"), *link;
	size_t n;

	fprintf(out, "<details><summary>%zu connections</summary><div class=\"scroll\"><table>"
		"<tr><th>kind<th>from<th>to<th>name</tr>\n", json_array_size(links));
	json_array_foreach(links, n, link) {
		fputs("<tr>", out);
		cell(json_text(link, "kind", ""), out);
		for (int i = 0; i < 2; i++) {
			const json_t *end = json_object_get(link, ends[i]);
			char text[80];

			snprintf(text, sizeof(text), "%" PRId64, json_number(end, "pid", 0));
			if (json_object_get(end, "number"))
				snprintf(text + strlen(text), sizeof(text) - strlen(text),
					 " fd %" PRId64, json_number(end, "number", 0));
			cell(json_text(end, "outside", text), out);
		}
		cell(json_text(link, "label", ""), out);
		fputs("</tr>\n", out);
	}
	fputs("</table></div></details>\n", out);
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void print_threads(const json_t *image, FILE *out)
{
	const json_t *threads = json_object_get(image, "threads"), *t;
	size_t n;

	fprintf(out,
		"<details><summary>%zu thread%s</summary><div class=\"scroll\"><table>"
		"<tr><th class=\"n\">tid<th>name<th>state</tr>\n",
		json_array_size(threads), plural(json_array_size(threads)));
	json_array_foreach(threads, n, t) {
		fputs("<tr>", out);
		number(json_number(t, "tid", 0), out);
		cell(json_text(t, "name", ""), out);
		cell(json_text(t, "state", ""), out);
		fputs("</tr>\n", out);
	}
	fputs("</table></div></details>\n", out);
}

static void print_mappings(const json_t *image, FILE *out)
{
	const json_t *mappings = json_object_get(image, "mappings"), *m;
	char size[24];
	size_t n;

	fprintf(out,
		"<details><summary>%zu mappings</summary><div class=\"scroll\"><table>"
		"<tr><th>address<th>access<th class=\"n\">size"
		"<th class=\"n\">in image<th>kind<th>name</tr>\n",
		json_array_size(mappings));
	json_array_foreach(mappings, n, m) {
		fprintf(out,
			"<tr><td class=\"a\">%s</td><td class=\"a\">%s</td><td class=\"n\">%s</td>",
			json_text(m, "start", ""), json_text(m, "protection", ""),
			size_text(json_number(m, "bytes", 0), size, sizeof(size)));
		fprintf(out, "<td class=\"n\">%s</td>",
			size_text(json_number(m, "savedBytes", 0), size, sizeof(size)));
		cell(json_text(m, "kind", ""), out);
		cell(json_text(m, "path", json_text(m, "name", "")), out);
		fputs("</tr>\n", out);
	}
	fputs("</table></div></details>\n", out);
}

static void print_descriptors(const json_t *image, FILE *out)
{
	const json_t *descriptors = json_object_get(image, "descriptors"), *d;
	size_t n;

	fprintf(out, "<details><summary>%zu descriptor%s</summary><div class=\"scroll\"><table>"
		"<tr><th class=\"n\">number<th>kind<th>access<th>name<th>other end<th>state</tr>\n",
		json_array_size(descriptors), plural(json_array_size(descriptors)));
	json_array_foreach(descriptors, n, d) {
		const char *peer = json_text(d, "peer", "");

		fputs("<tr>", out);
		number(json_number(d, "number", 0), out);
		cell(json_text(d, "protocol", json_text(d, "kind", "")), out);
		cell(json_text(d, "access", ""), out);
		cell(json_text(d, "path", json_text(d, "local", "")), out);
		cell(json_text(d, "remote", strcmp(peer, "none") ? peer : ""), out);
		cell(json_text(d, "state", json_text(d, "content", "")), out);
		fputs("</tr>\n", out);
	}
	fputs("</table></div></details>\n", out);
}

static void print_compression(const json_t *image, FILE *out)
{
	const json_t *entry;
	char a[24], b[24];
	size_t n;

	json_array_foreach(json_object_get(image, "compression"), n, entry)
		fprintf(out, "%s%s: %s to %s", n ? ", " : "", json_text(entry, "codec", ""),
			size_text(json_number(entry, "rawBytes", 0), a, sizeof(a)),
			size_text(json_number(entry, "storedBytes", 0), b, sizeof(b)));
}

static void print_process(const json_t *image, FILE *out)
{
	const json_t *argument;
	size_t n;

	fprintf(out, "<section class=\"process\"><h3><span class=\"pid\">%" PRId64 "</span> ",
		json_number(image, "virtualPid", 0));
	page_text(json_text(image, "program", "?"), out);
	fputs(" <span class=\"soft\">on ", out);
	page_text(json_text(image, "host", "?"), out);
	fputs("</span></h3>\n<p><code>", out);
	json_array_foreach(json_object_get(image, "arguments"), n, argument) {
		fputs(n ? " " : "", out);
		page_text(json_string_value(argument), out);
	}
	fputs("</code></p>\n<p class=\"soft\"><code>", out);
	page_text(json_text(image, "directory", ""), out);
	fputs("</code> · ", out);
	print_compression(image, out);
	fprintf(out, " · uid %" PRId64 "</p>\n",
		json_number(image, "uid", json_number(image, "owner", 0)));
	drawing_memory(image, out);
	print_mappings(image, out);
	print_descriptors(image, out);
	print_threads(image, out);
	fputs("</section>\n", out);
}

static void print_keys(const char *const keys[][2], size_t count, FILE *out)
{
	fputs("<div class=\"key\">", out);
	for (size_t n = 0; n < count; n++)
		fprintf(out, "<span><i style=\"background:var(--%s)\"></i>%s</span>", keys[n][0],
			keys[n][1]);
	fputs("</div>\n", out);
}

void page_print(const json_t *model, FILE *out)
{
	static const char *const links[][2] = {
		{ "pipe", "pipe" }, { "unix", "Unix socket" }, { "inet", "TCP, UDP" },
		{ "memory", "shared memory" }, { "other", "terminal" },
	};
	static const char *const kinds[][2] = {
		{ "code", "code" },   { "data", "library data" },   { "heap", "heap" },
		{ "stack", "stack" }, { "anonymous", "anonymous" }, { "shared", "shared memory" },
		{ "file", "file" },   { "reserved", "reserved" },
	};
	const json_t *images = json_object_get(model, "images"), *first = json_array_get(images, 0),
		     *image;
	size_t n;

	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
	      out);
	page_text(json_text(first, "program", "No image"), out);
	fprintf(out, " · checkpoint</title>\n<style>\n%s</style></head>\n<body>\n<h1>", style);
	page_text(json_text(first, "program", "No image could be read"), out);
	fputs("</h1>\n<p class=\"soft\">computation ", out);
	page_text(json_text(first, "computationId", "?"), out);
	fputs(" · ", out);
	page_text(json_text(first, "created", "?"), out);
	fputs("</p>\n", out);
	print_problems(model, out);
	if (json_array_size(images)) {
		print_cards(images, out);
		fputs("<h2>Processes</h2>\n", out);
		drawing_tree(images, out);
		fputs("<h2>Connections</h2>\n", out);
		print_keys(links, sizeof(links) / sizeof(*links), out);
		drawing_connections(model, out);
		print_links(model, out);
		fputs("<h2>What is in them</h2>\n", out);
		print_keys(kinds, sizeof(kinds) / sizeof(*kinds), out);
	}
	json_array_foreach(images, n, image)
		print_process(image, out);
	fputs("</body></html>\n", out);
}
