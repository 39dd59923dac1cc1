/* The heads, their losses and gradients against plain loops in double. */
#include "cuda/device_check.h"

#include "kernels/update.h"

typedef struct shape {
  int b, S, P, D, V, softmax;
  double smoothing, decay;
} shape;

typedef struct heads_test {
  trm__cuda_heads h;
  float *y, *lm_head, *q_weight, q_bias[2];
  double *dlogits, *dq;
  buffer by, blm, bqw, bqb, blogits, bq, blabels, bsteps, bstats, bd, bdlogits, bdq, bdlm, bdqw, bdqb, bpartial;
} heads_test;

static void launch(trm__cuda_queue *q, void *context) {
  trm__cuda_heads h = ((heads_test *)context)->h; /* with the device's addresses */
  h.y = THERE(h.y), h.lm_head = THERE(h.lm_head), h.q_weight = THERE(h.q_weight), h.q_bias = THERE(h.q_bias);
  h.logits = THERE(h.logits), h.q = THERE(h.q), h.labels = THERE(h.labels), h.steps = THERE(h.steps);
  h.stats = THERE(h.stats), h.d = THERE(h.d), h.dlogits = THERE(h.dlogits), h.dq = THERE(h.dq);
  h.dlm_head = THERE(h.dlm_head), h.dq_weight = THERE(h.dq_weight), h.dq_bias = THERE(h.dq_bias);
  h.partial = THERE(h.partial);
  trm__cuda_heads_run(q, &h);
}

static buffer weights(size_t n, trm_dtype type, float *same) {
  buffer b = buffer_filled(TRM_FLOAT32, n, same, 0);
  for (size_t i = 0; i < n; i++) same[i] = rounded(same[i], type);
  return b;
}

static buffer labels_of(const shape *s) {
  buffer b = buffer_new((size_t)(s->b * s->S) * sizeof(int32_t));
  int32_t *labels = (void *)b.at;
  for (int i = 0; i < s->b * s->S; i++)
    labels[i] = random_below(4) ? random_below(s->V) : random_below(2) ? -100 : s->V;
  for (int i = 0; i < s->S; i++) labels[i] = -1; /* the first example has none */
  return b;
}

static void open_test(heads_test *t, const shape *s, trm_dtype type) {
  size_t b = (size_t)s->b, V = (size_t)s->V, D = (size_t)s->D, rows = b * (size_t)s->S;
  size_t state = b * (size_t)(s->P + s->S) * D;
  *t = (heads_test){.y = floats(state), .lm_head = floats(V * D), .q_weight = floats(2 * D)};
  t->dlogits = calloc(rows * V, sizeof(double));
  t->dq = calloc(2 * b, sizeof(double));
  t->by = buffer_filled(type, state, t->y, 0);
  t->blm = weights(V * D, type, t->lm_head);
  t->bqw = weights(2 * D, type, t->q_weight);
  t->bqb = weights(2, type, t->q_bias);
  t->blogits = buffer_new(rows * V * sizeof(float));
  t->bq = buffer_new(2 * b * sizeof(float));
  t->blabels = labels_of(s);
  t->bsteps = buffer_new(b * sizeof(int32_t));
  for (int i = 0; i < s->b; i++) ((int32_t *)(void *)t->bsteps.at)[i] = i % 5;
  t->bstats = buffer_new(b * sizeof(trm__example_stats));
  t->bd = buffer_new(state * type_bytes(type));
  t->bdlogits = buffer_new(rows * V * sizeof(float));
  t->bdq = buffer_new(2 * b * sizeof(float));
  t->bdlm = buffer_filled(TRM_FLOAT32, V * D, NULL, 0);
  t->bdqw = buffer_filled(TRM_FLOAT32, 2 * D, NULL, 0);
  t->bdqb = buffer_filled(TRM_FLOAT32, 2, NULL, 0);
  t->bpartial = buffer_new(trm__cuda_heads_scratch(s->b, s->S, s->D, s->V) * sizeof(float));
  t->h = (trm__cuda_heads){.type = type, .b = s->b, .S = s->S, .P = s->P, .D = s->D, .V = s->V};
  t->h.y = t->by.at, t->h.lm_head = (void *)t->blm.at;
  t->h.q_weight = (void *)t->bqw.at, t->h.q_bias = (void *)t->bqb.at;
  t->h.logits = (void *)t->blogits.at, t->h.q = (void *)t->bq.at;
  t->h.labels = (void *)t->blabels.at;
  t->h.softmax = s->softmax, t->h.label_smoothing = s->smoothing, t->h.step_decay = s->decay;
  t->h.halt_weight = 0.5, t->h.grad_scale = 1.0 / 24;
  t->h.steps = (void *)t->bsteps.at, t->h.stats = t->bstats.at, t->h.d = t->bd.at;
  t->h.dlogits = (void *)t->bdlogits.at, t->h.dq = (void *)t->bdq.at;
  t->h.dlm_head = (void *)t->bdlm.at, t->h.dq_weight = (void *)t->bdqw.at, t->h.dq_bias = (void *)t->bdqb.at;
  t->h.partial = (void *)t->bpartial.at;
}

