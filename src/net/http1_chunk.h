/* The line before each chunk of a body (RFC 9112, section 7.1): hexadecimal size, extensions, CRLF. A state machine of
 * its own, given one byte at a time; extensions are checked and dropped. */
#ifndef TRM_NET_HTTP1_CHUNK_H
#define TRM_NET_HTTP1_CHUNK_H

#include <stddef.h>
#include <stdint.h>

typedef struct trm__chunk_line {
  int state, digits;
  uint64_t size;     /* of the chunk, once the line is whole */
  size_t extensions; /* bytes of extensions since trm__chunk_begin */
} trm__chunk_line;

typedef enum trm__chunk_event { TRM__CHUNK_MORE, TRM__CHUNK_WHOLE, TRM__CHUNK_BAD } trm__chunk_event;

void trm__chunk_begin(trm__chunk_line *line); /* before a body's first line */
/* After WHOLE the next byte is the first of another line. */
trm__chunk_event trm__chunk_read(trm__chunk_line *line, unsigned char byte);

#endif
