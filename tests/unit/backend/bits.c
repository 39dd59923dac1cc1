/* What must hold to the bit: results at 1, 2, 3 and 5 threads are equal, forward and backward; under bf16 everything
 * stored is a bf16 number; memory is what was predicted, and nothing is allocated after opening. */
#include "unit/backend/support.h"

/* All that a training step leaves behind. */
typedef struct result {
  size_t state, count, tokens;
  trm__real *e, *mid, *out, *d, *logits, *q, *drows;
  bench t;
} result;

static const int batch = 13;

static void step(result *r, const char *isa, int threads, const trm__dims *s, int recompute) {
  open_backend(&r->t, isa, threads);
  open_weights(&r->t, s, 1, batch);
  trm__backend *be = r->t.be;
  trm__weights *w = r->t.w;
  fill(r->t.flat, r->t.count, 7, 0.1); /* large scores make softmax a choice, which rounding can turn */
  be->weights_prepare(be, w, &r->t.view);
  r->state = state_size(s, batch);
  r->tokens = (size_t)(batch * s->S);
  r->e = numbers(r->state, 1, 0), r->mid = numbers(r->state, 1, 0), r->out = numbers(r->state, 1, 0);
  r->d = numbers(r->state, 1, 0), r->logits = numbers(r->tokens * (size_t)s->V, 1, 0);
  r->q = numbers(2 * (size_t)batch, 1, 0), r->drows = numbers((size_t)(batch * s->emb_ndim), 1, 0);
  trm__real *rows = numbers((size_t)(batch * s->emb_ndim), 2, 1), *dlogits = numbers(r->tokens * (size_t)s->V, 3, 0);
  trm__real *dq = numbers(2 * (size_t)batch, 3, 0);
  int32_t *ids = trm__calloc(r->tokens, sizeof *ids);
  for (size_t i = 0; i < r->tokens; i++) ids[i] = (int32_t)(i * 7 % (size_t)s->V);
  void *mix = trm__calloc(be->mix_saved_bytes(be, s, batch, recompute), 1);
  void *mlp = trm__calloc(be->mlp_saved_bytes(be, s, batch, recompute), 1);
  trm__example_stats stats[13];
  const trm__loss loss = {TRM_LOSS_STABLEMAX, 0.05, 0.5, 1.0 / batch, 0};
  trm__act *e = (trm__act *)r->e, *mid = (trm__act *)r->mid, *out = (trm__act *)r->out, *d = (trm__act *)r->d;
  const trm__heads heads = {.y = out,
                            .logits = r->logits,
                            .q = r->q,
                            .labels = ids,
                            .loss = loss,
                            .stats = stats,
                            .d = d,
                            .dlogits = dlogits,
                            .dq = dq,
                            .grads = &r->t.grads};
  trm__mem_fail_at(0);
  be->embed_forward(be, w, batch, ids, rows, e);
  be->inject(be, batch, w, e, e, e, e);
  be->mix_forward(be, w, 0, batch, e, mid, mix, recompute);
  be->mlp_forward(be, w, 0, batch, mid, out, mlp, recompute);
  be->heads(be, w, batch, &heads);
  be->mlp_backward(be, w, 0, batch, mid, out, mlp, recompute, d, &r->t.grads);
  be->mix_backward(be, w, 0, batch, e, mid, mix, recompute, d, &r->t.grads);
  be->embed_backward(be, w, batch, ids, d, &r->t.grads, r->drows);
  assert_int_equal(trm__mem_fail_at(0), 0); /* nothing was allocated */
  r->q[1] = (trm__real)be->sum_squares(be, r->t.grad, r->t.count);
  trm__free(rows);
  trm__free(dlogits);
  trm__free(dq);
  trm__free(ids);
  trm__free(mix);
  trm__free(mlp);
}

static void free_result(result *r) {
  trm__real *all[] = {r->e, r->mid, r->out, r->d, r->logits, r->q, r->drows};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) trm__free(all[i]);
  close_bench(&r->t);
}

static trm__dims dims_at(int i) {
  trm__dims s = i % 2 ? make_dims(1, 81, 2, 68, 0, 11, TRM_POS_LEARNED) : make_dims(0, 61, 3, 36, 3, 9, TRM_POS_ROPE);
  s.bf16 = i / 2 % 2;
  s.activation = i / 4 % 2 ? TRM_ACT_RMS_GATE : TRM_ACT_SILU;
  return s;
}

