/* Encoding events by hand: two nested messages with five kinds of fields need no protocol buffer library. */
#include "train/record/tensorboard.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os/file.h"
#include "base/status.h"

#define VALUE_LIMIT 80                                            /* bytes of one encoded Summary.Value */
#define EVENT_LIMIT (TRM__EVENT_SCALARS * (VALUE_LIMIT + 2) + 64) /* bytes of one record */

/* -- checksums ----------------------------------------------------------------------------------------------------- */

uint32_t trm__crc32c(const void *data, size_t size) {
  const unsigned char *p = data;
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < size; i++) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
  }
  return ~crc;
}

uint32_t trm__crc32c_masked(const void *data, size_t size) {
  uint32_t crc = trm__crc32c(data, size);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* -- encoding ------------------------------------------------------------------------------------------------------ */

typedef struct buffer {
  unsigned char data[EVENT_LIMIT];
  size_t used;
} buffer;

static void buffer_put(buffer *b, const void *data, size_t size) {
  memcpy(b->data + b->used, data, size);
  b->used += size;
}

static void buffer_put_number(buffer *b, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) b->data[b->used++] = (unsigned char)(value >> 8 * i);
}

static void buffer_put_varint(buffer *b, uint64_t value) {
  for (; value >= 0x80; value >>= 7) b->data[b->used++] = (unsigned char)(value | 0x80);
  b->data[b->used++] = (unsigned char)value;
}

static void buffer_put_bytes(buffer *b, int tag, const void *data, size_t size) {
  b->data[b->used++] = (unsigned char)tag;
  buffer_put_varint(b, size);
  buffer_put(b, data, size);
}

static void buffer_put_double(buffer *b, int tag, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  b->data[b->used++] = (unsigned char)tag;
  buffer_put_number(b, bits, 8);
}

static void buffer_put_float(buffer *b, int tag, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  b->data[b->used++] = (unsigned char)tag;
  buffer_put_number(b, bits, 4);
}

static void buffer_put_values(buffer *summary, const trm__scalar *scalar, size_t count) {
  for (size_t i = 0; i < count && i < TRM__EVENT_SCALARS; i++) {
    if (!isfinite(scalar[i].value)) continue;
    buffer value;
    value.used = 0;
    buffer_put_bytes(&value, 0x0a, scalar[i].tag, strnlen(scalar[i].tag, 64));
    buffer_put_float(&value, 0x15, (float)scalar[i].value);
    buffer_put_bytes(summary, 0x0a, value.data, value.used);
  }
}

static trm_status events_append_record(const trm__events *events, const buffer *data, trm_error *err) {
  buffer record;
  record.used = 0;
  buffer_put_number(&record, data->used, 8);
  buffer_put_number(&record, trm__crc32c_masked(record.data, 8), 4);
  buffer_put(&record, data->data, data->used);
  buffer_put_number(&record, trm__crc32c_masked(data->data, data->used), 4);
  return trm__file_append(events->fd, events->path, record.data, record.used, err);
}

/* -- cutting at an update ------------------------------------------------------------------------------------------ */

static uint64_t events_read_number(const unsigned char *p, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint64_t)p[i] << 8 * i;
  return value;
}

/* The step of an event: its second field, or 0 in the first event, which has none. */
static int64_t events_read_step(const unsigned char *data, size_t n) {
  uint64_t step = 0;
  if (n < 10 || data[9] != 0x10) return 0;
  for (size_t i = 10, shift = 0; i < n && shift < 63; i++, shift += 7) {
    step |= (uint64_t)(data[i] & 0x7f) << shift;
    if (!(data[i] & 0x80)) break;
  }
  return (int64_t)step;
}

/* Bytes of the leading whole records whose step is at most `step`. */
static size_t events_kept_length(const unsigned char *data, size_t size, int64_t step) {
  size_t kept = 0;
  while (size - kept >= 16) {
    const unsigned char *record = data + kept;
    uint64_t n = events_read_number(record, 8);
    if (n > size - kept - 16 || events_read_number(record + 8, 4) != trm__crc32c_masked(record, 8)) break;
    if (events_read_number(record + 12 + n, 4) != trm__crc32c_masked(record + 12, n)) break;
    if (events_read_step(record + 12, n) > step) break;
    kept += 16 + n;
  }
  return kept;
}

static trm_status events_cut(const char *path, int64_t step, size_t *kept, trm_error *err) {
  trm__map map;
  trm_status status = trm__map_open(&map, path, err);
  if (status) return status;
  *kept = events_kept_length(map.data, map.size, step);
  trm__map_close(&map);
  if (truncate(path, (off_t)*kept) != 0)
    return trm__fail_errno(err, path, "cannot be cut to update %lld", (long long)step);
  return TRM_OK;
}

/* -- the file ------------------------------------------------------------------------------------------------------ */

/* Whether a run gave the name: another program's event files in the folder are not ours to cut. */
static int events_is_own(const char *name) {
  static const char begin[] = "events.out.tfevents.";
  size_t length = sizeof begin - 1;
  if (strncmp(name, begin, length) != 0) return 0;
  size_t digits = strspn(name + length, "0123456789");
  return digits && strcmp(name + length + digits, ".trm") == 0;
}

/* The run's event file, or a new name. */
static trm_status events_find_file(trm__events *events, const char *folder, trm_error *err) {
  char **names;
  size_t count;
  trm_status status = trm__dir_list(folder, &names, &count, err);
  if (status) return status;
  snprintf(events->path, sizeof events->path, "%s/events.out.tfevents.%.0f.trm", folder, trm__wall_clock());
  for (size_t i = 0; i < count; i++) {
    if (!events_is_own(names[i])) continue;
    snprintf(events->path, sizeof events->path, "%s/%s", folder, names[i]);
    break;
  }
  trm__dir_list_free(names, count);
  return TRM_OK;
}

trm_status trm__events_open(trm__events *events, const char *folder, int64_t step, trm_error *err) {
  *events = (trm__events){.fd = -1};
  size_t kept = 0;
  trm_status status = events_find_file(events, folder, err);
  if (!status && trm__path_exists(events->path)) status = events_cut(events->path, step, &kept, err);
  if (status) return status;
  events->fd = open(events->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (events->fd < 0) return trm__fail_errno(err, events->path, "cannot be opened for writing");
  if (kept) return TRM_OK;
  buffer first;
  first.used = 0;
  buffer_put_double(&first, 0x09, trm__wall_clock());
  buffer_put_bytes(&first, 0x1a, "brain.Event:2", 13);
  status = events_append_record(events, &first, err);
  if (status) trm__events_close(events);
  return status;
}

void trm__events_close(trm__events *events) {
  if (events->fd >= 0) close(events->fd);
  events->fd = -1;
}

trm_status trm__events_add(trm__events *events, int64_t step, const trm__scalar *scalar, size_t count, trm_error *err) {
  buffer event, summary;
  event.used = summary.used = 0;
  buffer_put_values(&summary, scalar, count);
  buffer_put_double(&event, 0x09, trm__wall_clock());
  event.data[event.used++] = 0x10;
  buffer_put_varint(&event, (uint64_t)step);
  buffer_put_bytes(&event, 0x2a, summary.data, summary.used);
  return events_append_record(events, &event, err);
}
