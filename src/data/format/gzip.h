/* Unpacking gzip. */
#ifndef TRM_DATA_FORMAT_GZIP_H
#define TRM_DATA_FORMAT_GZIP_H

#include <stddef.h>
#include <trm/error.h>

int trm__gzip_begins(const char *data, size_t size); /* by its two magic bytes */
/* All members, one behind the other; free with trm__free. TRM_E_UNSUPPORTED in a build without zlib. */
trm_status trm__gzip_unpack(char **out, size_t *out_size, const char *data, size_t size, size_t limit,
                            const char *where, trm_error *err);

#endif
