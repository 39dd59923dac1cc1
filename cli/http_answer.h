/* An answer of HTTP/1.1, read from all the bytes that have come: strict, without memory of its own, and without asking
 * anything of the connection. What is not plainly one answer with one length is refused, never guessed at. */
#ifndef TRM_CLI_HTTP_ANSWER_H
#define TRM_CLI_HTTP_ANSWER_H

#include <stddef.h>

#define CLI_HTTP_HEAD ((size_t)64 << 10)  /* bytes of status line and fields, at most */
#define CLI_HTTP_BODY ((size_t)256 << 20) /* bytes of a body with its chunks' sizes, at most */

typedef struct cli_http_answer {
  int status;         /* 200 to 599; answers below 200 are passed over */
  double retry_after; /* seconds; negative: not said, or said as a date */
  int keep;           /* 1: the connection may be used again */
  const char *body;   /* inside the bytes */
  size_t size;        /* bytes of it */
} cli_http_answer;

typedef enum {
  CLI_HTTP_MORE, /* not yet whole */
  CLI_HTTP_WHOLE,
  CLI_HTTP_BAD /* it is none, and more bytes will not help */
} cli_http_found;

/* ended: no more bytes will come. A body in chunks is put together in place, so that after WHOLE the bytes have
 * changed; before that they have not. Bytes behind the answer are BAD, as nothing was asked that they could answer. */
cli_http_found cli_http_answer_read(cli_http_answer *answer, char *bytes, size_t size, int ended);

#endif
