/* The recursion's promises beside its numbers: an example's result does not depend on its batch or on the thread count,
 * keeping and recomputing give the same gradients, training and inference walk the same forward pass, and memory is
 * what was predicted. */
#include "support/model_fixture.h"

static const struct {
  int mixer, positions, prefix;
} kinds[] = {
    {1, TRM_POS_NONE, 1}, {1, TRM_POS_LEARNED, 0}, {0, TRM_POS_ROPE, 1}, {0, TRM_POS_LEARNED, 1}, {0, TRM_POS_NONE, 0}};
#define KINDS (sizeof kinds / sizeof *kinds)

static trm_model_config config_of(size_t kind) {
  return fixture_config(kinds[kind].mixer, kinds[kind].positions, kinds[kind].prefix);
}

static void step(fixture *f) {
  trm__network_step(f->net, f->b, f->tokens, f->rows, f->y, f->z, f->logits, f->q);
}

static void test_alone_equals_in_a_batch(void **state) {
  (void)state;
  for (size_t k = 0; k < 2 * KINDS; k++) {
    fixture f;
    trm_model_config config = config_of(k % KINDS);
    config.forward_dtype = k < KINDS ? TRM_FLOAT32 : TRM_BFLOAT16;
    fixture_open(&f, &config, NULL, 2, 5, 0);
    step(&f);
    size_t ndim = (size_t)f.params.dims.emb_ndim, S = (size_t)f.params.dims.S,
           state_bytes = f.act * f.be->act_bytes(f.be, &f.params.dims);
    trm__act *y = f.be->alloc(f.be, state_bytes), *z = f.be->alloc(f.be, state_bytes);
    trm__real *logits = calloc(f.logit, sizeof *logits), q[2];
    for (size_t i = 0; i < 5; i++) {
      f.be->act_write(f.be, &f.params.dims, y, f.y0 + i * f.act, f.act);
      f.be->act_write(f.be, &f.params.dims, z, f.z0 + i * f.act, f.act);
      trm__network_step(f.net, 1, f.tokens + i * S, ndim ? f.rows + i * ndim : NULL, y, z, logits, q);
      assert_memory_equal(y, f.y + i * state_bytes, state_bytes);
      assert_memory_equal(z, f.z + i * state_bytes, state_bytes);
      assert_memory_equal(logits, f.logits + i * f.logit, f.logit * sizeof *logits);
      assert_memory_equal(q, f.q + 2 * i, sizeof q);
    }
    f.be->free(f.be, y);
    f.be->free(f.be, z);
    free(logits);
    fixture_close(&f);
  }
}

typedef struct result {
  trm__real *grads, *drows, *logits, *q;
  trm__act *y, *z;
  trm__example_stats stats[5];
  size_t bytes;
} result;

static result train(fixture *f) {
  trm__loss loss = {TRM_LOSS_STABLEMAX, 0, 0.5, 0.2, 0};
  size_t b = (size_t)f->b;
  result r;
  memset(&r, 0, sizeof r);
  r.grads = calloc(f->params.trained, sizeof(trm__real));
  r.drows = calloc(b * (size_t)f->params.dims.emb_ndim + 1, sizeof(trm__real));
  r.logits = calloc(b * f->logit, sizeof(trm__real));
  r.q = calloc(2 * b, sizeof(trm__real));
  r.bytes = b * f->act * f->be->act_bytes(f->be, &f->params.dims);
  r.y = malloc(r.bytes);
  r.z = malloc(r.bytes);
  fixture_rewind(f);
  trm__network_train_step(f->net, f->b, f->tokens, f->rows, f->labels, NULL, &loss, f->y, f->z, r.grads,
                          f->rows ? r.drows : NULL, r.stats, r.logits, r.q);
  memcpy(r.y, f->y, r.bytes);
  memcpy(r.z, f->z, r.bytes);
  return r;
}

static void free_result(result *r) {
  void *all[] = {r->grads, r->drows, r->logits, r->q, r->y, r->z};
  for (size_t i = 0; i < 6; i++) free(all[i]);
}

