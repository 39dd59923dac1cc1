/* Steps that a device records: the numbers of steps that it does not record, whatever changes between two of them, and
 * which steps are recorded, replayed and forgotten. */
#include "support/model_fixture.h"

#include "support/device_backend.h"

enum { B = 4 };

/* The same network on the CPU and on a device, and what steps are given there. */
typedef struct pair {
  fixture f;
  trm__backend *be;
  trm__network *net;
  trm__real *flat, *rows, *logits, *q;
  int32_t *tokens, *labels;
  uint64_t *names_host, *names; /* of noise */
  trm__act *y, *z;
  trm__example_stats *stats;
  size_t flat_bytes, state_bytes;
} pair;

static void *upload(trm__backend *be, const void *host, size_t bytes) {
  void *p = be->alloc(be, bytes);
  assert_non_null(p);
  be->copy(be, p, host, bytes, TRM__COPY_TO_DEVICE);
  return p;
}

static void rewind_pair(pair *p) {
  fixture_rewind(&p->f);
  p->be->act_write(p->be, &p->f.params.dims, p->y, p->f.y0, B * p->f.act);
  p->be->act_write(p->be, &p->f.params.dims, p->z, p->f.z0, B * p->f.act);
}

static void open_pair(pair *p, int records) {
  trm_error err = {0};
  trm_model_config config = fixture_config(1, TRM_POS_NONE, 1);
  static uint64_t names[B] = {9, 5, 70, 3};
  memset(p, 0, sizeof *p);
  fixture_open(&p->f, &config, NULL, 1, B, 0);
  const trm__dims *d = &p->f.params.dims;
  trm__backend *be = p->be = device_open(p->f.be, records);
  p->state_bytes = B * p->f.act * be->act_bytes(be, d);
  p->flat_bytes = p->f.params.trained * sizeof(trm__real);
  p->flat = upload(be, p->f.set.flat, p->flat_bytes);
  p->tokens = upload(be, p->f.tokens, B * (size_t)d->S * sizeof(int32_t));
  p->labels = upload(be, p->f.labels, B * (size_t)d->S * sizeof(int32_t));
  p->rows = upload(be, p->f.rows, B * (size_t)d->emb_ndim * sizeof(trm__real));
  p->names_host = names;
  p->names = upload(be, names, sizeof names);
  p->y = be->alloc(be, p->state_bytes);
  p->z = be->alloc(be, p->state_bytes);
  p->logits = be->alloc(be, B * p->f.logit * sizeof(trm__real));
  p->q = be->alloc(be, 2 * B * sizeof(trm__real));
  p->stats = be->alloc(be, B * sizeof *p->stats);
  trm__network_plan plan = {.max_batch = B};
  CHECK_OK(trm__network_open(&p->net, &config, &p->f.params, be, &plan, &err), err);
  trm__network_prepare(p->net, p->flat);
  rewind_pair(p);
}

static void close_pair(pair *p) {
  trm__network_close(&p->net);
  trm__backend_close(&p->be);
  fixture_close(&p->f);
}

static void same(pair *p, const void *device_side, const void *host, size_t bytes) {
  void *got = calloc(1, bytes);
  p->be->copy(p->be, got, device_side, bytes, TRM__COPY_TO_HOST);
  assert_memory_equal(got, host, bytes);
  free(got);
}

/* A step of the first b on both sides. */
static void both(pair *p, int b, int scored) {
  const fixture *f = &p->f;
  const trm__loss loss = {.kind = TRM_LOSS_STABLEMAX, .halt_weight = 0.5, .grad_scale = 1};
  trm__example_stats stats[B];
  size_t n = (size_t)b;
  memset(stats, 0, sizeof stats);
  if (scored) {
    trm__network_scored_step(f->net, b, f->tokens, f->rows, f->labels, &loss, f->y, f->z, f->logits, f->q, stats);
    trm__network_scored_step(p->net, b, p->tokens, p->rows, p->labels, &loss, p->y, p->z, p->logits, p->q, p->stats);
    same(p, p->stats, stats, n * sizeof *stats);
  } else {
    trm__network_step(f->net, b, f->tokens, f->rows, f->y, f->z, f->logits, f->q);
    trm__network_step(p->net, b, p->tokens, p->rows, p->y, p->z, p->logits, p->q);
  }
  same(p, p->y, f->y, p->state_bytes);
  same(p, p->z, f->z, p->state_bytes);
  same(p, p->logits, f->logits, n * f->logit * sizeof(trm__real));
  same(p, p->q, f->q, 2 * n * sizeof(trm__real));
}

