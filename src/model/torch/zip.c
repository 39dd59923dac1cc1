/* The reader of zip archives that torch.save wrote: end record, directory, then each entry against both. */
#include "model/torch/zip.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"

enum { END = 22, LOCATOR = 20, END64 = 56, CENTRAL = 46, LOCAL = 30 }; /* bytes of the records without what varies */
enum { ENCRYPTED = 1 };

typedef struct archive {
  const unsigned char *data;
  size_t size;
  uint64_t entries, directory, bytes; /* of the directory: offset and length */
  const char *where;
  trm_error *err;
} archive;

uint64_t trm__zip_number(const unsigned char *at, int length) {
  uint64_t number = 0;
  for (int i = length - 1; i >= 0; i--) number = number << 8 | at[i];
  return number;
}

static int zip_is(const unsigned char *at, uint32_t signature) {
  return trm__zip_number(at, 4) == signature;
}

/* -- the end record ------------------------------------------------------------------------------------------------ */

static trm_status zip_read_end64(archive *a, size_t end) {
  const unsigned char *locator = a->data + end - LOCATOR;
  if (end < LOCATOR || !zip_is(locator, 0x07064b50))
    return trm__fail(a->err, TRM_E_INPUT, a->where,
                     "damaged zip archive: it has no zip64 end record where it needs one");
  uint64_t at = trm__zip_number(locator + 8, 8);
  if (end - LOCATOR < END64 || at > end - LOCATOR - END64 || !zip_is(a->data + at, 0x06064b50))
    return trm__fail(a->err, TRM_E_INPUT, a->where,
                     "damaged zip archive: its zip64 end record would be at byte %llu, where none is",
                     (unsigned long long)at);
  if (trm__zip_number(locator + 16, 4) > 1)
    return trm__fail(a->err, TRM_E_INPUT, a->where, "is a zip archive of several files, expected one");
  a->entries = trm__zip_number(a->data + at + 32, 8);
  a->bytes = trm__zip_number(a->data + at + 40, 8);
  a->directory = trm__zip_number(a->data + at + 48, 8);
  return TRM_OK;
}

/* From the end, since a comment of any bytes may follow the record. */
static trm_status zip_read_end(archive *a) {
  size_t least = a->size > END + 65535 ? a->size - END - 65535 : 0, at = a->size;
  for (size_t i = a->size < END ? 0 : a->size - END + 1; i > least && at == a->size; i--)
    if (zip_is(a->data + i - 1, 0x06054b50) && trm__zip_number(a->data + i + 19, 2) == a->size - END - (i - 1))
      at = i - 1;
  if (at == a->size)
    return trm__fail(a->err, TRM_E_INPUT, a->where,
                     "is a truncated zip archive: of its %zu bytes none begin the directory's end record", a->size);
  const unsigned char *end = a->data + at;
  if (trm__zip_number(end + 4, 2) != trm__zip_number(end + 6, 2) ||
      trm__zip_number(end + 8, 2) != trm__zip_number(end + 10, 2))
    return trm__fail(a->err, TRM_E_INPUT, a->where, "is a zip archive of several files, expected one");
  a->entries = trm__zip_number(end + 10, 2);
  a->bytes = trm__zip_number(end + 12, 4);
  a->directory = trm__zip_number(end + 16, 4);
  if (a->entries == 0xffff || a->bytes == 0xffffffff || a->directory == 0xffffffff) {
    trm_status status = zip_read_end64(a, at);
    if (status) return status;
  }
  if (a->directory > at || a->bytes > at - a->directory)
    return trm__fail(a->err, TRM_E_INPUT, a->where,
                     "damaged zip archive: its directory would be %llu bytes at byte %llu, of %zu in front of its end",
                     (unsigned long long)a->bytes, (unsigned long long)a->directory, at);
  if (a->entries > TRM__ZIP_MOST || a->entries * CENTRAL > a->bytes)
    return trm__fail(a->err, TRM_E_INPUT, a->where,
                     "damaged zip archive: its directory of %llu bytes would have %llu entries, expected at most %d",
                     (unsigned long long)a->bytes, (unsigned long long)a->entries, TRM__ZIP_MOST);
  return TRM_OK;
}

