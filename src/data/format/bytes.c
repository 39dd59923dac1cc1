/* The text of a file: see bytes.h. */
#include "data/format/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "data/format/gzip.h"

enum { WAIT_MS = 100 };

size_t trm__bytes_mark(const char *data, size_t size) {
  return size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* -- UTF-16 -------------------------------------------------------------------------------------------------------- */

typedef enum wide { NARROW, LITTLE, BIG } wide;

/* The order of UTF-16's bytes: by its mark, or where every other of the first four bytes is NUL. */
static wide bytes_wide(const char *data, size_t size) {
  if (size >= 2 && memcmp(data, "\xff\xfe", 2) == 0) return LITTLE;
  if (size >= 2 && memcmp(data, "\xfe\xff", 2) == 0) return BIG;
  if (size < 4) return NARROW;
  if (data[0] && !data[1] && data[2] && !data[3]) return LITTLE;
  return !data[0] && data[1] && !data[2] && data[3] ? BIG : NARROW;
}

static uint32_t bytes_unit(const char *data, size_t at, wide order) {
  const unsigned char *u = (const unsigned char *)data + at;
  return order == LITTLE ? (uint32_t)(u[0] | u[1] << 8) : (uint32_t)(u[1] | u[0] << 8);
}

/* Writes a code point as UTF-8; returns its bytes. */
static size_t bytes_put(char *out, uint32_t point) {
  static const unsigned char first[5] = {0, 0, 0xc0, 0xe0, 0xf0};
  size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  for (size_t i = length - 1; i > 0; i--, point >>= 6) out[i] = (char)(0x80 | (point & 0x3f));
  out[0] = (char)(length == 1 ? point : first[length] | point);
  return length;
}

/* A unit of two bytes takes at most three in UTF-8, a pair of them four. */
static trm_status bytes_from_wide(char **out, size_t *out_size, const char *data, size_t size, wide order,
                                  const char *where, trm_error *err) {
  if (size % 2 != 0) return trm__fail(err, TRM_E_INPUT, where, "UTF-16 of %zu bytes, expected an even number", size);
  char *text = trm__calloc(size / 2 + 1, 3);
  if (!text) return trm__fail_memory(err, where, size / 2 * 3);
  size_t used = 0;
  for (size_t at = bytes_unit(data, 0, order) == 0xfeff ? 2 : 0; at < size; at += 2) {
    uint32_t point = bytes_unit(data, at, order), low = at + 2 < size ? bytes_unit(data, at + 2, order) : 0;
    int paired = point >= 0xd800 && point < 0xdc00 && low >= 0xdc00 && low < 0xe000;
    if (point >= 0xd800 && point < 0xe000 && !paired) {
      trm__free(text);
      return trm__fail(err, TRM_E_INPUT, where, "half of a UTF-16 pair at byte %zu, expected UTF-16 or UTF-8 text",
                       at + 1);
    }
    if (paired) point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00), at += 2;
    used += bytes_put(text + used, point);
  }
  *out = text;
  *out_size = used;
  return TRM_OK;
}

/* -- unpacking ----------------------------------------------------------------------------------------------------- */

int trm__bytes_packed(const char *data, size_t size) {
  return trm__gzip_begins(data, size) || bytes_wide(data, size) != NARROW;
}

trm_status trm__bytes_unpack(char **out, size_t *out_size, const char *data, size_t size, const char *where,
                             trm_error *err) {
  char *text = NULL;
  size_t length = 0;
  if (trm__gzip_begins(data, size)) {
    trm_status status = trm__gzip_unpack(&text, &length, data, size, TRM__BYTES_LIMIT, where, err);
    if (status) return status;
    data = text;
    size = length;
  }
  wide order = bytes_wide(data, size);
  trm_status status = TRM_OK;
  if (order != NARROW) {
    char *narrow = NULL;
    status = bytes_from_wide(&narrow, &length, data, size, order, where, err);
    trm__free(text);
    text = narrow;
  }
  if (status) return status;
  *out = text;
  *out_size = length;
  return TRM_OK;
}

/* -- files --------------------------------------------------------------------------------------------------------- */

