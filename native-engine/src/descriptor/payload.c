#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "descriptor.h"

void file_payload_head(const void *payload, size_t bytes, void *head, size_t head_bytes)
{
	uint32_t written = 0;

	memset(head, 0, head_bytes);
	if (bytes >= sizeof(written))
		memcpy(&written, payload, sizeof(written));
	if (written > bytes)
		written = bytes;
	memcpy(head, payload, written < head_bytes ? written : head_bytes);
}

const void *file_payload_tail(const void *payload, size_t bytes, size_t *tail_bytes)
{
	uint32_t written = 0;

	if (bytes >= sizeof(written))
		memcpy(&written, payload, sizeof(written));
	if (written > bytes)
		written = bytes;
	*tail_bytes = bytes - written;
	return (const char *)payload + written;
}

void file_payload_describe_path(const void *payload, size_t bytes, json_t *out)
{
	size_t length;
	const char *path = file_payload_tail(payload, bytes, &length);

	json_object_set_new(out, "path", json_from_bytes(path, length));
}

json_t *file_id_text(uint64_t id)
{
	char text[20];

	snprintf(text, sizeof(text), "%" PRIx64, id);
	return json_string(text);
}
