/* Ranks that are threads of one process (src/dist/comm.h), for tests. Each posts what it has, waits for all, copies
 * what it needs from the others and waits again, so nothing depends on who comes first. Ranks that call different
 * operations, or the same with other sizes, are told so instead of waiting.
 *
 * A world may be told to let one rank run at a time (turns): for code that is not made for several threads, such as the
 * emulated CUDA device. */
#ifndef TRM_TESTS_SUPPORT_THREAD_COMM_H
#define TRM_TESTS_SUPPORT_THREAD_COMM_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "dist/comm.h"

enum { THREAD_RANKS = 16, THREAD_NOBODY = -1 };

/* What a rank has brought to the operation that is going on. */
typedef struct thread_post {
  int kind; /* of operation */
  const unsigned char *data;
  const size_t *at;
} thread_post;

typedef struct thread_world {
  pthread_mutex_t lock;
  pthread_cond_t moved;
  int size;
  thread_post post[THREAD_RANKS];
  int arrived;       /* ranks that wait at the meeting */
  unsigned meetings; /* that have taken place */
  int broken;        /* 1: a rank has left, and why says which */
  trm_error why;
  int turns;  /* 1: one rank runs at a time */
  int holder; /* the one that does */
  long operations[THREAD_RANKS];
} thread_world;

typedef struct thread_comm {
  trm__comm comm; /* first */
  thread_world *world;
} thread_comm;

static inline void thread_world_open(thread_world *w, int size, int turns) {
  *w = (thread_world){.size = size, .turns = turns, .holder = THREAD_NOBODY};
  pthread_mutex_init(&w->lock, NULL);
  pthread_cond_init(&w->moved, NULL);
}

static inline void thread_world_close(thread_world *w) {
  pthread_cond_destroy(&w->moved);
  pthread_mutex_destroy(&w->lock);
}

/* -- with the lock held ------------------------------------------------------------------------------------------- */

static inline void thread_release(thread_world *w, int rank) {
  if (w->holder == rank) w->holder = THREAD_NOBODY;
  pthread_cond_broadcast(&w->moved);
}

static inline void thread_acquire(thread_world *w, int rank) {
  while (w->turns && w->holder != THREAD_NOBODY && w->holder != rank) pthread_cond_wait(&w->moved, &w->lock);
  if (w->turns) w->holder = rank;
}

static inline void thread_break(thread_world *w, const trm_error *why) {
  if (!w->broken) w->why = *why;
  w->broken = 1;
  pthread_cond_broadcast(&w->moved);
}

/* Returns when all ranks are here, or with the error of one that will not come. */
static inline trm_status thread_meet(thread_world *w, int rank, trm_error *err) {
  unsigned meeting = w->meetings;
  if (w->broken) goto broken;
  if (++w->arrived == w->size) {
    w->arrived = 0;
    w->meetings++;
    pthread_cond_broadcast(&w->moved);
    return TRM_OK;
  }
  thread_release(w, rank);
  while (w->meetings == meeting && !w->broken) pthread_cond_wait(&w->moved, &w->lock);
  thread_acquire(w, rank);
  if (w->meetings != meeting) return TRM_OK;
broken:
  if (err) *err = w->why;
  return w->why.code;
}

/* -- operations --------------------------------------------------------------------------------------------------- */

static inline trm_status thread_fail_apart(thread_world *w, int a, int b, trm_error *err) {
  trm_error why = {0};
  trm__fail(&why, TRM_E_INTERNAL, "ranks", "ranks %d and %d call different operations", a, b);
  thread_break(w, &why);
  if (err) *err = why;
  return TRM_E_INTERNAL;
}

/* Posts, meets, and checks that all others do the same kind of thing. The lock is held when it returns. */
static inline trm_status thread_begin(trm__comm *comm, int kind, const void *data, const size_t *at, trm_error *err) {
  thread_world *w = ((thread_comm *)comm)->world;
  pthread_mutex_lock(&w->lock);
  w->post[comm->rank] = (thread_post){kind, data, at};
  w->operations[comm->rank]++;
  trm_status status = thread_meet(w, comm->rank, err);
  if (!status && w->broken) { /* somebody saw a difference, and what it posted may be gone */
    if (err) *err = w->why;
    return w->why.code;
  }
  for (int r = 0; r < w->size && !status; r++)
    if (w->post[r].kind != kind) status = thread_fail_apart(w, comm->rank, r, err);
  return status;
}

static inline trm_status thread_end(trm__comm *comm, trm_status status, trm_error *err) {
  thread_world *w = ((thread_comm *)comm)->world;
  if (!status) status = thread_meet(w, comm->rank, err);
  pthread_mutex_unlock(&w->lock);
  return status;
}

