/* A device that does not exist: the CPU backend behind addresses that the host cannot read or write, so that a test
 * stops at the first touch of device memory from above the backend, and at the first pointer of the host that is handed
 * to an operation. Operations are only put into a queue, and done when somebody waits: at copies to the host and at
 * synchronize. They can be recorded and replayed. Results have the bits of the CPU backend. */
#ifndef TRM_TESTS_SUPPORT_DEVICE_BACKEND_H
#define TRM_TESTS_SUPPORT_DEVICE_BACKEND_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/backend.h"

enum { DEVICE_PAGE = 4096, DEVICE_RUNS = 80 };
#define DEVICE_BYTES ((size_t)1 << 30) /* of addresses; pages are taken when they are used */

typedef struct device_queue {
  unsigned char *data;
  size_t used, size;
} device_queue;

struct trm__recording {
  device_queue queue;
};

typedef struct device {
  trm__backend backend;  /* first */
  trm__backend *inner;   /* the CPU's; borrowed */
  unsigned char *shown;  /* what the host sees: no access */
  unsigned char *memory; /* what is meant by it */
  size_t used;           /* addresses given out */
  size_t asked;          /* bytes asked for */
  device_queue queue;
  trm__recording *recording;                  /* of record_begin, until record_end */
  int deferred, recordings, replays, flushes; /* counted for tests */
} device;

typedef void (*device_run)(trm__backend *be, void *args);
typedef struct device_command {
  device_run run;
  size_t bytes; /* of the arguments behind it */
} device_command;

#define DEVICE_UNUSED __attribute__((unused))

static void device_fault(const char *what) {
  fprintf(stderr, "device: %s\n", what);
  abort();
}

static int device_holds(const device *d, const void *p) {
  uintptr_t at = (uintptr_t)p, from = (uintptr_t)d->shown;
  return at >= from && at < from + DEVICE_BYTES;
}

/* The memory behind an address of the device. */
static void *device_at(trm__backend *be, const void *p) {
  device *d = (device *)be;
  if (!p) return NULL;
  if (!device_holds(d, p)) device_fault("an operation got an address of the host");
  return d->memory + ((const unsigned char *)p - d->shown);
}
#define AT(p) ((__typeof__(p))device_at(be, (p)))

static void *device_append(device_queue *q, size_t bytes) {
  size_t need = (bytes + 15) / 16 * 16;
  if (q->used + need > q->size) {
    q->size = 2 * q->size + need + 4096;
    q->data = realloc(q->data, q->size);
    if (!q->data) device_fault("no memory");
  }
  q->used += need;
  return q->data + q->used - need;
}

static void device_push(trm__backend *be, device_run run, const void *args, size_t bytes) {
  device *d = (device *)be;
  device_queue *q = d->recording ? &d->recording->queue : &d->queue;
  size_t padded = (bytes + 15) / 16 * 16;
  device_command command = {run, padded};
  memcpy(device_append(q, sizeof command), &command, sizeof command);
  memcpy(device_append(q, padded), args, bytes);
  d->deferred++;
}

static void device_flush(trm__backend *be, const char *who) {
  device *d = (device *)be;
  if (d->recording) {
    fprintf(stderr, "device: %s while operations are recorded\n", who);
    abort();
  }
  for (size_t at = 0; at < d->queue.used;) {
    device_command *c = (device_command *)(void *)(d->queue.data + at);
    at += (sizeof *c + 15) / 16 * 16;
    c->run(d->inner, d->queue.data + at);
    at += c->bytes;
  }
  d->queue.used = 0;
  d->flushes++;
}

/* -- memory ------------------------------------------------------------------------------------------------------- */

/* Whole pages with one that nobody may touch behind them. */
static void *device_alloc(trm__backend *be, size_t bytes) {
  device *d = (device *)be;
  size_t pages = (bytes + DEVICE_PAGE - 1) / DEVICE_PAGE + 1;
  if (d->recording) device_fault("memory asked for while operations are recorded");
  if (pages * DEVICE_PAGE > DEVICE_BYTES - d->used) return NULL;
  size_t at = d->used;
  d->used += pages * DEVICE_PAGE;
  d->asked += bytes;
  if (mprotect(d->memory + at, (pages - 1) * DEVICE_PAGE, PROT_READ | PROT_WRITE)) return NULL;
  return d->shown + at;
}

