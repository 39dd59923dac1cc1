/* The head of an answer. A field is checked before a byte of it is written: a name that is no token, or a value with
 * CR, LF or another control character, could begin a second answer, so it is refused whoever it comes from. The writer
 * alone says where an answer ends: Content-Length, Transfer-Encoding, Connection, Date and Content-Type are not fields
 * that a caller may add.
 *
 * Bytes go into libevent's evbuffer, which grows and is written out without a copy. */
#ifndef TRM_NET_RESPONSE_H
#define TRM_NET_RESPONSE_H

#include <event2/buffer.h>
#include <stdint.h>
#include <time.h>
#include <trm/error.h>

#include "net/http1.h"

typedef struct trm__response {
  int status;               /* 200 to 599 */
  const char *type;         /* Content-Type; NULL: none */
  const trm__field *fields; /* more of them */
  size_t field_count;
} trm__response;

/* How the end of the body is told. */
typedef enum trm__response_end {
  TRM__END_LENGTH, /* Content-Length */
  TRM__END_CHUNKS, /* chunked */
  TRM__END_CLOSE   /* the connection's end: for HTTP/1.0; keep_alive is then 0 */
} trm__response_end;

typedef struct trm__response_frame {
  trm__response_end end;
  uint64_t length; /* of TRM__END_LENGTH */
  int keep_alive;
  int minor; /* of the request's version: HTTP/1.0 is told when the connection stays, 1.1 when it goes */
  time_t now;
} trm__response_frame;

/* Adds status line and fields to out, the empty line included; adds nothing on failure (TRM_E_INPUT names the field).
 * 204 and 304 have no body and so no framing fields. */
trm_status trm__response_head(struct evbuffer *out, const trm__response *response, const trm__response_frame *frame,
                              trm_error *err);
int trm__response_has_body(int status);

const char *trm__status_text(int status); /* "Not Found"; "Status" for what is not known; never NULL */

#define TRM__HTTP_DATE 30
void trm__http_date(time_t now, char out[TRM__HTTP_DATE]); /* "Sun, 06 Nov 1994 08:49:37 GMT" */

#endif
