/* Media types: what a client sent (Content-Type) and what it wants (Accept), RFC 9110 sections 8.3 and 12.5. */
#ifndef TRM_NET_MEDIA_H
#define TRM_NET_MEDIA_H

#include <stddef.h>

#include "net/http1.h"

#define TRM__MEDIA_TYPE 128 /* bytes that a type needs, its NUL included */

/* "Application/JSON; charset=utf-8" gives "application/json". 0 when value (NULL included) is no media type or too
 * long. */
int trm__media_type(const char *value, char type[TRM__MEDIA_TYPE]);

/* A parameter's value without its quotes; 0 when value has none of that name or it does not fit. */
int trm__media_parameter(const char *value, const char *name, char *out, size_t size);

/* The offer that the request's Accept fields want most; the first of equally wanted ones; without an Accept field the
 * first offer; -1 when none is wanted (406). Offers are types in lower case, the list ends with NULL. */
int trm__accept_choose(const trm__request *request, const char *const *offers);

#endif
