/* What every implementation of ranks has in common: small values over one gather, and the two operations on arrays of a
 * device, which pass through a staging buffer of the host piece by piece. A piece of a sum is cut into one span a rank:
 * rank r receives span r of every rank's nodes, joins them in the tree, and all gather the joined spans. So each rank
 * sends and receives about twice what it has, however many ranks there are. */
#include "dist/comm.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"

/* Elements of all slices of a rank that are on their way at a time. */
#define STAGE_REALS ((size_t)1 << 20)

/* -- shares ------------------------------------------------------------------------------------------------------- */

/* As equal as whole things allow. */
static size_t share_part(size_t count, size_t k, size_t parts) {
  return count * k / parts;
}

size_t trm__share_item(const trm__share *share, size_t k) {
  return share->slices ? share_part(share->items, k, share->slices) : 0;
}

size_t trm__share_first_slice(const trm__share *share, int rank, int size) {
  return share_part(share->slices, (size_t)rank, (size_t)size);
}

size_t trm__share_first(const trm__share *share, int rank, int size) {
  return trm__share_item(share, trm__share_first_slice(share, rank, size));
}

/* -- the tree ----------------------------------------------------------------------------------------------------- */

int trm__tree_push(trm__tree *tree, size_t first, int level) {
  int merges = 0;
  tree->node[tree->nodes].first = first;
  tree->node[tree->nodes++].level = level;
  for (; tree->nodes > 1; merges++) {
    const struct trm__tree_node *right = &tree->node[tree->nodes - 1];
    struct trm__tree_node *left = &tree->node[tree->nodes - 2];
    if (left->level != right->level || left->first % ((size_t)2 << left->level)) break;
    left->level++;
    tree->nodes--;
  }
  return merges;
}

/* The tree of a rank's slices; returns the most nodes that it had on the way. */
static int tree_grow(trm__tree *tree, const trm__share *share, int rank, int size) {
  int most = 0;
  tree->nodes = 0;
  size_t end = trm__share_first_slice(share, rank + 1, size);
  for (size_t k = trm__share_first_slice(share, rank, size); k < end; k++) {
    int merges = trm__tree_push(tree, k, 0), before = tree->nodes + merges;
    if (before > most) most = before;
  }
  return most;
}

int trm__tree_room(const trm__share *share, int rank, int size) {
  trm__tree tree;
  return tree_grow(&tree, share, rank, size);
}

int trm__tree_of(const trm__share *share, int rank, int size, trm__tree *tree) {
  (void)tree_grow(tree, share, rank, size);
  return tree->nodes;
}

/* -- opening and closing ------------------------------------------------------------------------------------------ */

trm_status trm__comm_set_up(trm__comm *comm, const trm__comm_ops *ops, int rank, int size, trm_error *err) {
  size_t n = (size_t)size;
  *comm = (trm__comm){.rank = rank, .size = size, .ops = ops};
  comm->at = trm__calloc(n + 1, sizeof *comm->at);
  comm->to_at = trm__calloc(n + 1, sizeof *comm->to_at);
  comm->values = trm__calloc(n, sizeof *comm->values);
  if (comm->at && comm->to_at && comm->values) return TRM_OK;
  return trm__fail_memory(err, "communicator", (n + 1) * (2 * sizeof *comm->at + sizeof *comm->values));
}

void trm__comm_close(trm__comm **comm) {
  trm__comm *c = *comm;
  *comm = NULL;
  if (!c) return;
  trm__free(c->at);
  trm__free(c->to_at);
  trm__free(c->values);
  trm__free(c->stage);
  c->ops->close(c);
}

void trm__comm_abandon(trm__comm *comm, const trm_error *why) {
  if (comm->size == 1 || comm->over) return;
  comm->over = 1;
  comm->ops->abandon(comm, why);
}

/* -- the two operations, after which a failure is known to all ----------------------------------------------------- */

static trm_status comm_all_gather(trm__comm *comm, void *data, const size_t *at, trm_error *err) {
  double began = trm__clock();
  trm_status status = comm->ops->all_gather(comm, data, at, err);
  comm->busy += trm__clock() - began;
  comm->moved += (int64_t)(at[comm->rank + 1] - at[comm->rank]) * (comm->size - 1);
  if (status) comm->over = 1;
  return status;
}

static trm_status comm_all_to_all(trm__comm *comm, const void *from, void *to, trm_error *err) {
  double began = trm__clock();
  trm_status status = comm->ops->all_to_all(comm, from, comm->at, to, comm->to_at, err);
  comm->busy += trm__clock() - began;
  comm->moved += (int64_t)(comm->at[comm->size] - (comm->at[comm->rank + 1] - comm->at[comm->rank]));
  if (status) comm->over = 1;
  return status;
}

/* -- small values ------------------------------------------------------------------------------------------------- */

trm_status trm__comm_barrier(trm__comm *comm, trm_error *err) {
  return trm__comm_broadcast(comm, NULL, 0, err);
}