/* -- an entry ------------------------------------------------------------------------------------------------------ */

static trm_status zip_fail(const archive *a, const trm__zip_entry *e, const char *what) {
  return trm__fail(a->err, TRM_E_INPUT, a->where, "zip entry \"%.*s\" %s", e->length < 100 ? (int)e->length : 100,
                   e->name, what);
}

/* What did not fit into 32 bits, from extra field 1: size, packed size and offset, as many as are needed. */
static void zip_widen(const unsigned char *extra, size_t length, uint64_t *const number[3]) {
  for (size_t at = 0; at + 4 <= length;) {
    size_t kind = (size_t)trm__zip_number(extra + at, 2), bytes = (size_t)trm__zip_number(extra + at + 2, 2);
    at += 4;
    if (bytes > length - at) return;
    if (kind == 1)
      for (size_t i = 0, used = 0; i < 3; i++)
        if (*number[i] == 0xffffffff && used + 8 <= bytes)
          *number[i] = trm__zip_number(extra + at + used, 8), used += 8;
    at += bytes;
  }
}

/* The bytes behind the local header at offset. */
static trm_status zip_read_local(const archive *a, trm__zip_entry *e, uint64_t offset, uint64_t size) {
  if (a->directory < LOCAL || offset > a->directory - LOCAL)
    return zip_fail(a, e, "would begin behind the archive's directory");
  const unsigned char *local = a->data + offset;
  size_t name = (size_t)trm__zip_number(local + 26, 2), extra = (size_t)trm__zip_number(local + 28, 2);
  uint64_t begin = offset + LOCAL + name + extra;
  if (!zip_is(local, 0x04034b50)) return zip_fail(a, e, "has no local header where the directory says");
  if (begin > a->directory || size > a->directory - begin)
    return zip_fail(a, e, "would reach into the archive's directory");
  if (name != e->length || memcmp(local + LOCAL, e->name, name) != 0)
    return zip_fail(a, e, "has another name in its local header");
  e->data = a->data + begin;
  e->size = (size_t)size;
  return TRM_OK;
}

/* at: the entry in the directory, of which left bytes remain; *used of them are its own. */
static trm_status zip_read_entry(const archive *a, trm__zip_entry *e, const unsigned char *at, uint64_t left,
                                 size_t *used) {
  if (left < CENTRAL || !zip_is(at, 0x02014b50))
    return trm__fail(a->err, TRM_E_INPUT, a->where,
                     "damaged zip archive: its directory has fewer entries than it says");
  size_t name = (size_t)trm__zip_number(at + 28, 2), extra = (size_t)trm__zip_number(at + 30, 2);
  *used = CENTRAL + name + extra + (size_t)trm__zip_number(at + 32, 2);
  e->name = (const char *)at + CENTRAL;
  e->length = name;
  if (*used > left) {
    e->length = 0;
    return zip_fail(a, e, "is longer than the archive's directory");
  }
  if (memchr(e->name, 0, name)) return zip_fail(a, e, "has a NUL byte in its name");
  uint64_t packed = trm__zip_number(at + 20, 4), size = trm__zip_number(at + 24, 4),
           offset = trm__zip_number(at + 42, 4);
  e->crc = (uint32_t)trm__zip_number(at + 16, 4);
  zip_widen(at + CENTRAL + name, extra, (uint64_t *const[]){&size, &packed, &offset});
  if (trm__zip_number(at + 8, 2) & ENCRYPTED) return zip_fail(a, e, "is encrypted, which torch.save never does");
  if (trm__zip_number(at + 10, 2) != 0)
    return zip_fail(a, e, "is compressed, which torch.save never does; unpack the archive and pack it with zip -0 -r");
  if (packed != size) return zip_fail(a, e, "is stored, but has two sizes");
  return zip_read_local(a, e, offset, size);
}

/* -- the archive --------------------------------------------------------------------------------------------------- */