static trm_status bytes_grow(trm__bytes *bytes, size_t *room, const char *path, trm_error *err) {
  size_t more = *room ? 2 * *room : (size_t)64 << 10;
  if (*room >= TRM__BYTES_LIMIT) return trm__fail(err, TRM_E_INPUT, path, "over %zu bytes", TRM__BYTES_LIMIT);
  char *larger = trm__realloc(bytes->own, more, 1);
  if (!larger) return trm__fail_memory(err, path, more);
  bytes->own = larger;
  *room = more;
  return TRM_OK;
}

/* What is no regular file is read to its end, without waiting for long, since the caller may be stopped. */
static trm_status bytes_read(trm__bytes *bytes, int fd, const char *path, trm__bytes_stop stop, trm_error *err) {
  size_t room = 0, used = 0;
  for (;;) {
    struct pollfd on = {.fd = fd, .events = POLLIN};
    if (stop.asked && stop.asked(stop.context))
      return trm__fail(err, TRM_E_STOPPED, path, "stopped while it was read, before anything was written");
    trm_status status = used == room ? bytes_grow(bytes, &room, path, err) : TRM_OK;
    if (status) return status;
    if (poll(&on, 1, WAIT_MS) <= 0) continue;
    ssize_t got = read(fd, bytes->own + used, room - used);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return trm__fail(err, TRM_E_IO, path, "cannot read: %s", strerror(errno));
    if (got == 0) break;
    used += (size_t)got;
  }
  bytes->data = bytes->own;
  bytes->size = used;
  return TRM_OK;
}

static trm_status bytes_load(trm__bytes *bytes, const char *path, trm__bytes_stop stop, trm_error *err) {
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return trm__fail(err, TRM_E_IO, path, "cannot open: %s", strerror(errno));
  trm_status status = TRM_OK;
  int known = fstat(fd, &info) == 0;
  if (known && S_ISDIR(info.st_mode)) {
    status = trm__fail(err, TRM_E_INPUT, path, "is a folder, expected a file of CSV or JSON");
  } else if (known && S_ISREG(info.st_mode)) {
    status = trm__map_open(&bytes->map, path, err);
    bytes->data = (const char *)bytes->map.data;
    bytes->size = bytes->map.size;
  } else {
    status = bytes_read(bytes, fd, path, stop, err);
  }
  (void)close(fd);
  if (status || bytes->size <= TRM__BYTES_LIMIT) return status;
  return trm__fail(err, TRM_E_INPUT, path, "%zu bytes, expected at most 8 GiB", bytes->size);
}

/* A model given in place of data is a common slip: eight bytes of length, then JSON. */
static trm_status bytes_check(const trm__bytes *bytes, const char *path, trm_error *err) {
  if (bytes->size > 9 && !bytes->data[7] && bytes->data[8] == '{')
    return trm__fail(err, TRM_E_INPUT, path, "this is a model (a safetensors file), expected a dataset");
  return TRM_OK;
}

trm_status trm__bytes_open(trm__bytes *out, const char *path, trm__bytes_stop stop, trm_error *err) {
  trm__bytes bytes = {0};
  char *text = NULL;
  size_t size = 0;
  trm_status status = bytes_load(&bytes, path, stop, err);
  if (!status) status = bytes_check(&bytes, path, err);
  if (!status && trm__bytes_packed(bytes.data, bytes.size)) {
    status = trm__bytes_unpack(&text, &size, bytes.data, bytes.size, path, err);
    if (!status) {
      trm__bytes_close(&bytes);
      bytes = (trm__bytes){.data = text, .size = size, .own = text};
    }
  }
  if (status) {
    trm__bytes_close(&bytes);
    return status;
  }
  size_t mark = trm__bytes_mark(bytes.data, bytes.size);
  bytes.data += mark;
  bytes.size -= mark;
  *out = bytes;
  return TRM_OK;
}

void trm__bytes_close(trm__bytes *bytes) {
  trm__map_close(&bytes->map);
  trm__free(bytes->own);
  *bytes = (trm__bytes){0};
}

void trm__bytes_free(char *text) {
  trm__free(text);
}