trm_status trm__comm_broadcast(trm__comm *comm, void *data, size_t bytes, trm_error *err) {
  if (comm->size == 1) return TRM_OK;
  comm->at[0] = 0;
  for (int r = 1; r <= comm->size; r++) comm->at[r] = bytes;
  return comm_all_gather(comm, data, comm->at, err);
}

trm_status trm__comm_gather(trm__comm *comm, void *data, size_t bytes, trm_error *err) {
  if (comm->size == 1) return TRM_OK;
  for (int r = 0; r <= comm->size; r++) comm->at[r] = (size_t)r * bytes;
  return comm_all_gather(comm, data, comm->at, err);
}

trm_status trm__comm_largest(trm__comm *comm, int64_t *value, trm_error *err) {
  if (comm->size == 1) return TRM_OK;
  comm->values[comm->rank] = *value;
  trm_status status = trm__comm_gather(comm, comm->values, sizeof *value, err);
  for (int r = 0; r < comm->size && !status; r++)
    if (comm->values[r] > *value) *value = comm->values[r];
  return status;
}

/* -- staging ------------------------------------------------------------------------------------------------------ */

/* How a sum is staged; the same on every rank. */
typedef struct sum_plan {
  size_t nodes, most; /* nodes of all ranks, and the most that one of them has */
  size_t piece;       /* elements of each node at a time */
  size_t span;        /* the most of them that one rank joins */
} sum_plan;

static sum_plan sum_plan_of(const trm__comm *comm, const trm__share *share) {
  size_t size = (size_t)comm->size;
  trm__tree tree;
  sum_plan p = {.most = 1};
  for (int r = 0; r < comm->size; r++) {
    size_t own = (size_t)trm__tree_of(share, r, comm->size, &tree);
    p.nodes += own;
    if (own > p.most) p.most = own;
  }
  p.piece = STAGE_REALS / p.most;
  if (p.piece < size) p.piece = size;
  p.span = (p.piece + size - 1) / size;
  return p;
}

/* What is sent, what is received, and the joined piece. */
static size_t sum_plan_reals(const sum_plan *p) {
  return p->most * p->piece + p->nodes * p->span + p->piece;
}

size_t trm__comm_reserved_bytes(const trm__comm *comm, const trm__backend *be, const trm__share *share,
                                size_t row_bytes) {
  if (comm->size == 1) return 0;
  sum_plan p = sum_plan_of(comm, share);
  size_t sum = sum_plan_reals(&p) * sizeof(trm__real), rows = be->on_host ? 0 : share->items * row_bytes;
  return sum > rows ? sum : rows;
}

trm_status trm__comm_reserve(trm__comm *comm, const trm__backend *be, const trm__share *share, size_t row_bytes,
                             trm_error *err) {
  size_t bytes = trm__comm_reserved_bytes(comm, be, share, row_bytes);
  if (bytes <= comm->stage_bytes) return TRM_OK;
  trm__free(comm->stage);
  comm->stage_bytes = 0;
  comm->stage = trm__calloc(bytes, 1);
  if (!comm->stage) return trm__fail_memory(err, "staging of sums over ranks", bytes);
  comm->stage_bytes = bytes;
  return TRM_OK;
}

/* -- sums --------------------------------------------------------------------------------------------------------- */

/* A piece of `count` elements from `begin` on, of nodes of n elements; span r of it is for rank r. */
typedef struct sum_piece {
  const trm__share *share;
  size_t n, begin, count;
  trm__real *send;    /* [size] spans, each [this rank's nodes][length of the span] */
  trm__real *receive; /* [nodes of all][length of this rank's span] */
  trm__real *joined;  /* [count] */
} sum_piece;

static size_t sum_span(const trm__comm *comm, const sum_piece *p, int rank) {
  return share_part(p->count, (size_t)rank, (size_t)comm->size);
}

static void sum_pack(trm__comm *comm, trm__backend *be, const trm__real *x, const sum_piece *p) {
  trm__tree tree;
  size_t own = (size_t)trm__tree_of(p->share, comm->rank, comm->size, &tree);
  trm__real *to = p->send;
  for (int r = 0; r < comm->size; r++) {
    size_t first = sum_span(comm, p, r), length = sum_span(comm, p, r + 1) - first;
    comm->at[r] = (size_t)(to - p->send) * sizeof *to;
    for (size_t k = 0; k < own && length > 0; k++, to += length)
      be->copy(be, to, x + k * p->n + p->begin + first, length * sizeof *to, TRM__COPY_TO_HOST);
  }
  comm->at[comm->size] = (size_t)(to - p->send) * sizeof *to;
}

static void sum_add(trm__real *to, const trm__real *from, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] += from[i];
}

