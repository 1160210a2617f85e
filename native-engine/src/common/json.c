#include "json.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "file.h"

/* Length of the valid UTF-8 sequence at @s (RFC 3629), 0 when it is none. */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 :
		   s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

json_t *json_from_bytes(const char *bytes, size_t length)
{
	struct buffer text = { 0 };
	json_t *string = NULL;

	for (size_t i = 0; i < length;) {
		const unsigned char *s = (const unsigned char *)bytes + i;
		size_t n = utf8_sequence(s, length - i);

		if (n) {
			buffer_append(&text, s, n);
			i += n;
		} else {
			unsigned char two[2] = { 0xc0 | s[0] >> 6, 0x80 | (s[0] & 0x3f) };

			buffer_append(&text, two, 2);
			i++;
		}
	}
	if (!text.failed)
		string = json_stringn(text.data ? (const char *)text.data : "", text.bytes);
	buffer_free(&text);
	return string;
}

json_t *json_from_text(const char *text)
{
	return text ? json_from_bytes(text, strlen(text)) : json_null();
}

const char *json_text(const json_t *object, const char *key, const char *missing)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : missing;
}

int64_t json_number(const json_t *object, const char *key, int64_t missing)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : missing;
}

bool json_flag(const json_t *object, const char *key, bool missing)
{
	const json_t *value = json_object_get(object, key);

	return json_is_boolean(value) ? json_is_true(value) : missing;
}

json_t *json_from_fault(const struct fault *fault)
{
	return json_pack("{s:s, s:o, s:s}", "id", fault->id[0] ? fault->id : "internal", "text",
			 json_from_text(fault->text), "remedy", fault_remedy(fault->id));
}

int json_write_file(const char *path, const json_t *value, struct fault *fault)
{
	char *text = json_dumps(value, JSON_INDENT(1));
	int ret, fd;

	if (!text)
		return fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory for it", path);
	fd = ret = file_create(path, fault);
	if (ret < 0)
		goto out_free;
	ret = file_write_at(fd, text, strlen(text), 0);
	if (!ret && fsync(fd))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (!ret)
		ret = file_sync_directory_of(path);
	if (ret < 0) {
		file_write_fault(fault, -ret, path);
		unlink(path);
	}
out_free:
	free(text);
	return ret;
}
