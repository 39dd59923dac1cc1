/* The public handle on a communicator, for those who take one. */
#ifndef TRM_DIST_RANKS_H
#define TRM_DIST_RANKS_H

#include <trm/ranks.h>

#include "dist/comm.h"

struct trm_ranks {
  trm__comm *comm;
};

#endif