/* Joins the nodes of all ranks into this rank's span of `joined`. at: where each node of the growing tree lies. */
static void sum_join(const trm__comm *comm, const sum_piece *p, size_t length) {
  trm__tree all = {.nodes = 0}, part;
  trm__real *at[TRM__TREE_NODES], *next = p->receive;
  for (int r = 0; r < comm->size; r++) {
    int own = trm__tree_of(p->share, r, comm->size, &part);
    for (int k = 0; k < own; k++, next += length) {
      at[all.nodes] = next;
      int merges = trm__tree_push(&all, part.node[k].first, part.node[k].level), top = all.nodes - 1 + merges;
      for (; merges > 0; merges--, top--) sum_add(at[top - 1], at[top], length);
    }
  }
  for (int top = all.nodes - 1; top > 0; top--) sum_add(at[top - 1], at[top], length);
  memcpy(p->joined + sum_span(comm, p, comm->rank), at[0], length * sizeof *next);
}

static trm_status sum_exchange(trm__comm *comm, trm__backend *be, trm__real *x, const sum_piece *p, trm_error *err) {
  trm__tree tree;
  sum_pack(comm, be, x, p);
  size_t own = sum_span(comm, p, comm->rank + 1) - sum_span(comm, p, comm->rank);
  comm->to_at[0] = 0;
  for (int r = 0; r < comm->size; r++)
    comm->to_at[r + 1] = comm->to_at[r] + (size_t)trm__tree_of(p->share, r, comm->size, &tree) * own * sizeof *x;
  trm_status status = comm_all_to_all(comm, p->send, p->receive, err);
  if (status) return status;
  if (own > 0) sum_join(comm, p, own);
  for (int r = 0; r <= comm->size; r++) comm->at[r] = sum_span(comm, p, r) * sizeof *x;
  status = comm_all_gather(comm, p->joined, comm->at, err);
  if (status) return status;
  be->copy(be, x + p->begin, p->joined, p->count * sizeof *x, TRM__COPY_TO_DEVICE);
  return TRM_OK;
}

/* With one rank all nodes are in one place. */
static void sum_alone(trm__comm *comm, trm__backend *be, trm__real *x, const trm__share *share, size_t n) {
  trm__tree tree;
  for (int top = trm__tree_of(share, 0, comm->size, &tree) - 1; top > 0; top--)
    be->add(be, x + (size_t)(top - 1) * n, x + (size_t)top * n, n);
}

trm_status trm__comm_sum(trm__comm *comm, trm__backend *be, trm__real *x, const trm__share *share, size_t n,
                         trm_error *err) {
  if (comm->size == 1) {
    sum_alone(comm, be, x, share, n);
    return TRM_OK;
  }
  sum_plan plan = sum_plan_of(comm, share);
  trm__real *stage = (trm__real *)(void *)comm->stage;
  sum_piece p = {.share = share, .n = n, .send = stage, .receive = stage + plan.most * plan.piece};
  p.joined = p.receive + plan.nodes * plan.span;
  trm_status status = be->synchronize(be, err);
  for (; p.begin < n && !status; p.begin += p.count) {
    p.count = n - p.begin < plan.piece ? n - p.begin : plan.piece;
    status = sum_exchange(comm, be, x, &p, err);
  }
  return status;
}

/* -- rows --------------------------------------------------------------------------------------------------------- */

static void rows_cut(const trm__comm *comm, const trm__share *share, size_t row_bytes, size_t *at) {
  for (int r = 0; r <= comm->size; r++) at[r] = trm__share_first(share, r, comm->size) * row_bytes;
}

trm_status trm__comm_gather_rows(trm__comm *comm, trm__backend *be, void *data, const trm__share *share,
                                 size_t row_bytes, trm_error *err) {
  if (comm->size == 1) return TRM_OK;
  unsigned char *device = data, *host = be->on_host ? device : comm->stage;
  rows_cut(comm, share, row_bytes, comm->at);
  size_t first = comm->at[comm->rank], end = comm->at[comm->rank + 1], all = comm->at[comm->size];
  trm_status status = be->synchronize(be, err);
  if (!status && !be->on_host) be->copy(be, host + first, device + first, end - first, TRM__COPY_TO_HOST);
  if (!status) status = comm_all_gather(comm, host, comm->at, err);
  if (status || be->on_host) return status;
  be->copy(be, device, host, first, TRM__COPY_TO_DEVICE); /* the rows before this rank's, and those after them */
  be->copy(be, device + end, host + end, all - end, TRM__COPY_TO_DEVICE);
  return TRM_OK;
}

trm_status trm__comm_collect(trm__comm *comm, const void *own, void *all, const trm__share *share, size_t row_bytes,
                             trm_error *err) {
  size_t bytes =
      (trm__share_first(share, comm->rank + 1, comm->size) - trm__share_first(share, comm->rank, comm->size)) *
      row_bytes;
  if (comm->size == 1) {
    memcpy(all, own, bytes);
    return TRM_OK;
  }
  comm->at[0] = 0;
  for (int r = 1; r <= comm->size; r++) comm->at[r] = bytes; /* all of it for rank 0 */
  memset(comm->to_at, 0, (size_t)(comm->size + 1) * sizeof *comm->to_at);
  if (comm->rank == 0) rows_cut(comm, share, row_bytes, comm->to_at);
  return comm_all_to_all(comm, own, all, err);
}
