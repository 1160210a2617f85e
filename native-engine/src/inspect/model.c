#include <time.h>

#include "../resource/resource.h"
#include "inspection.h"

static json_t *time_text(uint64_t ns)
{
	time_t seconds = ns / 1000000000;
	char text[40] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

/* Every chunk names its codec: what was stored how. */
static json_t *compression_of(const struct image_reader *image)
{
	static const char *const names[] = { "none", "zstd", "gzip", "lz4" };
	uint64_t stored[4] = { 0 }, raw[4] = { 0 }, chunks[4] = { 0 };
	json_t *list = json_array();

	for (uint64_t n = 0; n < image->header.chunk_count; n++) {
		const struct image_chunk *c = &image->chunks[n];

		stored[c->codec] += c->stored_bytes;
		raw[c->codec] += c->raw_bytes;
		chunks[c->codec]++;
	}
	for (int codec = 0; codec < 4; codec++)
		if (chunks[codec])
			json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I}", "codec",
				names[codec], "chunks", (json_int_t)chunks[codec], "rawBytes",
				(json_int_t)raw[codec], "storedBytes", (json_int_t)stored[codec]));
	return list;
}

static json_t *image_model(struct image_reader *image)
{
	const struct image_header *h = &image->header;
	json_t *out = json_object();

	json_object_set_new(out, "path", json_from_text(image->path));
	json_object_set_new(out, "program", json_from_text(h->program));
	json_object_set_new(out, "host", json_from_text(h->host));
	json_object_set_new(out, "uniquePid", json_from_text(h->unique_pid));
	json_object_set_new(out, "virtualPid", json_integer(h->virtual_pid));
	json_object_set_new(out, "computationId", json_from_text(h->computation_id));
	json_object_set_new(out, "generation", json_integer(h->generation));
	json_object_set_new(out, "manifestId", json_from_text(h->manifest_id));
	json_object_set_new(out, "members", json_integer(h->members));
	json_object_set_new(out, "created", time_text(h->created_ns));
	json_object_set_new(out, "owner", json_integer(h->owner_uid));
	json_object_set_new(out, "formatVersion", json_integer(h->format_version));
	json_object_set_new(out, "fileBytes", json_integer(h->file_bytes));
	json_object_set_new(out, "rawBytes", json_integer(h->raw_content_bytes));
	json_object_set_new(out, "metadataBytes", json_integer(h->metadata_raw_bytes));
	json_object_set_new(out, "compression", compression_of(image));
	json_object_set_new(out, "digest", json_string(image->digest));
	for (size_t n = 0; resource_table[n]; n++)
		if (resource_table[n]->describe)
			resource_table[n]->describe(image, out);
	return out;
}

json_t *inspection_model(struct inspection *i, bool verified)
{
	json_t *images = json_array(), *model;

	for (size_t n = 0; n < i->count; n++)
		json_array_append_new(images, image_model(i->images[n]));
	model = json_pack("{s:o, s:O, s:O, s:o}", "connections", connections_of(images),
			  "manifests", i->manifests, "problems", i->problems, "images", images);
	json_object_set_new(model, "verified",
			    json_boolean(verified && !json_array_size(i->problems)));
	return model;
}