static void noise(pair *p, double sigma, uint64_t offset) {
  trm__network_set_noise(p->f.net, &(trm__network_noise){sigma, 3, p->names_host, offset});
  trm__network_set_noise(p->net, &(trm__network_noise){sigma, 3, p->names, offset});
}

static void expect(const pair *p, int recordings, int replays) {
  const device *d = (const device *)p->be;
  assert_int_equal(d->recordings, recordings);
  assert_int_equal(d->replays, replays);
}

static void test_second_time(void **state) {
  (void)state;
  pair p;
  open_pair(&p, 1);
  both(&p, B, 0);
  expect(&p, 0, 0);
  for (int i = 0; i < 3; i++) both(&p, B, 0);
  expect(&p, 1, 3);
  both(&p, B, 1);
  expect(&p, 1, 3);
  both(&p, B, 1);
  expect(&p, 2, 4);
  close_pair(&p);
  open_pair(&p, 0);
  for (int i = 0; i < 3; i++) both(&p, B, 0);
  expect(&p, 0, 0);
  close_pair(&p);
}

static void count_call(void *context, int call, const trm__act *h, int b) {
  (void)call, (void)h, (void)b;
  ++*(int *)context;
}

/* Cycles, noise, batch and weights change, and steps are forgotten for others. */
static void test_what_changes(void **state) {
  (void)state;
  pair p;
  open_pair(&p, 1);
  for (int i = 0; i < 2; i++) both(&p, B, 0);
  expect(&p, 1, 1);
  trm__network_set_cycles(p.f.net, 1, 3);
  trm__network_set_cycles(p.net, 1, 3);
  for (int i = 0; i < 2; i++) both(&p, B, 0);
  expect(&p, 2, 2);
  for (int k = 0; k < 2; k++) { /* other noise is another step */
    noise(&p, 0.1, 8 * (uint64_t)k);
    for (int i = 0; i < 2; i++) both(&p, B, 0);
    expect(&p, 3 + k, 3 + k);
  }
  both(&p, 3, 0); /* the fifth: the first is forgotten */
  expect(&p, 4, 4);
  noise(&p, 0.1, 8);
  both(&p, B, 0);
  expect(&p, 4, 5);
  noise(&p, 0, 0);
  trm__network_set_cycles(p.f.net, 2, 2);
  trm__network_set_cycles(p.net, 2, 2);
  both(&p, B, 0);
  expect(&p, 4, 5);
  for (size_t i = 0; i < p.f.params.trained; i++) p.f.set.flat[i] *= (trm__real)0.75;
  p.be->copy(p.be, p.flat, p.f.set.flat, p.flat_bytes, TRM__COPY_TO_DEVICE);
  trm__network_prepare(p.f.net, p.f.set.flat);
  trm__network_prepare(p.net, p.flat);
  for (int i = 0; i < 2; i++) both(&p, B, 0);
  int calls = 0;
  trm__network_observe(p.net, count_call, &calls);
  both(&p, B, 0);
  assert_int_equal(calls, 6);
  close_pair(&p);
}

static trm_status refuse(trm__backend *be, trm_error *err) {
  ++*(int *)be->pool; /* the device has none; lent for the count */
  return trm__fail(err, TRM_E_INTERNAL, "device", "no recording");
}

/* A device that cannot record goes on without, and is not asked again. */
static void test_refused(void **state) {
  (void)state;
  pair p;
  int asked = 0;
  open_pair(&p, 1);
  p.be->record_begin = refuse;
  p.be->pool = (trm__pool *)(void *)&asked;
  for (int i = 0; i < 4; i++) both(&p, B, 0);
  expect(&p, 0, 0);
  assert_int_equal(asked, 1);
  close_pair(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_second_time), cmocka_unit_test(test_what_changes),
                                     cmocka_unit_test(test_refused)};
  return cmocka_run_group_tests_name("recorded steps", tests, NULL, NULL);
}
