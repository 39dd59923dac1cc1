/* The strict HTTP/1.1 request reader (RFC 9112). It decides where a request ends, so it takes nothing that two programs
 * could read differently: what is not exactly right is refused, and the connection is closed.
 *
 * One state machine, a byte at a time. Give it the bytes as they come; it answers with events:
 *
 *     HEAD  BODY*  END      a request, then the next one          (MORE: all bytes are used, give more)
 *     ERROR                 for ever: answer with `status`, say `reason`, close
 *
 * Invariants:
 *   1. The events, BODY's bytes put together, are the same however the bytes are split.
 *   2. No byte behind an event is used: what follows a request in `data` is the caller's until the next call.
 *   3. request and its texts stay as they are from HEAD until the first call with bytes after END.
 *   4. A text of the request has no NUL, CR, LF or other control character but the tab; a name is lower case.
 *   5. Memory: at most limits.line + limits.head bytes of text (rounded up to a power of two) and limits.fields fields.
 *   6. A request of which HEAD was told has one framing: no body, a length, or chunks; one authority; no more than
 *      limits.body bytes of body are told.
 *   7. After ERROR nothing is read any more.
 *
 * Refused with 400: no Host or two, an invalid or empty one; two Content-Lengths, one that is not digits alone, one
 * with Transfer-Encoding; any Transfer-Encoding but one `chunked`, and each in HTTP/1.0; bare LF or CR; NUL and
 * controls; folded lines; space before a colon; chunk sizes that are not hexadecimal digits alone, chunk extensions
 * that break the grammar, trailers that frame (Content-Length, Transfer-Encoding, Host); a target that is not
 * origin-form, absolute-form (http, https) or, for OPTIONS, `*`. 413: body over the limit. 414: request line. 431:
 * fields. 501: a method that is not in the list below. 505: a version that is not 1.x.
 *
 * Taken: one empty line before a request; an absolute target, whose authority goes before Host; empty field values;
 * chunk extensions (ignored) and trailers (checked and dropped); HTTP/1.0, kept alive if it asks for it.
 *
 * Threads: one reader, one thread. No function here blocks. */
#ifndef TRM_NET_HTTP1_H
#define TRM_NET_HTTP1_H

#include <stddef.h>
#include <stdint.h>

#include "net/http1_chunk.h"

typedef enum trm__method {
  TRM__GET,
  TRM__HEAD,
  TRM__POST,
  TRM__PUT,
  TRM__PATCH,
  TRM__DELETE,
  TRM__OPTIONS,
  TRM__METHODS
} trm__method;
const char *trm__method_name(trm__method method);

typedef struct trm__field {
  const char *name, *value; /* in a request: name in lower case, value without space around it */
} trm__field;

typedef struct trm__request {
  trm__method method;
  int minor;             /* HTTP/1.minor: 0 or 1 */
  const char *path;      /* as it was sent, percent-encoded: "/v1/solve"; "*" of OPTIONS */
  const char *query;     /* behind the '?'; NULL: there is none */
  const char *authority; /* host or host:port that the request is for; "" for HTTP/1.0 without Host */
  const trm__field *fields;
  size_t field_count;
  int chunked;
  uint64_t length; /* bytes of the body; 0 for none and while chunks come */
  int keep_alive;  /* the client lets the connection stay */
  int expects_continue;
} trm__request;

/* The value of the first field of that name (lower case), NULL without one; *count (may be NULL): how many there are.
 */
const char *trm__request_field(const trm__request *request, const char *name, size_t *count);

typedef struct trm__http1_limits {
  size_t line;       /* bytes of the request line, its end included */
  size_t head;       /* bytes of all field lines, their ends included; and again of all trailers */
  size_t fields;     /* how many fields, and again how many trailers */
  uint64_t body;     /* bytes */
  size_t extensions; /* bytes of a request's chunk extensions together */
} trm__http1_limits;
trm__http1_limits trm__http1_limits_default(void);

typedef enum trm__http1_event {
  TRM__HTTP1_MORE,
  TRM__HTTP1_HEAD,
  TRM__HTTP1_BODY,
  TRM__HTTP1_END,
  TRM__HTTP1_ERROR
} trm__http1_event;

typedef struct trm__http1 {
  trm__request request; /* from HEAD on */
  const char *body;     /* of BODY: body_size bytes inside the caller's data */
  size_t body_size;
  int status;         /* of ERROR */
  const char *reason; /* static: a sentence that says what was wrong */
  /* private from here */
  trm__http1_limits limits;
  int state, trailers;
  char *text; /* [text_size]: target, then names and values, each with its NUL */
  size_t text_size, text_used;
  size_t *at; /* [2 * fields_size]: where name and value of each field begin in text, which moves as it grows */
  trm__field *fields;
  size_t fields_size, count, trailer_count;
  size_t line_bytes, head_bytes;
  char word[20]; /* method, then version, then a trailer's name */
  size_t word_size;
  trm__chunk_line chunk;
  uint64_t left, total; /* bytes to come of the body or chunk, bytes of all chunks so far */
} trm__http1;

void trm__http1_open(trm__http1 *reader, const trm__http1_limits *limits);
void trm__http1_close(trm__http1 *reader); /* frees; the reader may be opened again */

/* Reads on until the next event; *used: how many of the size bytes it took. */
trm__http1_event trm__http1_read(trm__http1 *reader, const char *data, size_t size, size_t *used);

int trm__http1_is_between(const trm__http1 *reader); /* 1: no byte of a next request has come */

#endif