static inline trm_status thread_all_to_all(trm__comm *comm, const void *from, const size_t *from_at, void *to,
                                           const size_t *to_at, trm_error *err) {
  thread_world *w = ((thread_comm *)comm)->world;
  trm_status status = thread_begin(comm, 1, from, from_at, err);
  for (int r = 0; r < w->size && !status; r++) {
    const size_t *at = w->post[r].at + comm->rank;
    size_t bytes = to_at[r + 1] - to_at[r];
    if (at[1] - at[0] != bytes) status = thread_fail_apart(w, comm->rank, r, err);
    else if (bytes) memcpy((unsigned char *)to + to_at[r], w->post[r].data + at[0], bytes);
  }
  return thread_end(comm, status, err);
}

static inline trm_status thread_all_gather(trm__comm *comm, void *data, const size_t *at, trm_error *err) {
  thread_world *w = ((thread_comm *)comm)->world;
  trm_status status = thread_begin(comm, 2, data, at, err);
  for (int r = 0; r < w->size && !status; r++) {
    size_t bytes = at[r + 1] - at[r];
    if (memcmp(at, w->post[r].at, (size_t)(w->size + 1) * sizeof *at) != 0)
      status = thread_fail_apart(w, comm->rank, r, err);
    else if (bytes && r != comm->rank) memcpy((unsigned char *)data + at[r], w->post[r].data + at[r], bytes);
  }
  return thread_end(comm, status, err);
}

static inline void thread_abandon(trm__comm *comm, const trm_error *why) {
  thread_world *w = ((thread_comm *)comm)->world;
  trm_error told = {0};
  trm__fail(&told, why->code, why->where, "rank %d: %.900s", comm->rank, why->message);
  pthread_mutex_lock(&w->lock);
  thread_break(w, &told);
  pthread_mutex_unlock(&w->lock);
}

static inline void thread_close(trm__comm *comm) {
  thread_world *w = ((thread_comm *)comm)->world;
  trm_error why = {0};
  trm__fail(&why, TRM_E_INTERNAL, "ranks", "rank %d has left", comm->rank);
  pthread_mutex_lock(&w->lock);
  thread_break(w, &why);
  thread_release(w, comm->rank);
  pthread_mutex_unlock(&w->lock);
  trm__free(comm);
}

/* Rank `rank` of the world, for its thread. With turns it returns when it is this rank's. */
static inline trm_status thread_comm_open(trm__comm **out, thread_world *w, int rank, trm_error *err) {
  static const trm__comm_ops ops = {thread_all_to_all, thread_all_gather, thread_abandon, thread_close};
  thread_comm *c = trm__calloc(1, sizeof *c);
  trm_status status =
      c ? trm__comm_set_up(&c->comm, &ops, rank, w->size, err) : trm__fail_memory(err, "communicator", sizeof *c);
  if (status) {
    trm_error why = {0};
    trm__fail(&why, status, "ranks", "rank %d could not be opened", rank);
    pthread_mutex_lock(&w->lock);
    thread_break(w, &why);
    pthread_mutex_unlock(&w->lock);
  }
  if (!c) return status;
  c->world = w;
  c->comm.any_number = 1;
  trm__comm *comm = &c->comm;
  if (status) {
    trm__comm_close(&comm);
    return status;
  }
  pthread_mutex_lock(&w->lock);
  thread_acquire(w, rank);
  pthread_mutex_unlock(&w->lock);
  *out = comm;
  return TRM_OK;
}

/* -- running ------------------------------------------------------------------------------------------------------ */

typedef trm_status (*thread_rank_fn)(trm__comm *comm, void *context, trm_error *err);

typedef struct thread_rank {
  thread_world *world;
  int rank;
  thread_rank_fn fn;
  void *context;
  trm_status status;
  trm_error error;
} thread_rank;

static inline void *thread_rank_run(void *argument) {
  thread_rank *r = argument;
  trm__comm *comm = NULL;
  r->status = thread_comm_open(&comm, r->world, r->rank, &r->error);
  if (!r->status) r->status = r->fn(comm, r->context, &r->error);
  trm__comm_close(&comm);
  return NULL;
}

/* fn(comm, context + rank * bytes), which abandons by itself, on so many ranks at once; status, error [size] of each.
 * Nobody may wait for ever: the test dies after four minutes. */
static inline void thread_ranks(int size, int turns, thread_rank_fn fn, void *context, size_t bytes, trm_status *status,
                                trm_error *error) {
  thread_world world;
  thread_rank rank[THREAD_RANKS];
  pthread_t thread[THREAD_RANKS];
  thread_world_open(&world, size, turns);
  alarm(250);
  for (int r = 0; r < size; r++) {
    rank[r] = (thread_rank){.world = &world, .rank = r, .fn = fn, .context = (char *)context + (size_t)r * bytes};
    if (pthread_create(&thread[r], NULL, thread_rank_run, &rank[r])) abort();
  }
  for (int r = 0; r < size; r++) pthread_join(thread[r], NULL);
  alarm(0);
  for (int r = 0; r < size; r++) {
    status[r] = rank[r].status;
    error[r] = rank[r].error;
  }
  thread_world_close(&world);
}

#endif