static void device_free(trm__backend *be, void *p) {
  if (!p) return;
  device_flush(be, "free");
  mprotect(AT(p), 1, PROT_NONE); /* its first page: enough to notice */
}

typedef struct copy_args {
  void *to;
  const void *from; /* NULL: the bytes follow */
  size_t bytes;
} copy_args;
static void copy_run(trm__backend *be, void *args) {
  copy_args *a = args;
  (void)be;
  memcpy(a->to, a->from ? a->from : a + 1, a->bytes);
}

static void device_copy(trm__backend *be, void *to, const void *from, size_t bytes, trm__copy_kind kind) {
  device *d = (device *)be;
  if (!bytes) return;
  if (kind == TRM__COPY_TO_HOST) {
    device_flush(be, "copy to the host");
    if (device_holds(d, to)) device_fault("copy to the host ends on the device");
    memcpy(to, AT(from), bytes);
  } else if (kind == TRM__COPY_ON_DEVICE) {
    copy_args a = {AT(to), AT(from), bytes};
    device_push(be, copy_run, &a, sizeof a);
  } else {
    if (d->recording) device_fault("copy from the host while operations are recorded");
    if (device_holds(d, from)) device_fault("copy from the host begins on the device");
    copy_args *a = malloc(sizeof *a + bytes);
    if (!a) device_fault("no memory");
    *a = (copy_args){AT(to), NULL, bytes};
    memcpy(a + 1, from, bytes);
    device_push(be, copy_run, a, sizeof *a + bytes);
    free(a);
  }
}

static void zero_run(trm__backend *be, void *args) {
  copy_args *a = args;
  (void)be;
  memset(a->to, 0, a->bytes);
}
static void device_zero(trm__backend *be, void *p, size_t bytes) {
  copy_args a = {AT(p), NULL, bytes};
  device_push(be, zero_run, &a, sizeof a);
}

static size_t device_available(trm__backend *be) {
  return DEVICE_BYTES - ((device *)be)->used;
}

static trm_status device_synchronize(trm__backend *be, trm_error *err) {
  (void)err;
  device_flush(be, "synchronize");
  return TRM_OK;
}

static size_t device_act_bytes(const trm__backend *be, const trm__dims *dims) {
  const trm__backend *inner = ((const device *)be)->inner;
  return inner->act_bytes(inner, dims);
}
static void device_act_read(trm__backend *be, const trm__dims *dims, trm__real *to, const trm__act *from, size_t n) {
  trm__backend *inner = ((device *)be)->inner;
  device_flush(be, "act_read");
  inner->act_read(inner, dims, to, AT(from), n);
}
static void device_act_write(trm__backend *be, const trm__dims *dims, trm__act *to, const trm__real *from, size_t n) {
  trm__backend *inner = ((device *)be)->inner;
  device_flush(be, "act_write");
  inner->act_write(inner, dims, AT(to), from, n);
}

/* -- recording ---------------------------------------------------------------------------------------------------- */

static trm_status device_record_begin(trm__backend *be, trm_error *err) {
  device *d = (device *)be;
  (void)err;
  d->recording = calloc(1, sizeof *d->recording);
  if (!d->recording) device_fault("no memory");
  return TRM_OK;
}
static trm_status device_record_end(trm__backend *be, trm__recording **out, trm_error *err) {
  device *d = (device *)be;
  (void)err;
  *out = d->recording;
  d->recording = NULL;
  d->recordings++;
  return TRM_OK;
}
static void device_replay(trm__backend *be, trm__recording *recording) {
  device *d = (device *)be;
  size_t bytes = recording->queue.used;
  memcpy(device_append(&d->queue, bytes), recording->queue.data, bytes);
  d->replays++;
}
static void device_recording_close(trm__backend *be, trm__recording **recording) {
  (void)be;
  free((*recording)->queue.data);
  free(*recording);
  *recording = NULL;
}

/* -- weights ------------------------------------------------------------------------------------------------------ */

