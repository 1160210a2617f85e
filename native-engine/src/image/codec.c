#include "codec.h"

#include <errno.h>
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* Of every chunk this much is tried first: random and already compressed data is stored as it is. */
#define PROBE_BYTES ((size_t)64 << 10)

struct codec {
	ZSTD_CCtx *compressor;
	ZSTD_DCtx *decompressor;
};

struct codec *codec_new(void)
{
	return calloc(1, sizeof(struct codec));
}

void codec_free(struct codec *c)
{
	if (!c)
		return;
	ZSTD_freeCCtx(c->compressor);
	ZSTD_freeDCtx(c->decompressor);
	free(c);
}

static size_t zstd_compress(struct codec *c, int level, const void *data, size_t bytes, void *out,
			    size_t capacity)
{
	size_t n;

	if (!c->compressor && !(c->compressor = ZSTD_createCCtx()))
		return 0;
	n = ZSTD_compressCCtx(c->compressor, out, capacity, data, bytes, level ? level : 1);
	return ZSTD_isError(n) ? 0 : n;
}

static size_t gzip_compress(int level, const void *data, size_t bytes, void *out, size_t capacity)
{
	uLongf n = capacity;

	return compress2(out, &n, data, bytes, level ? level : Z_BEST_SPEED) == Z_OK ? n : 0;
}

static size_t lz4_compress(int level, const void *data, size_t bytes, void *out, size_t capacity)
{
	int n = level > 1 ? LZ4_compress_HC(data, out, bytes, capacity, level) :
			    LZ4_compress_default(data, out, bytes, capacity);

	return n > 0 ? n : 0;
}

static size_t compress_with(struct codec *c, uint32_t kind, int level, const void *data,
			    size_t bytes, void *out, size_t capacity)
{
	switch (kind) {
	case CODEC_ZSTD:
		return zstd_compress(c, level, data, bytes, out, capacity);
	case CODEC_GZIP:
		return gzip_compress(level, data, bytes, out, capacity);
	case CODEC_LZ4:
		return lz4_compress(level, data, bytes, out, capacity);
	}
	return 0;
}

size_t codec_compress(struct codec *c, uint32_t kind, int level, const void *data, size_t bytes,
		      void *out)
{
	size_t n;

	if (kind == CODEC_NONE || bytes < 16)
		return 0;
	if (bytes > 4 * PROBE_BYTES) {
		const char *middle = (const char *)data + bytes / 2 - PROBE_BYTES;

		n = compress_with(c, kind == CODEC_GZIP ? CODEC_ZSTD : kind, 0, middle, PROBE_BYTES,
				  out, bytes);
		if (!n || n > PROBE_BYTES - PROBE_BYTES / 32) {
			n = compress_with(c, kind == CODEC_GZIP ? CODEC_ZSTD : kind, 0, data,
					  PROBE_BYTES, out, bytes);
			if (!n || n > PROBE_BYTES - PROBE_BYTES / 32)
				return 0;
		}
	}
	n = compress_with(c, kind, level, data, bytes, out, bytes - 1);
	return n < bytes ? n : 0;
}

static int zstd_decompress(struct codec *c, const void *stored, size_t stored_bytes, void *out,
			   size_t raw_bytes)
{
	if (!c->decompressor && !(c->decompressor = ZSTD_createDCtx()))
		return -ENOMEM;
	return ZSTD_decompressDCtx(c->decompressor, out, raw_bytes, stored, stored_bytes) ==
	       raw_bytes ? 0 : -EBADMSG;
}

int codec_decompress(struct codec *c, uint32_t kind, const void *stored, size_t stored_bytes,
		     void *out, size_t raw_bytes)
{
	uLongf n = raw_bytes;

	switch (kind) {
	case CODEC_NONE:
		if (stored_bytes != raw_bytes)
			return -EBADMSG;
		memcpy(out, stored, raw_bytes);
		return 0;
	case CODEC_ZSTD:
		return zstd_decompress(c, stored, stored_bytes, out, raw_bytes);
	case CODEC_GZIP:
		return uncompress(out, &n, stored, stored_bytes) == Z_OK && n == raw_bytes ?
		       0 : -EBADMSG;
	case CODEC_LZ4:
		return LZ4_decompress_safe(stored, out, stored_bytes, raw_bytes) == (int)raw_bytes ?
		       0 : -EBADMSG;
	}
	return -EBADMSG;
}
