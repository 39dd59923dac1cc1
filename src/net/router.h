/* Which handler a method and a path lead to. Routes are a table that the caller keeps as long as the router:
 *
 *     static const trm__route routes[] = {{TRM__GET, "/v1/jobs/{id}", job_show, NULL},
 *                                         {TRM__POST, "/v1/tasks/{id}:cancel", task_cancel, NULL}};
 *
 * A segment of a pattern is a text, a name in braces, or a name in braces with a text behind it; a name stands for one
 * segment that is not empty. Of several patterns that fit, the one with texts further left goes first. HEAD leads to
 * GET's route unless there is one for HEAD. A closing slash is a segment: "/v1/" is not "/v1".
 *
 * A path is cut at its slashes first and decoded after that (net/uri.h); "." and ".." are refused in any spelling.
 * Threads: an open router is read-only. */
#ifndef TRM_NET_ROUTER_H
#define TRM_NET_ROUTER_H

#include <stddef.h>
#include <trm/error.h>

#include "net/http1.h"

typedef struct trm__exchange trm__exchange;
typedef void (*trm__handler)(trm__exchange *exchange, void *context);

typedef struct trm__route {
  trm__method method;
  const char *pattern;
  trm__handler handle; /* the router does not call it: net/dispatch.h does */
  void *context;
} trm__route;

enum { TRM__ROUTE_SEGMENTS = 12, TRM__ROUTE_PATH = 1024 };

typedef struct trm__match {
  const trm__route *route;
  unsigned allow; /* methods that the path has: bit 1 << method, HEAD with GET, OPTIONS always */
  size_t count;
  const char *segments[TRM__ROUTE_SEGMENTS]; /* decoded, in text */
  char text[TRM__ROUTE_PATH];
} trm__match;

typedef struct trm__router trm__router;
/* TRM_E_USAGE names a pattern that cannot be read, or one that stands twice for a method. */
trm_status trm__router_open(trm__router **out, const trm__route *routes, size_t count, trm_error *err);
void trm__router_close(trm__router **router);

typedef enum trm__route_found {
  TRM__ROUTE_FOUND,
  TRM__ROUTE_BAD,      /* 400: the path is not well formed */
  TRM__ROUTE_NO_PATH,  /* 404 */
  TRM__ROUTE_NO_METHOD /* 405, or the answer to OPTIONS; allow is filled */
} trm__route_found;
trm__route_found trm__router_find(const trm__router *router, trm__method method, const char *path, trm__match *match);

/* What the name in braces stands for, "" for a name that the pattern does not have. */
const char *trm__match_get(const trm__match *match, const char *name);

#define TRM__ALLOW 64
void trm__allow_text(unsigned allow, char out[TRM__ALLOW]); /* "GET, HEAD, OPTIONS" */

#endif