static void assert_same(const fixture *f, const result *a, const result *b) {
  assert_memory_equal(a->grads, b->grads, f->params.trained * sizeof(trm__real));
  assert_memory_equal(a->drows, b->drows, (size_t)f->b * (size_t)f->params.dims.emb_ndim * sizeof(trm__real));
  assert_memory_equal(a->logits, b->logits, (size_t)f->b * f->logit * sizeof(trm__real));
  assert_memory_equal(a->y, b->y, a->bytes);
  assert_memory_equal(a->z, b->z, a->bytes);
  for (int i = 0; i < f->b; i++) assert_memory_equal(&a->stats[i].lm_loss, &b->stats[i].lm_loss, sizeof(double));
}

static void test_keep_equals_recompute(void **state) {
  (void)state;
  for (size_t k = 0; k < 2 * KINDS; k++) {
    fixture f;
    trm_model_config config = config_of(k % KINDS);
    config.forward_dtype = k < KINDS ? TRM_FLOAT32 : TRM_BFLOAT16;
    fixture_open(&f, &config, NULL, 2, 5, 1);
    result kept = train(&f);
    fixture_network(&f, 1, 1);
    result recomputed = train(&f);
    assert_same(&f, &kept, &recomputed);
    free_result(&kept);
    free_result(&recomputed);
    fixture_close(&f);
  }
}

static void test_threads_change_nothing(void **state) {
  (void)state;
  for (size_t k = 0; k < KINDS; k++) {
    fixture one, many;
    trm_model_config config = config_of(k);
    fixture_open(&one, &config, NULL, 1, 5, 1);
    fixture_open(&many, &config, NULL, 3, 5, 1);
    result a = train(&one), b = train(&many);
    assert_same(&one, &a, &b);
    free_result(&a);
    free_result(&b);
    fixture_close(&one);
    fixture_close(&many);
  }
}

/* The answers that training sees are those that solving gives. */
static void test_training_forward_is_inference(void **state) {
  (void)state;
  for (size_t k = 0; k < KINDS; k++) {
    fixture f;
    trm_model_config config = config_of(k);
    fixture_open(&f, &config, NULL, 2, 5, 1);
    result r = train(&f);
    fixture_rewind(&f);
    step(&f);
    assert_memory_equal(r.y, f.y, r.bytes);
    assert_memory_equal(r.z, f.z, r.bytes);
    assert_memory_equal(r.logits, f.logits, (size_t)f.b * f.logit * sizeof(trm__real));
    assert_memory_equal(r.q, f.q, (size_t)f.b * 2 * sizeof(trm__real));
    trm__example_stats stats[5];
    trm__loss loss = {TRM_LOSS_STABLEMAX, 0, 0.5, 0.2, 0};
    trm__network_loss(f.net, f.b, f.logits, f.q, f.labels, &loss, stats);
    for (int i = 0; i < f.b; i++) {
      assert_true(stats[i].lm_loss == r.stats[i].lm_loss && stats[i].halt_loss == r.stats[i].halt_loss);
      assert_int_equal(stats[i].right, r.stats[i].right);
      assert_true(stats[i].q_halt == (double)f.q[2 * i]);
    }
    free_result(&r);
    fixture_close(&f);
  }
}

static void test_bytes_are_predicted(void **state) {
  (void)state;
  for (size_t k = 0; k < 4 * KINDS; k++) {
    fixture f;
    trm_error err;
    trm_model_config config = config_of(k / 4);
    trm__network_plan plan = {.max_batch = 3, .training = k % 2 != 0, .recompute = k % 4 >= 2};
    if (k % 4 == 3) plan.latents = 3, config.damping = 0.1, config.activation = TRM_ACT_RMS_GATE;
    fixture_open(&f, &config, NULL, 2, 1, 0);
    trm__network_close(&f.net);
    size_t predicted = trm__network_bytes(&config, f.be, &plan), before = trm__mem_used();
    CHECK_OK(trm__network_open(&f.net, &config, &f.params, f.be, &plan, &err), err);
    assert_int_equal(trm__mem_used() - before, predicted);
    trm__network_prepare(f.net, f.set.flat);
    assert_int_equal(trm__mem_used() - before, predicted);
    trm__network_close(&f.net);
    assert_int_equal(trm__mem_used(), before);
    fixture_close(&f);
  }
}

