/* Event files for TensorBoard.
 *
 * The file is a sequence of TFRecords. Bytes of one record, integers little-endian:
 *     0   u64  n, length of the data
 *     8   u32  masked CRC-32C of bytes 0..7
 *     12  n bytes of data
 *     12+n u32 masked CRC-32C of the data
 * where masked(c) = ((c >> 15 | c << 17) + 0xa282ead8) mod 2^32.
 *
 * The data is a protocol buffer message Event:
 *     09  f64            field 1, wall_time: seconds since 1970
 *     10  varint         field 2, step (absent in the first event)
 *     1a  varint, text   field 3, file_version: "brain.Event:2", in the first event only
 *     2a  varint, bytes  field 5, summary: the message Summary, which is a sequence of
 *         0a  varint, bytes  field 1, value: the message Summary.Value
 *             0a  varint, text  field 1, tag
 *             15  f32           field 2, simple_value
 * A varint is seven bits a byte, lowest first, the top bit set in all but the last.
 *
 * The file's name is events.out.tfevents.<seconds since 1970>.trm; TensorBoard looks for "tfevents". */
#ifndef TRM_TRAIN_RECORD_TENSORBOARD_H
#define TRM_TRAIN_RECORD_TENSORBOARD_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

typedef struct trm__events {
  char path[1280];
  int fd; /* -1: closed */
} trm__events;

typedef struct trm__scalar {
  const char *tag; /* at most 64 bytes */
  double value;    /* left out when not finite */
} trm__scalar;

#define TRM__EVENT_SCALARS 32 /* at most, in one event */

/* Opens the folder's event file of such a name, cutting off every event after `step` and a torn one at the end, or
 * starts one. */
trm_status trm__events_open(trm__events *events, const char *folder, int64_t step, trm_error *err);
void trm__events_close(trm__events *events);
trm_status trm__events_add(trm__events *events, int64_t step, const trm__scalar *scalar, size_t count, trm_error *err);

uint32_t trm__crc32c(const void *data, size_t size); /* Castagnoli, reflected polynomial 0x82f63b78 */
uint32_t trm__crc32c_masked(const void *data, size_t size);

#endif
