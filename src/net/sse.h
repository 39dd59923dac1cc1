/* Server-sent events (the HTML standard, section 9.2) as text: what net/stream.h sends. */
#ifndef TRM_NET_SSE_H
#define TRM_NET_SSE_H

#include <event2/buffer.h>
#include <stddef.h>
#include <trm/error.h>

#define TRM__SSE_TYPE "text/event-stream"
#define TRM__SSE_COMMENT ":\n\n" /* says nothing and shows that the stream lives */

typedef struct trm__sse_event {
  const char *id;    /* what Last-Event-ID will say; NULL: none */
  const char *event; /* NULL: "message" */
  const char *data;  /* size bytes; line ends of any kind in it become "\n" */
  size_t size;
} trm__sse_event;

/* Adds the event to out, nothing on failure. TRM_E_INPUT for an id or a name with CR, LF, or for data that is not
 * UTF-8. */
trm_status trm__sse_format(struct evbuffer *out, const trm__sse_event *event, trm_error *err);

#endif