static int zip_by_place(const void *a, const void *b) {
  const trm__zip_entry *x = a, *y = b;
  if (x->data == y->data) return (x->size > y->size) - (x->size < y->size);
  return x->data < y->data ? -1 : 1;
}

static int zip_by_name(const void *a, const void *b) {
  const trm__zip_entry *x = *(const trm__zip_entry *const *)a, *y = *(const trm__zip_entry *const *)b;
  if (x->length != y->length) return x->length < y->length ? -1 : 1;
  return memcmp(x->name, y->name, x->length);
}

/* Between two entries lies at least the local header of the second. */
static trm_status zip_check_places(const archive *a, trm__zip *zip) {
  if (zip->count) qsort(zip->entry, zip->count, sizeof *zip->entry, zip_by_place);
  for (size_t i = 1; i < zip->count; i++) {
    const trm__zip_entry *before = &zip->entry[i - 1], *e = &zip->entry[i];
    if ((size_t)(e->data - before->data) < before->size + LOCAL + e->length)
      return zip_fail(a, e, "overlaps the one before it");
  }
  return TRM_OK;
}

static trm_status zip_check_names(const archive *a, const trm__zip *zip) {
  const trm__zip_entry **sorted = trm__calloc(zip->count + 1, sizeof *sorted);
  trm_status status = TRM_OK;
  if (!sorted) return trm__fail_memory(a->err, a->where, zip->count * sizeof *sorted);
  for (size_t i = 0; i < zip->count; i++) sorted[i] = &zip->entry[i];
  if (zip->count) qsort(sorted, zip->count, sizeof *sorted, zip_by_name);
  for (size_t i = 1; i < zip->count && !status; i++)
    if (!zip_by_name(&sorted[i - 1], &sorted[i])) status = zip_fail(a, sorted[i], "is there twice");
  trm__free(sorted);
  return status;
}

trm_status trm__zip_parse(trm__zip *zip, const void *data, size_t size, const char *where, trm_error *err) {
  archive a = {.data = data, .size = size, .where = where, .err = err};
  trm__zip parsed = {0};
  trm_status status = zip_read_end(&a);
  if (status) return status;
  parsed.entry = trm__calloc((size_t)a.entries + 1, sizeof *parsed.entry);
  if (!parsed.entry) return trm__fail_memory(err, where, (size_t)a.entries * sizeof *parsed.entry);
  size_t used = 0;
  for (uint64_t at = a.directory; parsed.count < a.entries && !status; at += used)
    status = zip_read_entry(&a, &parsed.entry[parsed.count++], a.data + at, a.directory + a.bytes - at, &used);
  if (!status) status = zip_check_places(&a, &parsed);
  if (!status) status = zip_check_names(&a, &parsed);
  if (status) trm__zip_close(&parsed);
  else *zip = parsed;
  return status;
}

void trm__zip_close(trm__zip *zip) {
  trm__free(zip->entry);
  *zip = (trm__zip){0};
}

trm__zip_entry *trm__zip_find(const trm__zip *zip, const char *folder, size_t length, const char *name) {
  size_t rest = strlen(name);
  for (size_t i = 0; i < zip->count; i++) {
    trm__zip_entry *e = &zip->entry[i];
    if (e->length == length + rest && !memcmp(e->name, folder, length) && !memcmp(e->name + length, name, rest))
      return e;
  }
  return NULL;
}

trm_status trm__zip_check(trm__zip_entry *e, const char *where, trm_error *err) {
  if (e->checked) return TRM_OK;
  uint32_t crc = trm__crc32(0, e->data, e->size);
  if (crc != e->crc)
    return trm__fail(
        err, TRM_E_INPUT, where,
        "damaged: the CRC-32 of zip entry \"%.*s\" is %08x, recorded is %08x; get the file again, or save it "
        "with torch.serialization.set_crc32_options(True)",
        e->length < 100 ? (int)e->length : 100, e->name, crc, e->crc);
  e->checked = 1;
  return TRM_OK;
}