static void close_test(heads_test *t) {
  buffer *all[] = {&t->by,     &t->blm, &t->bqw,      &t->bqb, &t->blogits, &t->bq,   &t->blabels, &t->bsteps,
                   &t->bstats, &t->bd,  &t->bdlogits, &t->bdq, &t->bdlm,    &t->bdqw, &t->bdqb,    &t->bpartial};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) buffer_free(all[i]);
  free(t->y), free(t->lm_head), free(t->q_weight), free(t->dlogits), free(t->dq);
}

/* -- forward ------------------------------------------------------------------------------------------------------- */

static double dot(const float *a, const float *b, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

static const float *row_of(const heads_test *t, const shape *s, int example, int p) {
  return t->y + (size_t)(example * (s->P + s->S) + p) * (size_t)s->D;
}

static void check_forward(const heads_test *t, const shape *s) {
  double unit = t->h.type == TRM_BFLOAT16 ? 0x1p-8 : 0, absolute = 1e-6 * sqrt(s->D);
  for (int e = 0; e < s->b; e++) {
    for (int p = 0; p < s->S; p++)
      for (int v = 0; v < s->V; v++) {
        double want = dot(row_of(t, s, e, s->P + p), t->lm_head + (size_t)v * (size_t)s->D, s->D);
        double got = (double)t->h.logits[((size_t)e * (size_t)s->S + (size_t)p) * (size_t)s->V + (size_t)v];
        CHECK_CLOSE(got, want, fabs(want) * unit + absolute, "logit %d of token %d of %d", v, p, e);
        if (unit > 0) assert_true(to_bf16((float)got) == (float)got);
      }
    for (int i = 0; i < 2; i++) {
      double want = (double)t->q_bias[i] + dot(t->q_weight + i * s->D, row_of(t, s, e, 0), s->D);
      assert_true(t->h.q[2 * e + i] == rounded((float)want, t->h.type) || unit == 0);
      CHECK_CLOSE((double)t->h.q[2 * e + i], want, fabs(want) * (unit + 1e-7), "q %d of %d", i, e);
    }
  }
}

/* -- losses: from the logits that the device computed -------------------------------------------------------------- */

/* log s(a) (softmax: a), and the derivative of log s. */
static double log_s(int softmax, double a, double *slope) {
  *slope = softmax ? 1 : a >= 0 ? 1 / (1 + a) : 1 / (1 - a);
  return softmax ? a : a >= 0 ? log1p(a) : -log1p(-a);
}

/* loss = sum_j w_j (log sum_k s_k - log s_j); d loss / d a_k = (log s_k)' (s_k / sum s - w_k). */
static double token_loss(const shape *s, const float *a, int label, double scale, double *d) {
  double most = -INFINITY, sum = 0, slope, loss = 0;
  for (int k = 0; k < s->V; k++) most = fmax(most, log_s(s->softmax, (double)a[k], &slope));
  for (int k = 0; k < s->V; k++) sum += exp(log_s(s->softmax, (double)a[k], &slope) - most);
  for (int k = 0; k < s->V; k++) {
    double l = log_s(s->softmax, (double)a[k], &slope), w = s->smoothing / s->V + (k == label ? 1 - s->smoothing : 0);
    loss += w * (log(sum) + most - l);
    d[k] = scale * slope * (exp(l - most) / sum - w);
  }
  return loss;
}

static trm__example_stats expect_example(heads_test *t, const shape *s, int e) {
  size_t V = (size_t)s->V, first = (size_t)(e * s->S);
  trm__example_stats want = {.q_halt = (double)t->h.q[2 * e]};
  const int32_t *labels = t->h.labels + first;
  const float *logits = t->h.logits + first * V;
  double scale = t->h.grad_scale * (s->decay != 0 && t->h.steps ? pow(s->decay, e % 5) : 1);
  for (int p = 0; p < s->S; p++) want.labelled += labels[p] >= 0 && labels[p] < s->V;
  for (size_t p = 0; p < (size_t)s->S; p++) {
    if (labels[p] < 0 || labels[p] >= s->V) continue;
    size_t best = 0;
    for (size_t v = 1; v < V; v++)
      if (logits[p * V + v] > logits[p * V + best]) best = v;
    want.right += (int)best == labels[p];
    want.lm_loss +=
        token_loss(s, logits + p * V, labels[p], scale / want.labelled, t->dlogits + (first + p) * V) / want.labelled;
  }
  want.exact = want.right == want.labelled;
  double q = want.q_halt;
  want.halt_loss = want.exact ? log1p(exp(-q)) : log1p(exp(q));
  t->dq[2 * e] = scale * 0.5 * (1 / (1 + exp(-q)) - want.exact);
  return want;
}

static void check_losses(heads_test *t, const shape *s) {
  const trm__example_stats *stats = t->h.stats;
  for (int e = 0; e < s->b; e++) {
    trm__example_stats want = expect_example(t, s, e);
    CHECK_CLOSE(stats[e].lm_loss, want.lm_loss, 1e-12 * want.lm_loss + 1e-13, "lm_loss of %d", e);
    CHECK_CLOSE(stats[e].halt_loss, want.halt_loss, 1e-12 * want.halt_loss, "halt_loss of %d", e);
    assert_true(stats[e].q_halt == want.q_halt);
    assert_int_equal(stats[e].labelled, want.labelled);
    assert_int_equal(stats[e].right, want.right);
    assert_int_equal(stats[e].exact, want.exact);
  }
  for (int i = 0; t->h.dlogits && i < s->b * s->S * s->V; i++)
    CHECK_CLOSE((double)t->h.dlogits[i], t->dlogits[i], 1e-6 * fabs(t->dlogits[i]) + 1e-12, "dlogits [%d]", i);
  for (int i = 0; t->h.dq && i < 2 * s->b; i++)
    CHECK_CLOSE((double)t->h.dq[i], t->dq[i], 1e-6 * fabs(t->dq[i]) + 1e-15, "dq [%d]", i);
}

/* -- gradients: from the device's dlogits and dq ------------------------------------------------------------------- */

static void check_d(const heads_test *t, const shape *s) {
  double unit = t->h.type == TRM_BFLOAT16 ? 0x1p-8 : 0;
  size_t D = (size_t)s->D, V = (size_t)s->V;
  for (int e = 0; e < s->b; e++)
    for (int p = 0; p < s->P + s->S; p++)
      for (size_t c = 0; c < D; c++) {
        double want = 0, size = 0;
        for (size_t v = 0; p >= s->P && v < V; v++) {
          double term = (double)t->h.dlogits[(size_t)(e * s->S + p - s->P) * V + v] * (double)t->lm_head[v * D + c];
          want += term, size += fabs(term);
        }
        for (size_t i = 0; p == 0 && i < 2; i++)
          want += (double)t->h.dq[2 * e + (int)i] * (double)t->q_weight[i * D + c];
        double got = (double)get_number(t->h.d, t->h.type, (size_t)(e * (s->P + s->S) + p) * D + c);
        CHECK_CLOSE(got, want, unit * fabs(want) + 1e-6 * size + 1e-8, "d of row %d of %d, column %zu", p, e, c);
      }
}

static void check_weights(const heads_test *t, const shape *s, const float *before) {
  size_t D = (size_t)s->D, V = (size_t)s->V;
  for (size_t v = 0; v < V + 2; v++)
    for (size_t c = 0; c < D; c++) {
      double sum = 0, size = 0;
      for (int e = 0; e < s->b; e++)
        for (int p = 0; p < (v < V ? s->S : 1); p++) {
          double g = (double)(v < V ? t->h.dlogits[(size_t)(e * s->S + p) * V + v] : t->h.dq[2 * e + (int)(v - V)]);
          double term = g * (double)row_of(t, s, e, v < V ? s->P + p : 0)[c];
          sum += term, size += fabs(term);
        }
      double got = (double)(v < V ? t->h.dlm_head[v * D + c] : t->h.dq_weight[(v - V) * D + c]);
      CHECK_CLOSE(got, (double)before[v * D + c] + sum, 1e-6 * size + 2e-7, "gradient of weight %zu, %zu", v, c);
    }
  for (int i = 0; i < 2; i++) {
    double sum = (double)before[(V + 2) * D + (size_t)i];
    for (int e = 0; e < s->b; e++) sum += (double)t->h.dq[2 * e + i];
    CHECK_CLOSE((double)t->h.dq_bias[i], sum, 1e-6, "gradient of bias %d", i);
  }
}

static void check_shape(const shape *s, trm_dtype type) {
  heads_test t;
  open_test(&t, s, type);
  size_t D = (size_t)s->D, V = (size_t)s->V;
  float *before = floats((V + 2) * D + 2);
  memcpy(before, t.bdlm.at, t.bdlm.bytes);
  memcpy(before + V * D, t.bdqw.at, t.bdqw.bytes);
  memcpy(before + (V + 2) * D, t.bdqb.at, t.bdqb.bytes);
  if (s->decay == 0) t.h.steps = NULL;
  buffer *out[] = {&t.blogits, &t.bq, &t.bd, &t.bdlogits, &t.bdq, &t.bdlm, &t.bdqw, &t.bdqb};
  run_twice(launch, &t, out, 8);
  check_forward(&t, s);
  check_losses(&t, s);
  check_d(&t, s);
  check_weights(&t, s, before);
  free(before);
  close_test(&t);
}

static void shapes(void **state) {
  (void)state;
  static const shape all[] = {{1, 1, 0, 1, 1, 0, 0, 0},        {3, 5, 2, 7, 4, 0, 0, 0},
                              {4, 9, 0, 16, 11, 1, 0, 0.9},    {3, 81, 16, 64, 11, 0, 0.1, 0},
                              {2, 40, 1, 520, 6, 0, 0, 0.5},   {2, 35, 3, 1032, 30, 1, 0.2, 1},
                              {40, 3, 1, 24, 13, 0, 0.3, 0.8}, {2, 33, 1, 33, 50, 0, 0, 0},
                              {1, 300, 0, 20, 17, 1, 0, 0},    {3, 50, 2, 128, 12, 0, 0, 0.7}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (int t = 0; t < TYPES; t++) check_shape(&all[i], both_types[t]);
}

/* Without labels nothing but logits and q is written; without d no gradients; without y the logits are given. */
static void parts(void **state) {
  (void)state;
  shape s = {3, 10, 2, 40, 7, 0, 0, 0};
  for (int type = 0; type < TYPES; type++) {
    heads_test t;
    open_test(&t, &s, both_types[type]);
    t.h.steps = NULL;
    trm__cuda_heads whole = t.h;
    t.h = (trm__cuda_heads){.type = whole.type,
                            .b = s.b,
                            .S = s.S,
                            .P = s.P,
                            .D = s.D,
                            .V = s.V,
                            .y = whole.y,
                            .lm_head = whole.lm_head,
                            .q_weight = whole.q_weight,
                            .q_bias = whole.q_bias,
                            .logits = whole.logits,
                            .q = whole.q};
    buffer *out[] = {&t.blogits, &t.bq, &t.bstats, &t.bd, &t.bdlogits, &t.bdlm};
    run_twice(launch, &t, out, 6);
    check_forward(&t, &s);
    for (int i = 2; i < 5; i++)
      for (size_t k = 0; k < out[i]->bytes; k++) assert_int_equal(out[i]->at[k], 0xff);

    t.h = whole;
    t.h.y = NULL;
    t.h.d = NULL, t.h.dlogits = NULL, t.h.dq = NULL;
    t.h.lm_head = t.h.q_weight = t.h.q_bias = NULL;
    run_twice(launch, &t, out, 6);
    check_losses(&t, &s);
    for (int i = 3; i < 5; i++)
      for (size_t k = 0; k < out[i]->bytes; k++) assert_int_equal(out[i]->at[k], 0xff);
    close_test(&t);
  }
}

/* Ties go to the first; huge and NaN logits reach the stats. */
static void extremes(void **state) {
  (void)state;
  shape s = {4, 2, 0, 8, 3, 0, 0, 0};
  static const float logits[4][6] = {
      {2, 2, 1, -5, -5, -5}, {1e30F, 0, -1e30F, 0, 0, 0}, {NAN, 1, 0, 3, 2, 1}, {-1, -2, -3, 0, 1, 2}};
  static const int32_t labels[4][2] = {{0, 0}, {0, 1}, {0, 0}, {1, 2}};
  static const float q[4][2] = {{800, 0}, {-800, 0}, {0, 0}, {NAN, 0}};
  for (int softmax = 0; softmax < 2; softmax++) {
    heads_test t;
    s.softmax = softmax;
    open_test(&t, &s, TRM_FLOAT32);
    memcpy(t.h.logits, logits, sizeof logits);
    memcpy(t.h.q, q, sizeof q);
    memcpy(t.blabels.at, labels, sizeof labels);
    t.h.y = NULL;
    t.h.steps = NULL;
    run_twice(launch, &t, (buffer *[]){&t.bdlogits, &t.bdq}, 2);
    const trm__example_stats *stats = t.h.stats;
    static const int right[] = {2, 1, 2, 1};
    for (int e = 0; e < 4; e++) assert_int_equal(stats[e].right, right[e]);
    assert_true(stats[0].exact && stats[0].halt_loss == 0 && t.h.dq[0] == 0);
    assert_true(!stats[1].exact && stats[1].halt_loss == 0 && t.h.dq[2] == 0);
    assert_true(isnan(stats[2].lm_loss) && fabs(stats[2].halt_loss - log(2)) < 1e-15);
    assert_true(isnan(stats[3].halt_loss) && isfinite(stats[3].lm_loss) && isnan(t.h.dq[6]));
    assert_true(isfinite(stats[1].lm_loss));
    close_test(&t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(shapes), cmocka_unit_test(parts), cmocka_unit_test(extremes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
