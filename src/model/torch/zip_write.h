/* Zip archives with stored entries, as model/torch/zip.h describes them and torch.load reads them: an entry's bytes
 * begin at a multiple of 64, so that PyTorch can map them, which a field in the local header fills up (kind 0x4246, as
 * PyTorch's own writer does). Sizes and offsets of 4 GiB and more are zip64. */
#ifndef TRM_MODEL_TORCH_ZIP_WRITE_H
#define TRM_MODEL_TORCH_ZIP_WRITE_H

#include <stdint.h>

#include "base/os/file.h"

#define TRM__ZIP_NAME 100 /* bytes of an entry's name, with its NUL */

typedef struct trm__zip_written {
  char name[TRM__ZIP_NAME];
  uint64_t size, offset; /* of the local header */
  uint32_t crc;
} trm__zip_written;

typedef struct trm__zip_writer {
  trm__writer *file; /* borrowed */
  uint64_t at;
  uint64_t wide;           /* from so many bytes on, sizes and offsets are zip64: 0xffffffff, and less in tests */
  trm__zip_written *entry; /* [most], borrowed */
  size_t count, most;
} trm__zip_writer;

/* The next bytes, size in all with this CRC-32, are the entry's. */
trm_status trm__zip_begin(trm__zip_writer *zip, const char *name, uint64_t size, uint32_t crc, trm_error *err);
trm_status trm__zip_write(trm__zip_writer *zip, const void *data, size_t size, trm_error *err);
/* The directory. */
trm_status trm__zip_end(trm__zip_writer *zip, trm_error *err);

#endif