static trm__weights_view device_view(trm__backend *be, const trm__weights_view *v) {
  trm__weights_view to = {.embed = AT(v->embed),
                          .embed_pos = AT(v->embed_pos),
                          .lm_head = AT(v->lm_head),
                          .q_weight = AT(v->q_weight),
                          .q_bias = AT(v->q_bias)};
  for (int i = 0; i < TRM__MAX_LAYERS; i++) {
    const trm__layer_view *l = &v->layer[i];
    to.layer[i] = (trm__layer_view){AT(l->mix_in), AT(l->mix_out), AT(l->mlp_in), AT(l->mlp_out)};
  }
  return to;
}

static trm_status device_weights_open(trm__backend *be, trm__weights **out, const trm__dims *dims, int training,
                                      int max_batch, trm_error *err) {
  trm__backend *inner = ((device *)be)->inner;
  return inner->weights_open(inner, out, dims, training, max_batch, err);
}
static void device_weights_close(trm__backend *be, trm__weights **w) {
  trm__backend *inner = ((device *)be)->inner;
  device_flush(be, "weights_close");
  inner->weights_close(inner, w);
}
static size_t device_weights_bytes(trm__backend *be, const trm__dims *dims, int training, int max_batch) {
  trm__backend *inner = ((device *)be)->inner;
  return inner->weights_bytes(inner, dims, training, max_batch);
}

#include "support/device_operations.h"

/* -- opening ------------------------------------------------------------------------------------------------------ */

static void device_close(trm__backend *be) {
  device *d = (device *)be;
  munmap(d->shown, DEVICE_BYTES);
  munmap(d->memory, DEVICE_BYTES);
  free(d->queue.data);
  free(d);
}

/* inner is borrowed. records: whether it offers recordings. */
DEVICE_UNUSED static trm__backend *device_open(trm__backend *inner, int records) {
  device *d = calloc(1, sizeof *d);
  if (!d) device_fault("no memory");
  d->inner = inner;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  d->shown = mmap(NULL, DEVICE_BYTES, PROT_NONE, flags, -1, 0);
  d->memory = mmap(NULL, DEVICE_BYTES, PROT_NONE, flags, -1, 0);
  if (d->shown == MAP_FAILED || d->memory == MAP_FAILED) device_fault("no addresses");
  d->backend = (trm__backend){.name = "fake",
                              .close = device_close,
                              .alloc = device_alloc,
                              .free = device_free,
                              .copy = device_copy,
                              .zero = device_zero,
                              .memory_available = device_available,
                              .synchronize = device_synchronize,
                              .act_bytes = device_act_bytes,
                              .act_read = device_act_read,
                              .act_write = device_act_write,
                              .weights_open = device_weights_open,
                              .weights_close = device_weights_close,
                              .weights_bytes = device_weights_bytes,
                              .weights_prepare = device_weights_prepare,
                              .embed_forward = device_embed_forward,
                              .embed_backward = device_embed_backward,
                              .inject = device_inject,
                              .accumulate = device_accumulate,
                              .mix_saved_bytes = device_mix_saved,
                              .mix_forward = device_mix_forward,
                              .mix_backward = device_mix_backward,
                              .mlp_saved_bytes = device_mlp_saved,
                              .mlp_forward = device_mlp_forward,
                              .mlp_backward = device_mlp_backward,
                              .heads = device_heads,
                              .refill = device_refill,
                              .noise = device_noise,
                              .distance = device_distance,
                              .blend = device_blend,
                              .merge = device_merge,
                              .winners = device_winners,
                              .pick = device_pick,
                              .admit = device_admit,
                              .gather_rows = device_gather_rows,
                              .update_begin = device_update_begin,
                              .update_judge = device_update_judge,
                              .update_end = device_update_end,
                              .dense = device_dense,
                              .muon_scratch = device_muon_scratch,
                              .muon = device_muon,
                              .sign_sgd_rows = device_sign_sgd_rows,
                              .add = device_add,
                              .sum_squares = device_sum_squares};
  if (records) {
    d->backend.record_begin = device_record_begin;
    d->backend.record_end = device_record_end;
    d->backend.replay = device_replay;
    d->backend.recording_close = device_recording_close;
  }
  return &d->backend;
}

#endif
