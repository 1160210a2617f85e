#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "../common/file.h"
#include "codec.h"
#include "image.h"

#define HEADER_BYTES_MAX (64u << 10)
#define METADATA_BYTES_MAX ((uint64_t)1 << 30)

_Static_assert(sizeof(struct image_header) == 512, "part of the file format");
_Static_assert(sizeof(struct image_chunk) == 32 && sizeof(struct image_run) == 32, "file format");

static int damaged(const char *path, const char *what, struct fault *fault)
{
	return fault_set(fault, EBADMSG, "image-damaged", "%s: %s is damaged", path, what);
}

static int unreadable(const char *path, int ret, struct fault *fault)
{
	if (ret == -ENODATA)
		return fault_set(fault, EBADMSG, "image-truncated", "%s: it became shorter while it "
				 "was read", path);
	if (ret == -EMFILE)
		return fault_set(fault, EMFILE, "too-many-descriptors", "%s: %s", path,
				 strerror(EMFILE));
	return fault_set(fault, -ret, "image-unreadable", "%s: %s", path, strerror(-ret));
}

/*
 * Whatever the version, a header says how long it is and ends with its own checksum: so damage is told
 * apart from what is really newer or from elsewhere.
 */
static int read_header(struct image_reader *r, uint64_t file_bytes, struct fault *fault)
{
	struct image_header *h = &r->header;
	uint8_t *whole = NULL;
	uint64_t checksum;
	int ret;

	memset(h, 0, sizeof(*h));
	ret = file_read_at(r->fd, h, file_bytes < 16 ? file_bytes : 16, 0);
	if (ret < 0)
		return unreadable(r->path, ret, fault);
	if (memcmp(h->magic, IMAGE_MAGIC, file_bytes < 8 ? file_bytes : 8))
		return fault_set(fault, EINVAL, "image-not-ours", "%s: not a checkpoint image",
				 r->path);
	if (file_bytes < sizeof(*h))
		return fault_set(fault, EBADMSG, "image-truncated", "%s: only %llu bytes long",
				 r->path, (unsigned long long)file_bytes);
	if (h->header_bytes < 128 || h->header_bytes > HEADER_BYTES_MAX)
		return damaged(r->path, "the header", fault);
	if (h->header_bytes > file_bytes)
		return fault_set(fault, EBADMSG, "image-truncated", "%s: it ends in its header",
				 r->path);
	whole = malloc(h->header_bytes);
	if (!whole)
		return fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory", r->path);
	ret = file_read_at(r->fd, whole, h->header_bytes, 0);
	if (ret < 0) {
		ret = unreadable(r->path, ret, fault);
		goto out_free;
	}
	memcpy(h, whole, h->header_bytes < sizeof(*h) ? h->header_bytes : sizeof(*h));
	memcpy(&checksum, whole + h->header_bytes - 8, 8);
	if (checksum != XXH3_64bits(whole, h->header_bytes - 8))
		ret = damaged(r->path, "the header", fault);
	else if (h->format_version > IMAGE_FORMAT_VERSION)
		ret = fault_set(fault, EPROTONOSUPPORT, "image-newer-version",
				"%s: format version %u, this program reads up to %u", r->path,
				h->format_version, IMAGE_FORMAT_VERSION);
	else if (h->header_bytes != sizeof(*h) || !h->format_version)
		ret = damaged(r->path, "the header", fault);
out_free:
	free(whole);
	return ret;
}

static int check_header(struct image_reader *r, const struct stat *st, bool any_owner,
			struct fault *fault)
{
	const struct image_header *h = &r->header;
	uint64_t file_bytes = st->st_size, index_bytes;

