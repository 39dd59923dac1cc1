/* The optimizers as the trainer drives them, against their formulas written out in double: which tensor gets which
 * formula, decay, clipping, frozen tensors, EMA and puzzle rows. */
#include "unit/train/support.h"

typedef struct bench {
  trm_runtime *runtime;
  trm__params params;
  trm__optimizer optimizer;
  trm__real *weights, *grads, *ema;
  double *p, *m, *v; /* the formulas' own copies */
} bench;

static void open_bench(bench *b, const trm_train_config *train) {
  trm_error err = {0};
  trm_model_config model = tiny_model();
  b->runtime = tiny_runtime(2);
  CHECK_OK(trm__params_open(&b->params, &model, &err), err);
  CHECK_OK(trm__optimizer_open(&b->optimizer, b->runtime->backend, &b->params, train, &err), err);
  size_t n = b->params.trained;
  b->weights = trm__calloc(n, sizeof *b->weights);
  b->grads = trm__calloc(n, sizeof *b->grads);
  b->ema = trm__calloc(n, sizeof *b->ema);
  b->p = calloc(n, sizeof *b->p);
  b->m = calloc(n, sizeof *b->m);
  b->v = calloc(n, sizeof *b->v);
  trm__rng rng = trm__rng_make(9, TRM__RNG_TEST, 0);
  for (size_t i = 0; i < n; i++) b->weights[i] = b->ema[i] = (trm__real)(0.1 * trm__rng_normal(&rng));
  for (size_t i = 0; i < n; i++) b->p[i] = b->weights[i];
}

static void draw_grads(bench *b, int step) {
  trm__rng rng = trm__rng_make(9, TRM__RNG_TEST, (uint64_t)step);
  for (size_t i = 0; i < b->params.trained; i++) b->grads[i] = (trm__real)(0.01 * trm__rng_normal(&rng));
  b->grads[3] = 0; /* atan2(0, 0) must be 0 in the first update */
}

static void step(bench *b, double factor, int t, double grad_scale) {
  const trm__update_state state = {.t = t, .factor = factor, .grad_scale = grad_scale, .ema_decay = 0.75};
  trm__optimizer_step(&b->optimizer, &state, b->weights, b->ema, b->grads);
}

static void close_bench(bench *b) {
  trm__free(b->weights);
  trm__free(b->grads);
  trm__free(b->ema);
  free(b->p);
  free(b->m);
  free(b->v);
  trm__optimizer_close(&b->optimizer);
  trm__params_close(&b->params);
  trm_runtime_close(&b->runtime);
}

static trm_train_config config_of(int optimizer) {
  trm_train_config config = tiny_train(".", "none");
  config.optimizer = optimizer;
  config.lr = 3e-3;
  config.weight_decay = 0.7;
  return config;
}

/* -- formulas ------------------------------------------------------------------------------------------------------ */

static void adam_formula(bench *b, size_t from, size_t n, const trm_train_config *c, double factor, int t,
                         int atan2_step) {
  double lr = c->lr * factor;
  for (size_t i = from; i < from + n; i++) {
    double g = b->grads[i];
    b->m[i] = c->beta1 * b->m[i] + (1 - c->beta1) * g;
    b->v[i] = c->beta2 * b->v[i] + (1 - c->beta2) * g * g;
    b->p[i] *= 1 - lr * c->weight_decay;
    double m = b->m[i] / (1 - pow(c->beta1, t)), root = sqrt(b->v[i]) / sqrt(1 - pow(c->beta2, t));
    if (atan2_step) b->p[i] -= lr / (1 - pow(c->beta1, t)) * atan2(b->m[i], root);
    else b->p[i] -= lr * m / (root + 1e-8);
  }
}

/* X <- a X + (b A + c A^2) X with A = X X^T, five times, on the momentum's look-ahead, as the quintic iteration says.
 */
static void newton_schulz(double *x, int rows, int cols) {
  double norm = 0, *a = calloc((size_t)(rows * rows), sizeof *a), *s = calloc((size_t)(rows * rows), sizeof *s);
  double *next = calloc((size_t)(rows * cols), sizeof *next);
  for (int i = 0; i < rows * cols; i++) norm += x[i] * x[i];
  for (int i = 0; i < rows * cols; i++) x[i] /= sqrt(norm) + 1e-7;
  for (int step = 0; step < 5; step++) {
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < rows; j++) {
        double sum = 0;
        for (int k = 0; k < cols; k++) sum += x[i * cols + k] * x[j * cols + k];
        a[i * rows + j] = sum;
      }
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < rows; j++) {
        double sum = 0;
        for (int k = 0; k < rows; k++) sum += a[i * rows + k] * a[k * rows + j];
        s[i * rows + j] = -4.7750 * a[i * rows + j] + 2.0315 * sum;
      }
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < cols; j++) {
        double sum = 3.4445 * x[i * cols + j];
        for (int k = 0; k < rows; k++) sum += s[i * rows + k] * x[k * cols + j];
        next[i * cols + j] = sum;
      }
    memcpy(x, next, (size_t)(rows * cols) * sizeof *x);
  }
  free(a);
  free(s);
  free(next);
}

