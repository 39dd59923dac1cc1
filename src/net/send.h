/* Answers put into a connection's output. Nothing here writes to a socket. */
#ifndef TRM_NET_SEND_H
#define TRM_NET_SEND_H

#include "net/connection.h"

/* Whether the connection can go on behind an answer that is given now. */
int trm__send_keeps(const trm__connection *c);

/* The head, with which connection and exchange know how the answer goes on. */
trm_status trm__send_head(trm__connection *c, const trm__response *response, trm__response_end end, uint64_t length,
                          trm_error *err);
/* Head and body. Nothing is added on failure. */
trm_status trm__send_whole(trm__connection *c, const trm__response *response, const void *body, size_t size,
                           trm_error *err);
trm_status trm__send_problem(trm__connection *c, const trm__problem *problem, const trm__field *fields, size_t count,
                             trm_error *err);
/* Bytes of a streamed answer; without memory the connection is cut. */
void trm__send_data(trm__connection *c, const void *data, size_t size);

#endif
