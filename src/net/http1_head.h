/* What a request's head means, once all its lines are there: the form of its target, how its body is framed, whether
 * the connection may stay. Used by http1.c alone. */
#ifndef TRM_NET_HTTP1_HEAD_H
#define TRM_NET_HTTP1_HEAD_H

#include "net/http1.h"

/* Each returns NULL, or what is wrong, with *status. target is cut into the request's texts. The request has its
 * method, and for the second its fields. */
const char *trm__http1_target(trm__request *request, char *target, int *status);
const char *trm__http1_frame(trm__request *request, uint64_t body_limit, int *status);

/* Whether a trailer of this name would frame the message. */
int trm__http1_is_framing(const char *name);

#endif
