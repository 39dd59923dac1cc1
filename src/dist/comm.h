/* How the ranks of a training run work as one. Every rank calls the same operations in the same order with the same
 * sizes; each is blocking, and there is one communicator. Buffers of a device go through its backend (by way of the
 * host's memory where that is another), so the layer stands above backend. An implementation (trm__comm_ops) only moves
 * bytes between the memory of hosts; order of sums, staging and shares are decided here, once for all of them.
 *
 * Invariants:
 *   1. Slices are summed in one tree (trm__tree) that depends on their number alone, each made from zero by the rank
 *      that has it. A rank adds up the whole subtrees of its slices as they are made, and trm__comm_sum joins those of
 *      all ranks. So a sum has the same bits on each rank, in each run, and at any number of ranks, one included.
 *   2. A rank that cannot go on calls trm__comm_abandon with its error. The others get that error from the operation
 *      that they are in or that they call next, and from all later ones: nobody waits for a rank that is gone.
 *   3. Closing a sound communicator is leaving: whoever still calls an operation is told so.
 *   4. With one rank nothing is called, copied or waited for. */
#ifndef TRM_DIST_COMM_H
#define TRM_DIST_COMM_H

#include "backend/backend.h"

typedef struct trm__comm trm__comm;

/* at [size + 1], in bytes: part r, rank r's, is at[r] .. at[r + 1] - 1 and may be empty. Each
 * operation begins by telling all ranks whether one has abandoned the run; only then are bytes moved. */
typedef struct trm__comm_ops {
  /* Part r of `from` goes to rank r; part r of `to` comes from rank r. The two do not overlap. */
  trm_status (*all_to_all)(trm__comm *comm, const void *from, const size_t *from_at, void *to, const size_t *to_at,
                           trm_error *err);
  /* This rank brings its part of `data` and receives the others'. */
  trm_status (*all_gather)(trm__comm *comm, void *data, const size_t *at, trm_error *err);
  /* Takes part in the beginning of the others' next operation, with this rank's error. Called at most once, last. */
  void (*abandon)(trm__comm *comm, const trm_error *why);
  void (*close)(trm__comm *comm); /* frees what the implementation has */
} trm__comm_ops;

struct trm__comm {
  int rank, size; /* 0 <= rank < size */
  int any_number; /* 1: any number of ranks is wanted, also one that cannot share slices evenly */
  const trm__comm_ops *ops;
  int patient;          /* 1: another rank may be silent for any time */
  int over;             /* 1: an operation failed, or this rank abandoned the run */
  size_t *at, *to_at;   /* [size + 1] */
  int64_t *values;      /* [size] */
  double busy;          /* seconds in operations so far */
  int64_t moved;        /* bytes sent so far */
  unsigned char *stage; /* host: room for sums and for rows on their way to and from a device */
  size_t stage_bytes;
};

/* How `items` things in a row are shared: cut into `slices`, as equal as whole items allow, of which each rank has a
 * run. Slices do not depend on the number of ranks. */
typedef struct trm__share {
  size_t items, slices;
} trm__share;

/* The first item of slice k; of k = slices, the number of all. */
size_t trm__share_item(const trm__share *share, size_t k);
/* The first slice, the first item of a rank; of `size`, the number of all. */
size_t trm__share_first_slice(const trm__share *share, int rank, int size);
size_t trm__share_first(const trm__share *share, int rank, int size);

/* The tree that slices are summed in: two neighbouring subtrees of 2^l slices are one of 2^(l+1) where the left one
 * begins at a multiple of that. What is left of a number that is no power of two is joined from the right. A tree
 * grows from the left; its subtrees that have no neighbour yet are its nodes, which the caller keeps in this order. */
#define TRM__TREE_NODES 64
typedef struct trm__tree {
  int nodes;
  struct trm__tree_node {
    size_t first; /* slice */
    int level;    /* it has 2^level of them */
  } node[TRM__TREE_NODES];
} trm__tree;

/* Adds a subtree behind the others. Returns how often the last node is now to be added to the one before it, and taken
 * away: these become one. */
int trm__tree_push(trm__tree *tree, size_t first, int level);
/* The most nodes at a time while a rank's slices are pushed one by one, and those at the end. */
int trm__tree_room(const trm__share *share, int rank, int size);
int trm__tree_of(const trm__share *share, int rank, int size, trm__tree *tree);

/* For implementations: fills what they share. After a failure trm__comm_close. */
trm_status trm__comm_set_up(trm__comm *comm, const trm__comm_ops *ops, int rank, int size, trm_error *err);

/* One rank: every operation is complete before it starts. */
trm_status trm__comm_self(trm__comm **out, trm_error *err);
void trm__comm_close(trm__comm **comm); /* accepts NULL inside; clears the pointer */

/* Says why this rank stops (invariant 2). Nothing where the others know already, as after an operation that
 * failed. */
void trm__comm_abandon(trm__comm *comm, const trm_error *why);

/* -- small values of the host ------------------------------------------------------------------------------------- */

trm_status trm__comm_barrier(trm__comm *comm, trm_error *err);
/* data: rank 0's, on every rank. */
trm_status trm__comm_broadcast(trm__comm *comm, void *data, size_t bytes, trm_error *err);
/* data [size][bytes]: rank r brings row r and receives the others'. */
trm_status trm__comm_gather(trm__comm *comm, void *data, size_t bytes, trm_error *err);
/* The largest that a rank brings. */
trm_status trm__comm_largest(trm__comm *comm, int64_t *value, trm_error *err);

/* -- shared arrays ------------------------------------------------------------------------------------------------ */

/* Allocates what the two operations on device arrays need, so that they cannot fail for want of memory: sums over
 * `share`, rows of at most row_bytes. */
trm_status trm__comm_reserve(trm__comm *comm, const trm__backend *be, const trm__share *share, size_t row_bytes,
                             trm_error *err);
size_t trm__comm_reserved_bytes(const trm__comm *comm, const trm__backend *be, const trm__share *share,
                                size_t row_bytes); /* predicts it */

/* x: device [nodes of this rank's tree][n]. Its first n elements become, on every rank, the sum over all slices of all
 * ranks (invariant 1). With one rank that is the tree's only node where slices are a power of two; otherwise nodes are
 * joined. What the others hold afterwards is not said. */
trm_status trm__comm_sum(trm__comm *comm, trm__backend *be, trm__real *x, const trm__share *share, size_t n,
                         trm_error *err);
/* data: device [share->items][row_bytes], of which this rank has its rows and receives the others'. */
trm_status trm__comm_gather_rows(trm__comm *comm, trm__backend *be, void *data, const trm__share *share,
                                 size_t row_bytes, trm_error *err);
/* own: host [this rank's items][row_bytes]; all: host [share->items][row_bytes], on rank 0 alone. With one rank they
 * are copied too. */
trm_status trm__comm_collect(trm__comm *comm, const void *own, void *all, const trm__share *share, size_t row_bytes,
                             trm_error *err);

#endif
