/* Gzip through zlib, which checks each member's length and sum. A build without zlib refuses such files by name. */
#include "data/format/gzip.h"

#include "base/mem.h"
#include "base/status.h"

int trm__gzip_begins(const char *data, size_t size) {
  return size >= 2 && (unsigned char)data[0] == 0x1f && (unsigned char)data[1] == 0x8b;
}

#ifdef TRM_ZLIB
#include <zlib.h>

typedef struct unpacking {
  z_stream stream;
  char *text;
  size_t used, room, limit;
  const char *where;
  trm_error *err;
} unpacking;

static trm_status gzip_grow(unpacking *u) {
  size_t room = u->room ? 2 * u->room : (size_t)64 << 10;
  if (u->used > u->limit)
    return trm__fail(u->err, TRM_E_INPUT, u->where, "unpacks to more than %zu bytes, expected at most that", u->limit);
  char *larger = trm__realloc(u->text, room, 1);
  if (!larger) return trm__fail_memory(u->err, u->where, room);
  u->text = larger;
  u->room = room;
  return TRM_OK;
}

/* Inflates what the stream has been given; *result is zlib's. Its counters are 32 bits wide, so the room is given in
 * pieces. */
static trm_status gzip_inflate(unpacking *u, int *result) {
  do {
    if (u->used == u->room) {
      trm_status status = gzip_grow(u);
      if (status) return status;
    }
    size_t piece = u->room - u->used < (1u << 30) ? u->room - u->used : (1u << 30);
    u->stream.next_out = (Bytef *)u->text + u->used;
    u->stream.avail_out = (uInt)piece;
    *result = inflate(&u->stream, Z_NO_FLUSH);
    u->used += piece - u->stream.avail_out;
  } while (*result == Z_OK && (u->stream.avail_in > 0 || u->stream.avail_out == 0));
  return TRM_OK;
}

static trm_status gzip_unpack_all(unpacking *u, const char *data, size_t size) {
  int result = Z_OK;
  for (size_t at = 0; at < size;) {
    size_t piece = size - at < (1u << 30) ? size - at : (1u << 30);
    u->stream.next_in = (Bytef *)(uintptr_t)(data + at); /* not written: zlib's type only lacks a const */
    u->stream.avail_in = (uInt)piece;
    trm_status status = gzip_inflate(u, &result);
    if (status) return status;
    at += piece - u->stream.avail_in;
    if (result == Z_STREAM_END) {
      if (at == size || !trm__gzip_begins(data + at, size - at)) return TRM_OK; /* what follows is no member: padding */
      result = inflateReset(&u->stream);
    }
    if (result != Z_OK && result != Z_BUF_ERROR)
      return trm__fail(u->err, TRM_E_INPUT, u->where, "damaged gzip data at byte %zu: %s", at + 1,
                       u->stream.msg ? u->stream.msg : "not understood");
  }
  return trm__fail(u->err, TRM_E_INPUT, u->where, "the gzip data end too early, expected a whole file");
}

static voidpf gzip_allocate(voidpf context, uInt items, uInt size) {
  (void)context;
  return trm__calloc(items, size);
}

static void gzip_free(voidpf context, voidpf memory) {
  (void)context;
  trm__free(memory);
}

trm_status trm__gzip_unpack(char **out, size_t *out_size, const char *data, size_t size, size_t limit,
                            const char *where, trm_error *err) {
  unpacking u = {.limit = limit, .where = where, .err = err};
  u.stream.zalloc = gzip_allocate;
  u.stream.zfree = gzip_free;
  if (inflateInit2(&u.stream, 15 + 16) != Z_OK) return trm__fail_memory(err, where, 1 << 16);
  trm_status status = gzip_unpack_all(&u, data, size);
  (void)inflateEnd(&u.stream);
  if (status) {
    trm__free(u.text);
    return status;
  }
  *out = u.text;
  *out_size = u.used;
  return TRM_OK;
}

#else

trm_status trm__gzip_unpack(char **out, size_t *out_size, const char *data, size_t size, size_t limit,
                            const char *where, trm_error *err) {
  (void)out, (void)out_size, (void)data, (void)size, (void)limit;
  return trm__fail(err, TRM_E_UNSUPPORTED, where,
                   "packed with gzip, which this build cannot unpack (it has no zlib); expected text: gunzip it first");
}

#endif
