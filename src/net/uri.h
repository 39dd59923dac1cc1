/* Paths and query strings of a request's target, decoded strictly: an escape is two hexadecimal digits, and what comes
 * out is UTF-8 without control characters. Anything else is refused, so that no later part sees two spellings of one
 * name. */
#ifndef TRM_NET_URI_H
#define TRM_NET_URI_H

#include <stddef.h>

/* What length bytes of text stand for goes to out (size bytes, NUL added); plus: '+' is a space, as in queries. Returns
 * 1; 0 when it is not well formed or does not fit. */
int trm__uri_decode(const char *text, size_t length, int plus, char *out, size_t size);

/* The next "name=value" of a query; a name without '=' has the value "". Both are not decoded yet. Empty parts ("a&&b")
 * are left out. *query moves on. Returns 0 after the last. */
typedef struct trm__query_part {
  const char *name, *value; /* not terminated */
  size_t name_length, value_length;
} trm__query_part;
int trm__query_next(const char **query, trm__query_part *part);

/* The decoded value of the field of that name in query (NULL: no query). */
typedef enum trm__query_found { TRM__QUERY_ABSENT, TRM__QUERY_ONE, TRM__QUERY_BAD } trm__query_found;
trm__query_found trm__query_get(const char *query, const char *name, char *out, size_t size); /* BAD also for two */

#endif
