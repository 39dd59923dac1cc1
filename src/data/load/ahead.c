/* The ring of depth + 1 buffers; batch n is in buffer n mod (depth + 1). Batches taken .. built - 1 are ready, and
 * batch taken - 1 stays with the taker until its next call. */
#include "data/load/ahead.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/status.h"

struct trm__ahead {
  trm__build_fn build;
  void *context;
  int depth;
  trm__batch *batch; /* [depth + 1]: one is with the taker */
  pthread_t thread;
  int running; /* the thread was started */
  pthread_mutex_t lock;
  pthread_cond_t changed;
  /* under the lock */
  int64_t built, taken;
  int stop;
  trm_status status;
  trm_error error;
};

static trm__batch *ahead_batch(trm__ahead *a, int64_t number) {
  return &a->batch[number % (a->depth + 1)];
}

static void *ahead_produce(void *context) {
  trm__ahead *a = context;
  pthread_mutex_lock(&a->lock);
  while (!a->stop && !a->status) {
    if (a->built - a->taken >= a->depth) {
      pthread_cond_wait(&a->changed, &a->lock);
      continue;
    }
    trm__batch *to = ahead_batch(a, a->built);
    trm_error error = {0};
    pthread_mutex_unlock(&a->lock);
    trm_status status = a->build(a->context, to, &error);
    pthread_mutex_lock(&a->lock);
    if (!status) a->built++;
    else a->error = error;
    a->status = status;
    pthread_cond_broadcast(&a->changed);
  }
  pthread_mutex_unlock(&a->lock);
  return NULL;
}

static trm_status ahead_open_batches(trm__ahead *a, size_t rows, size_t seq_len, trm_error *err) {
  a->batch = trm__calloc((size_t)a->depth + 1, sizeof *a->batch);
  if (!a->batch) return trm__fail_memory(err, "loader", 0);
  for (int i = 0; i <= a->depth; i++) {
    trm__batch *b = &a->batch[i];
    b->inputs = trm__calloc(rows, seq_len * sizeof *b->inputs);
    b->labels = trm__calloc(rows, seq_len * sizeof *b->labels);
    b->ids = trm__calloc(rows, sizeof *b->ids);
    if (!b->inputs || !b->labels || !b->ids)
      return trm__fail_memory(err, "loader", rows * (2 * seq_len + 1) * sizeof(int32_t));
  }
  return TRM_OK;
}

trm_status trm__ahead_open(trm__ahead **out, int depth, int rows, int seq_len, trm__build_fn build, void *context,
                           trm_error *err) {
  trm__ahead *a = trm__calloc(1, sizeof *a);
  if (!a) return trm__fail_memory(err, "loader", sizeof *a);
  a->build = build;
  a->context = context;
  a->depth = depth;
  pthread_mutex_init(&a->lock, NULL);
  pthread_cond_init(&a->changed, NULL);
  trm_status status = ahead_open_batches(a, (size_t)rows, (size_t)seq_len, err);
  if (!status && pthread_create(&a->thread, NULL, ahead_produce, a) != 0)
    status = trm__fail(err, TRM_E_MEMORY, "loader", "a thread cannot be started");
  a->running = !status;
  if (!status) *out = a;
  else trm__ahead_close(&a);
  return status;
}

void trm__ahead_close(trm__ahead **ahead) {
  trm__ahead *a = *ahead;
  *ahead = NULL;
  if (!a) return;
  if (a->running) {
    pthread_mutex_lock(&a->lock);
    a->stop = 1;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
  }
  for (int i = 0; a->batch && i <= a->depth; i++) {
    trm__free(a->batch[i].inputs);
    trm__free(a->batch[i].labels);
    trm__free(a->batch[i].ids);
  }
  pthread_cond_destroy(&a->changed);
  pthread_mutex_destroy(&a->lock);
  trm__free(a->batch);
  trm__free(a);
}

trm_status trm__ahead_next(trm__ahead *ahead, const trm__batch **out, trm_error *err) {
  trm__ahead *a = ahead;
  pthread_mutex_lock(&a->lock);
  while (a->taken == a->built && !a->status) pthread_cond_wait(&a->changed, &a->lock);
  trm_status status = a->taken == a->built ? a->status : TRM_OK;
  if (!status) *out = ahead_batch(a, a->taken++);
  else if (err) *err = a->error;
  pthread_cond_broadcast(&a->changed);
  pthread_mutex_unlock(&a->lock);
  return status;
}
