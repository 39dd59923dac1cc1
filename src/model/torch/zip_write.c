/* The writer of zip archives: local headers with the sizes in them, then the directory. */
#include "model/torch/zip_write.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"

enum { LOCAL = 30, CENTRAL = 46, ALIGN = 64, FILLER = 0x4246, DATE = 1 << 5 | 1, VERSION = 20, VERSION64 = 45 };
#define ALL_SET 0xffffffffu

/* A record that is put together field by field. */
typedef struct record {
  unsigned char bytes[512];
  size_t size;
} record;

static void zip_record_put(record *r, int length, uint64_t number) {
  for (int i = 0; i < length; i++) r->bytes[r->size++] = (unsigned char)(number >> 8 * i);
}

static void zip_record_put_text(record *r, const char *text) {
  memcpy(r->bytes + r->size, text, strlen(text));
  r->size += strlen(text);
}

/* What is the same in both headers: version to flags, method, time, CRC, sizes, lengths. */
static void zip_record_put_common(record *r, const trm__zip_written *e, int wide, size_t extra) {
  uint64_t size = wide ? ALL_SET : e->size;
  zip_record_put(r, 2, wide ? VERSION64 : VERSION);
  zip_record_put(r, 2, 0);
  zip_record_put(r, 2, 0);
  zip_record_put(r, 4, (uint64_t)DATE << 16); /* 1980-01-01: the same bytes every time */
  zip_record_put(r, 4, e->crc);
  zip_record_put(r, 4, size);
  zip_record_put(r, 4, size);
  zip_record_put(r, 2, strlen(e->name));
  zip_record_put(r, 2, extra);
}

trm_status trm__zip_write(trm__zip_writer *zip, const void *data, size_t size, trm_error *err) {
  zip->at += size;
  return trm__writer_write(zip->file, data, size, err);
}

trm_status trm__zip_begin(trm__zip_writer *zip, const char *name, uint64_t size, uint32_t crc, trm_error *err) {
  if (zip->count == zip->most) return trm__fail(err, TRM_E_INTERNAL, name, "is one entry too many for the archive");
  trm__zip_written *e = &zip->entry[zip->count++];
  *e = (trm__zip_written){.size = size, .offset = zip->at, .crc = crc};
  (void)snprintf(e->name, sizeof e->name, "%s", name);
  int wide = size >= zip->wide;
  size_t sizes = wide ? 20 : 0;
  uint64_t bare = zip->at + LOCAL + strlen(e->name) + sizes + 4;
  size_t fill = (size_t)((ALIGN - bare % ALIGN) % ALIGN);
  record r = {.size = 0};
  zip_record_put(&r, 4, 0x04034b50);
  zip_record_put_common(&r, e, wide, sizes + 4 + fill);
  zip_record_put_text(&r, e->name);
  if (wide) {
    zip_record_put(&r, 2, 1);
    zip_record_put(&r, 2, 16);
    zip_record_put(&r, 8, size);
    zip_record_put(&r, 8, size);
  }
  zip_record_put(&r, 2, FILLER);
  zip_record_put(&r, 2, fill);
  memset(r.bytes + r.size, 'Z', fill);
  r.size += fill;
  return trm__zip_write(zip, r.bytes, r.size, err);
}

static trm_status zip_put_central(trm__zip_writer *zip, const trm__zip_written *e, trm_error *err) {
  int wide = e->size >= zip->wide, far = e->offset >= zip->wide;
  size_t field = (wide ? 16u : 0) + (far ? 8u : 0);
  record r = {.size = 0};
  zip_record_put(&r, 4, 0x02014b50);
  zip_record_put(&r, 2, VERSION64);
  zip_record_put_common(&r, e, wide, field ? field + 4 : 0);
  zip_record_put(&r, 2, 0); /* comment */
  zip_record_put(&r, 2, 0); /* disk */
  zip_record_put(&r, 6, 0); /* attributes */
  zip_record_put(&r, 4, far ? ALL_SET : e->offset);
  zip_record_put_text(&r, e->name);
  if (field) {
    zip_record_put(&r, 2, 1);
    zip_record_put(&r, 2, field);
    if (wide) zip_record_put(&r, 8, e->size), zip_record_put(&r, 8, e->size);
    if (far) zip_record_put(&r, 8, e->offset);
  }
  return trm__zip_write(zip, r.bytes, r.size, err);
}

/* The end record, with the zip64 ones in front where something does not fit. */
static trm_status zip_put_end(trm__zip_writer *zip, uint64_t directory, trm_error *err) {
  uint64_t bytes = zip->at - directory, end64 = zip->at;
  int wide = directory >= zip->wide || bytes >= zip->wide || zip->count >= 0xffff;
  record r = {.size = 0};
  if (wide) {
    zip_record_put(&r, 4, 0x06064b50);
    zip_record_put(&r, 8, 44);
    zip_record_put(&r, 2, VERSION64);
    zip_record_put(&r, 2, VERSION64);
    zip_record_put(&r, 8, 0); /* disks */
    zip_record_put(&r, 8, zip->count);
    zip_record_put(&r, 8, zip->count);
    zip_record_put(&r, 8, bytes);
    zip_record_put(&r, 8, directory);
    zip_record_put(&r, 4, 0x07064b50);
    zip_record_put(&r, 4, 0);
    zip_record_put(&r, 8, end64);
    zip_record_put(&r, 4, 1);
  }
  zip_record_put(&r, 4, 0x06054b50);
  zip_record_put(&r, 4, 0);
  zip_record_put(&r, 2, wide ? 0xffff : zip->count);
  zip_record_put(&r, 2, wide ? 0xffff : zip->count);
  zip_record_put(&r, 4, wide ? ALL_SET : bytes);
  zip_record_put(&r, 4, wide ? ALL_SET : directory);
  zip_record_put(&r, 2, 0);
  return trm__zip_write(zip, r.bytes, r.size, err);
}

trm_status trm__zip_end(trm__zip_writer *zip, trm_error *err) {
  uint64_t directory = zip->at;
  trm_status status = TRM_OK;
  for (size_t i = 0; i < zip->count && !status; i++) status = zip_put_central(zip, &zip->entry[i], err);
  return status ? status : zip_put_end(zip, directory, err);
}