static void threads_change_nothing(void **state) {
  (void)state;
  static const int threads[] = {2, 3, 5};
  for (int i = 0; isa_at(i); i++) {
    for (int k = 0; k < 8; k++) {
      trm__dims s = dims_at(k);
      result one, many;
      step(&one, isa_at(i), 1, &s, k / 4);
      for (int j = 0; j < (k < 2 ? 3 : 1); j++) {
        step(&many, isa_at(i), threads[j], &s, k / 4);
        assert_memory_equal(one.e, many.e, one.state * sizeof *one.e);
        assert_memory_equal(one.mid, many.mid, one.state * sizeof *one.e);
        assert_memory_equal(one.out, many.out, one.state * sizeof *one.e);
        assert_memory_equal(one.logits, many.logits, one.tokens * (size_t)s.V * sizeof *one.e);
        assert_memory_equal(one.q, many.q, 2 * (size_t)batch * sizeof *one.e);
        assert_memory_equal(one.d, many.d, one.state * sizeof *one.e);
        assert_memory_equal(one.drows, many.drows, (size_t)(batch * s.emb_ndim) * sizeof *one.e);
        assert_memory_equal(one.t.grad, many.t.grad, one.t.count * sizeof *one.e);
        free_result(&many);
      }
      free_result(&one);
    }
  }
}

/* -- bf16 ------------------------------------------------------------------------------------------------------- */

static void check_bf16(const char *what, const trm__real *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float f = (float)x[i];
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if (bits & 0xffff) fail_msg("%s: number %zu, %.9g, is not a bf16 number", what, i, (double)f);
  }
}

static double distance(const trm__real *a, const trm__real *b, size_t n) {
  double diff = 0, size = 0;
  for (size_t i = 0; i < n; i++) {
    diff += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    size += (double)b[i] * (double)b[i];
  }
  return sqrt(diff / size);
}

/* Stored activations are bf16 numbers near the fp32 ones; gradients stay fp32 and near. */
static void bf16_rounds_what_is_stored(void **state) {
  (void)state;
  for (int i = 0; isa_at(i); i++) {
    for (int k = 0; k < 4; k++) {
      int at = k / 2 * 4 + k % 2;
      trm__dims exact = dims_at(at), rounded = dims_at(at + 2);
      result a, b;
      step(&a, isa_at(i), 2, &exact, 0);
      step(&b, isa_at(i), 2, &rounded, 0);
      check_bf16("embedding", b.e, b.state);
      check_bf16("mixer or attention", b.mid, b.state);
      check_bf16("mlp", b.out, b.state);
      check_bf16("logits", b.logits, b.tokens * (size_t)rounded.V);
      check_bf16("q", b.q, 1);
      assert_true(distance(b.out, a.out, a.state) < 0.02);
      assert_true(distance(b.logits, a.logits, a.tokens * (size_t)exact.V) < 0.02);
      assert_true(distance(b.t.grad, a.t.grad, a.t.count) < 0.1);
      assert_true(distance(b.t.grad, a.t.grad, a.t.count) > 1e-6);
      free_result(&a);
      free_result(&b);
    }
  }
}

/* -- memory ----------------------------------------------------------------------------------------------------- */

static void memory_is_predicted(void **state) {
  (void)state;
  for (int k = 0; k < 16; k++) {
    trm__dims s = dims_at(k % 8);
    int training = k / 2 % 2, b = k / 4 == 0 ? 1 : 5 * (k / 4);
    bench t;
    open_backend(&t, "auto", 1 + k % 3);
    size_t predicted = t.be->weights_bytes(t.be, &s, training, b), before = trm__mem_used();
    assert_int_equal(t.be->weights_open(t.be, &t.w, &s, training, b, NULL), TRM_OK);
    assert_int_equal(trm__mem_used() - before, predicted);
    t.be->weights_close(t.be, &t.w);
    assert_null(t.w);
    assert_int_equal(trm__mem_used(), before);
    close_bench(&t);
  }
}

static void failures_are_reported(void **state) {
  (void)state;
  trm__dims s = dims_at(0);
  bench t;
  open_backend(&t, "auto", 2);
  size_t before = trm__mem_used(), failed = 0;
  for (size_t i = 1;; i++) {
    trm_error err = {0};
    trm__mem_fail_at(i);
    trm_status status = t.be->weights_open(t.be, &t.w, &s, 1, 2, &err);
    trm__mem_fail_at(0);
    if (!status) break;
    assert_int_equal(status, TRM_E_MEMORY);
    assert_int_equal(err.code, TRM_E_MEMORY);
    assert_null(t.w);
    assert_int_equal(trm__mem_used(), before);
    failed++;
  }
  assert_true(failed >= 2);
  t.be->weights_close(t.be, &t.w);
  t.be->weights_close(t.be, &t.w); /* a second time does nothing */
  s.layers = TRM__MAX_LAYERS + 1;
  trm_error err = {0};
  assert_int_equal(t.be->weights_open(t.be, &t.w, &s, 1, 2, &err), TRM_E_USAGE);
  assert_non_null(strstr(err.message, "64"));
  close_bench(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_change_nothing),
      cmocka_unit_test(bf16_rounds_what_is_stored),
      cmocka_unit_test(memory_is_predicted),
      cmocka_unit_test(failures_are_reported),
  };
  return cmocka_run_group_tests_name("backend bits", tests, NULL, NULL);
}
