/* The Unix socket beside the journal: where programs of the same configuration find the server that runs with it,
 * without a port. Only the user who runs the server reaches it. */
#ifndef TRM_SERVE_SOCKET_H
#define TRM_SERVE_SOCKET_H

#include <stddef.h>

#include "serve/config.h"

/* Its path; 0: it would be too long for a socket, and there is none. */
int trm__serve_socket(const trm__serve_config *config, char *path, size_t size);

#endif