static void muon_formula(bench *b, const trm__param *q, const trm_train_config *c, double factor) {
  int rows = q->rows, cols = q->cols;
  size_t n = (size_t)rows * (size_t)cols;
  double *x = calloc(n, sizeof *x), mu = c->muon_momentum, lr = c->muon_lr * factor;
  int tall = rows > cols;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++) {
      size_t at = q->offset + (size_t)(i * cols + j);
      b->m[at] = mu * b->m[at] + (1 - mu) * b->grads[at];
      x[tall ? j * rows + i : i * cols + j] = mu * b->m[at] + (1 - mu) * b->grads[at];
    }
  newton_schulz(x, tall ? cols : rows, tall ? rows : cols);
  double scale = sqrt(fmax(1, (double)rows / cols));
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++) {
      size_t at = q->offset + (size_t)(i * cols + j);
      b->p[at] = b->p[at] * (1 - lr * c->muon_weight_decay) - lr * scale * x[tall ? j * rows + i : i * cols + j];
    }
  free(x);
}

static void check_weights(const bench *b, double tolerance) {
  for (size_t i = 0; i < b->params.trained; i++)
    if (!(fabs((double)b->weights[i] - b->p[i]) <= tolerance))
      fail_msg("weight %zu is %.9g, expected %.9g", i, (double)b->weights[i], b->p[i]);
}

/* -- tests --------------------------------------------------------------------------------------------------------- */

static void follow_adam(int optimizer) {
  bench b;
  trm_train_config config = config_of(optimizer);
  open_bench(&b, &config);
  for (int t = 1; t <= 4; t++) {
    draw_grads(&b, t);
    step(&b, 0.25 * t, t, 1);
    adam_formula(&b, 0, b.params.trained, &config, 0.25 * t, t, optimizer == TRM_ADAM_ATAN2);
    check_weights(&b, 2e-7);
  }
  close_bench(&b);
}

static void test_adam_atan2(void **state) {
  (void)state;
  follow_adam(TRM_ADAM_ATAN2);
}

static void test_adamw(void **state) {
  (void)state;
  follow_adam(TRM_ADAMW);
}

static void test_muon(void **state) {
  (void)state;
  bench b;
  trm_train_config config = config_of(TRM_MUON);
  open_bench(&b, &config);
  int matrices = 0, tall = 0, wide = 0;
  for (int t = 1; t <= 2; t++) {
    draw_grads(&b, t);
    step(&b, 0.5, t, 1);
    for (int i = 0; i < b.params.count; i++) {
      const trm__param *q = &b.params.item[i];
      size_t n = (size_t)q->rows * (size_t)q->cols;
      if (q->kind == TRM__PARAM_OTHER) adam_formula(&b, q->offset, n, &config, 0.5, t, 0);
      if (q->kind != TRM__PARAM_MATRIX) continue;
      muon_formula(&b, q, &config, 0.5);
      matrices++, tall += q->rows > q->cols, wide += q->rows < q->cols;
    }
    check_weights(&b, 3e-6);
  }
  assert_true(matrices > 2 && tall > 0 && wide > 0);
  close_bench(&b);
}

/* Clipping is a number of the update's state: the same as smaller gradients. */
static void test_clipping(void **state) {
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    bench clipped, small;
    trm_train_config config = config_of(kind ? TRM_MUON : TRM_ADAMW);
    open_bench(&clipped, &config);
    open_bench(&small, &config);
    draw_grads(&clipped, 1);
    draw_grads(&small, 1);
    trm__real scale = (trm__real)0.3;
    for (size_t i = 0; i < small.params.trained; i++) small.grads[i] *= scale;
    step(&clipped, 1, 1, 0.3);
    step(&small, 1, 1, 1);
    assert_memory_equal(clipped.weights, small.weights, small.params.trained * sizeof(trm__real));
    assert_memory_equal(clipped.optimizer.m, small.optimizer.m, small.params.trained * sizeof(trm__real));
    close_bench(&clipped);
    close_bench(&small);
  }
}

