/* The text of a file, whatever it comes in: a file on disk is mapped, a pipe is read to its end; gzip (RFC 1952, any
 * number of members) is unpacked where the library was built with zlib, UTF-16 of either byte order becomes UTF-8, and
 * a byte order mark is left out. What other programs see of a text are these bytes. */
#ifndef TRM_DATA_FORMAT_BYTES_H
#define TRM_DATA_FORMAT_BYTES_H

#include <stddef.h>
#include <trm/error.h>

#include "base/os/file.h"

#define TRM__BYTES_LIMIT ((size_t)8 << 30) /* of a text, unpacked */

typedef struct trm__bytes {
  const char *data; /* not terminated */
  size_t size;
  trm__map map; /* where data lies, or */
  char *own;
} trm__bytes;

/* Whoever may be stopped while a pipe has nothing to read: asked several times a second, non-zero stops. */
typedef struct trm__bytes_stop {
  int (*asked)(void *context); /* NULL: never */
  void *context;
} trm__bytes_stop;

trm_status trm__bytes_open(trm__bytes *out, const char *path, trm__bytes_stop stop, trm_error *err);
void trm__bytes_close(trm__bytes *bytes);

/* 1 when bytes that begin like this have to be unpacked before they are text. Two bytes tell, four tell better. */
int trm__bytes_packed(const char *data, size_t size);
/* The text in packed bytes; free with trm__bytes_free. where names them in errors. */
trm_status trm__bytes_unpack(char **out, size_t *out_size, const char *data, size_t size, const char *where,
                             trm_error *err);
void trm__bytes_free(char *text);
/* Length of the byte order mark that UTF-8 text begins with: 3 or 0. */
size_t trm__bytes_mark(const char *data, size_t size);

#endif