typedef struct count {
  int calls, last, batch;
} count;

static void on_call(void *context, int call, const trm__act *h, int b) {
  count *c = context;
  assert_int_equal(call, c->calls);
  assert_non_null(h);
  c->calls++;
  c->last = call;
  c->batch = b;
}

static void test_cycles_and_observer(void **state) {
  (void)state;
  fixture f;
  trm_model_config config = fixture_config(1, TRM_POS_NONE, 1);
  config.L_cycles = 3;
  fixture_open(&f, &config, NULL, 1, 2, 1);
  static const int wanted[][3] = {{3, 2, 8}, {1, 4, 8}, {2, 1, 3}, {99, 1, 4}, {0, 0, 2}};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    count c = {0, 0, 0};
    trm__network_set_cycles(f.net, wanted[i][0], wanted[i][1]);
    trm__network_observe(f.net, on_call, &c);
    step(&f);
    assert_int_equal(c.calls, wanted[i][2]);
    assert_int_equal(c.batch, 2);
    c.calls = 0;
    result r = train(&f);
    assert_int_equal(c.calls, wanted[i][2]);
    trm__network_observe(f.net, NULL, NULL);
    free_result(&r);
  }
  fixture_close(&f);
}

static void test_refill(void **state) {
  (void)state;
  fixture f;
  trm_model_config config = fixture_config(0, TRM_POS_ROPE, 1);
  fixture_open(&f, &config, NULL, 1, 3, 0);
  const uint8_t halted[3] = {0, 1, 0};
  trm__network_refill(f.net, 3, halted, f.set.start, f.y, f.z);
  trm__real *y = calloc(3 * f.act, sizeof *y), *z = calloc(3 * f.act, sizeof *z);
  f.be->act_read(f.be, &f.params.dims, y, f.y, 3 * f.act);
  f.be->act_read(f.be, &f.params.dims, z, f.z, 3 * f.act);
  size_t D = (size_t)f.params.dims.D;
  for (size_t i = 0; i < 3 * f.act; i++) {
    int fresh = i / f.act == 1;
    assert_true(y[i] == (fresh ? f.set.start[i % D] : f.y0[i]));
    assert_true(z[i] == (fresh ? f.set.start[D + i % D] : f.z0[i]));
  }
  free(y);
  free(z);
  fixture_close(&f);
}

static trm_status open_and_close(void *context, trm_error *err) {
  fixture *f = context;
  trm__network_plan plan = {.max_batch = 2, .training = 1};
  trm__network *net = NULL;
  trm_status status = trm__network_open(&net, &f->config, &f->params, f->be, &plan, err);
  if (status) assert_null(net);
  trm__network_close(&net);
  return status;
}

static void test_allocation_failures(void **state) {
  (void)state;
  fixture f;
  trm_model_config config = fixture_config(1, TRM_POS_LEARNED, 1);
  fixture_open(&f, &config, NULL, 1, 2, 1);
  assert_true(check_each_allocation(open_and_close, &f) >= 3);
  fixture_close(&f);
}

static void test_impossible_batch(void **state) {
  (void)state;
  fixture f;
  trm_error err;
  trm_model_config config = fixture_config(1, TRM_POS_NONE, 0);
  fixture_open(&f, &config, NULL, 1, 1, 0);
  trm__network *net = NULL;
  trm__network_plan plan = {0};
  CHECK_FAILS(trm__network_open(&net, &config, &f.params, f.be, &plan, &err), TRM_E_INPUT, err, "batch");
  plan.max_batch = INT32_MAX;
  CHECK_FAILS(trm__network_open(&net, &config, &f.params, f.be, &plan, &err), TRM_E_INPUT, err, "batch");
  assert_null(net);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_alone_equals_in_a_batch),
      cmocka_unit_test(test_keep_equals_recompute),
      cmocka_unit_test(test_threads_change_nothing),
      cmocka_unit_test(test_training_forward_is_inference),
      cmocka_unit_test(test_bytes_are_predicted),
      cmocka_unit_test(test_cycles_and_observer),
      cmocka_unit_test(test_refill),
      cmocka_unit_test(test_allocation_failures),
      cmocka_unit_test(test_impossible_batch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
