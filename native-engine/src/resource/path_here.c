#include "path_here.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/path_mapping.h"
#include "../common/plugin_area.h"
#include "plugin_choices.h"
#include "records.h"

/* What the library of the program translates with: wrappers/paths.c. */
static int mapping_capture(struct capture *c)
{
	char mapping[PLUGIN_MAPPING_BYTES];
	size_t bytes;

	if (!plugin_choices_read(c->process, offsetof(struct plugin_choices, path_mapping), mapping,
				 sizeof(mapping)))
		return 0;
	bytes = strnlen(mapping, sizeof(mapping));
	if (bytes)
		record_append(c->records, RECORD_PATH_MAPPING, NULL, 0, mapping, bytes);
	return 0;
}

void path_here(const struct image_reader *image, char *path)
{
	const char *now = getenv(PATH_MAPPING_VARIABLE);
	char before[PLUGIN_MAPPING_BYTES];
	const struct record *record;
	const char *tail;
	size_t bytes;

	if (!now || !*now)
		return;
	record = record_find(&image->records, RECORD_PATH_MAPPING, NULL);
	if (record) {
		tail = record_tail(record, 0, &bytes);
		snprintf(before, sizeof(before), "%.*s", (int)bytes, tail);
		path_mapping_apply(before, true, path);
	}
	path_mapping_apply(now, false, path);
}

const struct resource path_mapping_resource = {
	.name = "path mapping",
	.capture = mapping_capture,
};