	if (h->machine != EM_X86_64 || h->page_bytes != 4096)
		return fault_set(fault, ENOEXEC, "image-foreign-machine",
				 "%s: ELF machine %u with pages of %u bytes, this one is %u with 4096",
				 r->path, h->machine, h->page_bytes, EM_X86_64);
	/* The file's owner counts too: a header is easily forged, and root's copies are fine. */
	if (!any_owner && (h->owner_uid != geteuid() || (st->st_uid && st->st_uid != geteuid())))
		return fault_set(fault, EPERM, "image-other-owner",
				 "%s: written by user %u, file of user %u, you are user %u", r->path,
				 h->owner_uid, st->st_uid, geteuid());
	if (file_bytes < h->file_bytes)
		return fault_set(fault, EBADMSG, "image-truncated", "%s: %llu bytes of %llu", r->path,
				 (unsigned long long)file_bytes, (unsigned long long)h->file_bytes);
	if (file_bytes > h->file_bytes)
		return damaged(r->path, "its end (longer than written)", fault);
	if (h->chunk_count > file_bytes || h->run_count > file_bytes)
		return damaged(r->path, "the header", fault);
	index_bytes = h->chunk_count * sizeof(*r->chunks) + h->run_count * sizeof(*r->runs);
	if (h->index_bytes != index_bytes || h->index_offset > file_bytes ||
	    index_bytes > file_bytes - h->index_offset || h->metadata_offset > file_bytes ||
	    h->metadata_stored_bytes > file_bytes - h->metadata_offset ||
	    h->metadata_raw_bytes > METADATA_BYTES_MAX ||
	    h->metadata_stored_bytes > h->metadata_raw_bytes)
		return damaged(r->path, "the header", fault);
	/* Texts are used as such from here on. */
	if (h->computation_id[sizeof(h->computation_id) - 1] ||
	    h->unique_pid[sizeof(h->unique_pid) - 1] || h->manifest_id[sizeof(h->manifest_id) - 1] ||
	    h->program[sizeof(h->program) - 1] || h->host[sizeof(h->host) - 1])
		return damaged(r->path, "the header", fault);
	return 0;
}

static int read_metadata(struct image_reader *r, XXH3_state_t *digest, struct fault *fault)
{
	const struct image_header *h = &r->header;
	uint8_t *stored = malloc(h->metadata_stored_bytes + 1), *raw = NULL;
	int ret;

	if (!stored)
		goto no_memory;
	ret = file_read_at(r->fd, stored, h->metadata_stored_bytes, h->metadata_offset);
	if (ret < 0) {
		ret = unreadable(r->path, ret, fault);
		goto out_free;
	}
	XXH3_128bits_update(digest, stored, h->metadata_stored_bytes);
	if (XXH3_64bits(stored, h->metadata_stored_bytes) != h->metadata_checksum) {
		ret = damaged(r->path, "the metadata", fault);
		goto out_free;
	}
	if (h->metadata_stored_bytes < h->metadata_raw_bytes) {
		raw = malloc(h->metadata_raw_bytes);
		if (!raw)
			goto no_memory;
		if (ZSTD_decompress(raw, h->metadata_raw_bytes, stored,
				    h->metadata_stored_bytes) != h->metadata_raw_bytes) {
			free(raw);
			ret = damaged(r->path, "the metadata", fault);
			goto out_free;
		}
		free(stored);
	} else {
		raw = stored;
	}
	r->records = (struct buffer){ .data = raw, .bytes = h->metadata_raw_bytes,
				      .capacity = h->metadata_raw_bytes };
	for (const struct record *rec = NULL, *next;; rec = next) {
		size_t end;

		next = record_next(&r->records, rec);
		if (next)
			continue;
		end = rec ? (const uint8_t *)rec - raw + sizeof(*rec) + ((rec->bytes + 7ull) & ~7ull)
			  : 0;
		return end == r->records.bytes ? 0 : damaged(r->path, "the metadata", fault);
	}

no_memory:
	ret = fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory for its metadata", r->path);
out_free:
	free(stored);
	return ret;
}