static void test_frozen(void **state) {
  (void)state;
  bench b;
  trm_error err;
  trm_train_config config = config_of(TRM_ADAM_ATAN2);
  strcpy(config.frozen, "inner.embed_tokens,inner.L_level.layers.0.mlp.,inner.puzzle_emb");
  open_bench(&b, &config);
  draw_grads(&b, 1);
  trm__real *before = trm__calloc(b.params.trained, sizeof *before);
  memcpy(before, b.weights, b.params.trained * sizeof *before);
  for (size_t i = 0; i < b.params.trained; i++) b.ema[i] = 77;
  trm__optimizer_freeze(&b.optimizer, b.grads);
  step(&b, 1, 1, 1);
  int frozen = 0;
  for (int i = 0; i < b.params.count; i++) {
    const trm__param *q = &b.params.item[i];
    if (q->kind != TRM__PARAM_MATRIX && q->kind != TRM__PARAM_OTHER) continue;
    int is = strncmp(q->name, "inner.embed_tokens", 18) == 0 || strstr(q->name, "layers.0.mlp.");
    frozen += is;
    for (size_t j = q->offset; j < q->offset + (size_t)q->rows * (size_t)q->cols; j++) {
      assert_int_equal(before[j] == b.weights[j], is);
      assert_int_equal(b.ema[j] == 77, is);
      assert_int_equal(b.grads[j] == 0, is || j == 3);
    }
  }
  assert_int_equal(frozen, 3);
  trm__real rows[40], drows[20];
  for (int i = 0; i < 40; i++) rows[i] = 1;
  for (int i = 0; i < 20; i++) drows[i] = 1;
  trm__update_state sound = {.t = 1, .factor = 1};
  trm__optimizer_puzzle(&b.optimizer, &sound, rows, 2, 20, drows, (int32_t[]){1}, 1);
  for (int i = 0; i < 40; i++) assert_true(rows[i] == 1);
  trm__free(before);
  trm__optimizer_close(&b.optimizer);
  strcpy(config.frozen, "inner.embed_tokens,inner.nothing");
  CHECK_FAILS(trm__optimizer_open(&b.optimizer, b.runtime->backend, &b.params, &config, &err), TRM_E_USAGE, err,
              "inner.nothing");
  close_bench(&b);
}

/* Rows of the same identifier are summed first; rows that were not seen stay; the sign of zero is zero. */
static void test_puzzle_rows(void **state) {
  (void)state;
  bench b;
  trm_train_config config = config_of(TRM_ADAM_ATAN2);
  config.puzzle_emb_lr = 0.1;
  config.puzzle_emb_weight_decay = 0.5;
  open_bench(&b, &config);
  trm__real table[3 * 20], drows[3 * 20];
  for (int i = 0; i < 60; i++) table[i] = 2, drows[i] = 0;
  drows[0] = 1, drows[40] = -3; /* identifier 1 twice: -2 */
  drows[1] = 1, drows[41] = -1; /* 0 */
  drows[20] = 5;                /* identifier 2 */
  trm__update_state half = {.t = 1, .factor = 0.5};
  trm__optimizer_puzzle(&b.optimizer, &half, table, 3, 20, drows, (int32_t[]){1, 2, 1}, 3);
  double lr = 0.05, decayed = 2 * (1 - lr * 0.5);
  for (int i = 0; i < 20; i++) assert_true(table[i] == 2);
  assert_true(fabs(table[20] - (decayed + lr)) <= 1e-6);
  assert_true(fabs(table[21] - decayed) <= 1e-6);
  assert_true(fabs(table[40] - (decayed - lr)) <= 1e-6);
  assert_true(fabs(table[41] - decayed) <= 1e-6);
  close_bench(&b);
}

/* The average follows the weights after their step; a decay of 0 copies them. */
static void test_ema(void **state) {
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    bench b;
    trm_train_config config = config_of(kind ? TRM_MUON : TRM_ADAM_ATAN2);
    open_bench(&b, &config);
    size_t n = b.params.trained;
    draw_grads(&b, 1);
    for (size_t i = 0; i < n; i++) b.ema[i] = 5;
    step(&b, 1, 1, 1);
    for (size_t i = 0; i < n; i++) assert_true(fabs((double)b.ema[i] - 3.75 - 0.25 * (double)b.weights[i]) <= 1e-6);
    const trm__update_state copy = {.t = 2, .factor = 1, .grad_scale = 1};
    for (size_t i = 0; i < n; i++) b.ema[i] = (trm__real)NAN;
    trm__optimizer_step(&b.optimizer, &copy, b.weights, b.ema, b.grads);
    assert_memory_equal(b.ema, b.weights, n * sizeof *b.ema);
    close_bench(&b);
  }
}

static trm_status open_and_close(void *context, trm_error *err) {
  bench *b = context;
  trm_train_config config = config_of(TRM_MUON);
  trm__optimizer optimizer;
  trm_status status = trm__optimizer_open(&optimizer, b->runtime->backend, &b->params, &config, err);
  if (!status) trm__optimizer_close(&optimizer);
  return status;
}

static void test_memory(void **state) {
  (void)state;
  bench b;
  trm_train_config config = config_of(TRM_ADAMW);
  open_bench(&b, &config);
  assert_int_equal(check_each_allocation(open_and_close, &b), 6);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_adam_atan2), cmocka_unit_test(test_adamw),  cmocka_unit_test(test_muon),
      cmocka_unit_test(test_clipping),   cmocka_unit_test(test_frozen), cmocka_unit_test(test_puzzle_rows),
      cmocka_unit_test(test_ema),        cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
