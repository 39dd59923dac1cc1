/* The action `file`: reads, writes and lists below the folders that are allowed (roots). The kernel resolves each path
 * beneath its root (openat2), so that neither "..", nor a link, nor a folder that is moved meanwhile leads out of it.
 */
#ifndef TRM_AGENT_BUILTIN_FILES_H
#define TRM_AGENT_BUILTIN_FILES_H

#include "agent/action/action.h"

int trm__files_run(trm__call *call, const json_t *input, json_t **output, trm__fault *fault);

#endif
