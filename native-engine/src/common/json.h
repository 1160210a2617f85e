/* Small additions to jansson: bytes that need not be UTF-8, typed reading, files. */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

/*
 * A JSON string of arbitrary bytes: valid UTF-8 stays, any other byte XX becomes U+00XX. NULL
 * without memory.
 */
json_t *json_from_bytes(const char *bytes, size_t length);
json_t *json_from_text(const char *text); /* terminated; NULL gives null */

/* A field of an object, or @missing when it is absent or of another type. */
const char *json_text(const json_t *object, const char *key, const char *missing);
int64_t json_number(const json_t *object, const char *key, int64_t missing);
bool json_flag(const json_t *object, const char *key, bool missing);

/* {"id","text","remedy"} of a fault. */
json_t *json_from_fault(const struct fault *fault);

/*
 * Writes @value to @path (created 0600, O_EXCL after removing an older one) and fsyncs the file and its
 * directory. Faults disk-full, image-unwritable.
 */
int json_write_file(const char *path, const json_t *value, struct fault *fault);

#endif