static bool index_is_sound(const struct image_reader *r)
{
	const struct image_header *h = &r->header;

	for (uint64_t i = 0; i < h->chunk_count; i++) {
		const struct image_chunk *c = &r->chunks[i];

		if (c->file_offset < sizeof(*h) || c->file_offset > h->file_bytes ||
		    c->stored_bytes > h->file_bytes - c->file_offset || !c->raw_bytes ||
		    c->raw_bytes > IMAGE_CHUNK_BYTES || c->stored_bytes > c->raw_bytes ||
		    c->codec > CODEC_LZ4 ||
		    (c->codec == CODEC_NONE && c->stored_bytes != c->raw_bytes))
			return false;
	}
	for (uint64_t i = 0; i < h->run_count; i++) {
		const struct image_run *run = &r->runs[i], *last = i ? run - 1 : NULL;

		if (run->chunk >= h->chunk_count || !run->bytes ||
		    run->bytes > r->chunks[run->chunk].raw_bytes ||
		    run->chunk_offset > r->chunks[run->chunk].raw_bytes - run->bytes ||
		    run->offset + run->bytes < run->offset)
			return false;
		if (last && (last->object > run->object ||
			     (last->object == run->object &&
			      last->offset + last->bytes > run->offset)))
			return false;
	}
	return true;
}

static int read_index(struct image_reader *r, XXH3_state_t *digest, struct fault *fault)
{
	const struct image_header *h = &r->header;
	size_t chunk_bytes = h->chunk_count * sizeof(*r->chunks);
	uint8_t *index = malloc(h->index_bytes + 1);
	int ret;

	if (!index)
		return fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory for its index",
				 r->path);
	r->chunks = (struct image_chunk *)index;
	r->runs = (struct image_run *)(index + chunk_bytes);
	ret = file_read_at(r->fd, index, h->index_bytes, h->index_offset);
	if (ret < 0)
		return unreadable(r->path, ret, fault);
	XXH3_128bits_update(digest, index, h->index_bytes);
	if (XXH3_64bits(index, h->index_bytes) != h->index_checksum || !index_is_sound(r))
		return damaged(r->path, "the index", fault);
	return 0;
}

static int reader_fill(struct image_reader *r, bool any_owner, struct fault *fault)
{
	XXH3_state_t *digest = NULL;
	XXH128_canonical_t hash;
	struct stat st;
	int ret;

	r->fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us */
	if (r->fd < 0 || fstat(r->fd, &st))
		return unreadable(r->path, -errno, fault);
	if (!S_ISREG(st.st_mode))
		return fault_set(fault, EINVAL, "image-not-ours", "%s: not a regular file", r->path);
	ret = read_header(r, st.st_size, fault);
	if (!ret)
		ret = check_header(r, &st, any_owner, fault);
	if (ret < 0)
		return ret;
	digest = XXH3_createState();
	if (!digest)
		return fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory", r->path);
	XXH3_128bits_reset(digest);
	ret = read_metadata(r, digest, fault);
	if (!ret)
		ret = read_index(r, digest, fault);
	XXH3_128bits_update(digest, &r->header, sizeof(r->header));
	XXH128_canonicalFromHash(&hash, XXH3_128bits_digest(digest));
	XXH3_freeState(digest);
	for (size_t i = 0; i < sizeof(hash.digest); i++)
		snprintf(r->digest + 2 * i, 3, "%02x", hash.digest[i]);
	return ret;
}

static int reader_open(struct image_reader **out, const char *path, bool any_owner,
		       struct fault *fault)
{
	struct image_reader *r = calloc(1, sizeof(*r));
	int ret;

	*out = NULL;
	if (!r)
		return fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory", path);
	r->fd = -1;
	if (snprintf(r->path, sizeof(r->path), "%s", path) >= (int)sizeof(r->path))
		ret = unreadable(path, -ENAMETOOLONG, fault);
	else
		ret = reader_fill(r, any_owner, fault);
	if (ret < 0) {
		image_reader_close(r);
		return ret;
	}
	*out = r;
	return 0;
}

int image_reader_open(struct image_reader **out, const char *path, struct fault *fault)
{
	return reader_open(out, path, false, fault);
}

int image_reader_open_any_owner(struct image_reader **out, const char *path, struct fault *fault)
{
	return reader_open(out, path, true, fault);
}

void image_reader_close(struct image_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	buffer_free(&r->records);
	free(r->chunks); /* one allocation with the runs */
	free(r);
}
